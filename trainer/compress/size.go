package compress

import (
	"math"

	"neq/surrogates"
)

// Size is what is left of a network, and what it takes to write it down.
type Size struct {
	Nonzero int     `json:"parameters"`                 // that are not zero; biases, norms and time constants all count
	Dense   int     `json:"dense_parameters,omitempty"` // of the network without the units that fell; of structured pruning
	Bits    float64 `json:"bits"`                       // values, scales and places
	Places  float64 `json:"place_bits"`                 // those that say where the values are
}

// measure counts. Of a tensor with k of n values not zero the places take log2 C(n, k) bits, unless it is shorter to
// write all n; of units that fell, log2 C(units, kept) a group and nothing in the tensors. What training leaves alone is
// not counted: running statistics fold into the weights, a routing comes from the seed.
func measure(net *surrogates.Network, mask Mask, groups []chosen, bits int, per string) Size {
	var s Size
	dense := 0
	for i, w := range net.Weights() {
		if !w.Trainable {
			continue
		}
		room := func(j int) bool { return groups == nil || mask == nil || mask[i] == nil || mask[i][j] }
		n, k := 0, 0
		for j, v := range values(w) {
			if !room(j) {
				continue
			}
			if n++; !w.Connection() || acting(w, v) != 0 {
				k++
			}
		}
		dense += n
		s.Nonzero += k
		if !w.Connection() {
			s.Bits += float64(n) * Full
			continue
		}
		if places := choices(n, k); float64(k*bits)+places < float64(n*bits) {
			s.Bits, s.Places = s.Bits+float64(k*bits)+places, s.Places+places
		} else {
			s.Bits += float64(n * bits)
		}
		if bits < Full {
			used := make([]bool, scales(w, per))
			each(w, len(used), func(c, j int) { used[c] = used[c] || room(j) })
			for _, u := range used {
				if u {
					s.Bits += 32
				}
			}
		}
	}
	for _, g := range groups {
		places := choices(g.Count, g.n)
		s.Bits, s.Places = s.Bits+places, s.Places+places
	}
	if groups != nil {
		s.Dense = dense
	}
	return s
}

// choices is log2 of the ways to choose k of n.
func choices(n, k int) float64 {
	if k <= 0 || k >= n {
		return 0
	}
	l := func(x int) float64 { g, _ := math.Lgamma(float64(x) + 1); return g }
	return (l(n) - l(k) - l(n-k)) / math.Ln2
}
