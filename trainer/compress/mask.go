package compress

import (
	"fmt"
	"math"
	"slices"

	"neq/surrogates"
)

// Mask says of each tensor of a network which values stay; a nil row keeps a tensor whole, a nil mask all.
type Mask [][]bool

func values(w *surrogates.Weight) []float32 { return w.Value.Data().([]float32) }

// acting is what a stored value of a tensor does.
func acting(w *surrogates.Weight, v float32) float32 {
	if w.Rectified {
		return max(v, 0)
	}
	return v
}

// Magnitude keeps a fraction of the connection weights, those of the largest absolute value: of the network's, or with
// scope "tensor" of every tensor's, of which one stays at least (Han et al. 2015; Zhu & Gupta 2017). Of equal ones the
// first stay.
func Magnitude(net *surrogates.Network, keep float64, scope string) Mask {
	if keep >= 1 {
		return nil
	}
	mask := make(Mask, len(net.Weights()))
	var group []int
	for i, w := range net.Weights() {
		if !w.Connection() {
			continue
		}
		mask[i] = make([]bool, len(values(w)))
		if group = append(group, i); scope == "tensor" {
			keepLargest(net, mask, group, keep)
			group = group[:0]
		}
	}
	if len(group) > 0 {
		keepLargest(net, mask, group, keep)
	}
	return mask
}

func keepLargest(net *surrogates.Network, mask Mask, group []int, keep float64) {
	var sizes []float32
	visit := func(f func(i, j int, size float32)) {
		for _, i := range group {
			w := net.Weights()[i]
			for j, v := range values(w) {
				f(i, j, float32(math.Abs(float64(acting(w, v)))))
			}
		}
	}
	visit(func(_, _ int, size float32) { sizes = append(sizes, size) })
	k := kept(len(sizes), keep)
	slices.Sort(sizes)
	least := sizes[len(sizes)-k]
	above, _ := slices.BinarySearchFunc(sizes, least, func(a, b float32) int { // the first above least
		if a <= b {
			return -1
		}
		return 1
	})
	equal := k - (len(sizes) - above) // how many of least stay
	visit(func(i, j int, size float32) {
		if size > least {
			mask[i][j] = true
		} else if size == least && equal > 0 {
			mask[i][j] = true
			equal--
		}
	})
}

// kept is a fraction of n in whole numbers, one at least.
func kept(n int, keep float64) int { return min(n, max(1, int(math.Round(keep*float64(n))))) }

// chosen are the units that stay of a group.
type chosen struct {
	surrogates.Units
	stay []bool
	n    int
}

// Structured keeps a fraction of the hidden units of every layer, or with synapses of the input synapses: those whose
// weights, to and from them, have the largest norm (after Li et al. 2017, "Pruning filters for efficient ConvNets").
func Structured(net *surrogates.Network, keep float64, synapses bool) (Mask, []chosen, error) {
	var groups []chosen
	for _, u := range net.Units() {
		if u.Synapses == synapses && u.Count > 1 {
			groups = append(groups, choose(u, keep))
		}
	}
	if len(groups) == 0 {
		what := "hidden units that can fall"
		if synapses {
			what = "input synapses that can fall"
		}
		return nil, nil, fmt.Errorf("compress: %s has no %s: prune it by magnitude", net.Spec().Title(), what)
	}
	if keep >= 1 {
		return nil, groups, nil
	}
	at := map[*surrogates.Weight]int{}
	for i, w := range net.Weights() {
		at[w] = i
	}
	mask := make(Mask, len(net.Weights()))
	for _, g := range groups {
		for _, c := range g.Cuts {
			i := at[c.Weight]
			if !c.Weight.Trainable { // a statistic, a table
				continue
			}
			if mask[i] == nil {
				mask[i] = slices.Repeat([]bool{true}, len(values(c.Weight)))
			}
			along(c, func(u, j int) {
				if !g.stay[u] {
					mask[i][j] = false
				}
			})
		}
	}
	return mask, groups, nil
}

// choose keeps the units of the largest norm; of equal ones the first.
func choose(u surrogates.Units, keep float64) chosen {
	norm := make([]float64, u.Count)
	for _, c := range u.Cuts {
		if !c.Weight.Connection() {
			continue
		}
		v := values(c.Weight)
		along(c, func(u, j int) {
			x := float64(acting(c.Weight, v[j]))
			norm[u] += x * x
		})
	}
	order := make([]int, u.Count)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case norm[a] > norm[b]:
			return -1
		case norm[a] < norm[b]:
			return 1
		}
		return 0
	})
	g := chosen{u, make([]bool, u.Count), kept(u.Count, keep)}
	for _, i := range order[:g.n] {
		g.stay[i] = true
	}
	return g
}

// along calls f with the unit of every value of a cut and its index in the tensor.
func along(c surrogates.Cut, f func(unit, j int)) {
	shape := c.Weight.Value.Shape()
	outer, inner := 1, 1
	for a, n := range shape {
		if a < c.Axis {
			outer *= n
		} else if a > c.Axis {
			inner *= n
		}
	}
	for o := range outer {
		for i, u := range c.Unit {
			at := (o*len(c.Unit) + i) * inner
			for j := at; u >= 0 && j < at+inner; j++ {
				f(u, j)
			}
		}
	}
}

// apply clears what a mask does not keep.
func (m Mask) apply(net *surrogates.Network) {
	for i, w := range net.Weights() {
		if m == nil || m[i] == nil {
			continue
		}
		v := values(w)
		for j, on := range m[i] {
			if !on {
				v[j] = 0
			}
		}
	}
}
