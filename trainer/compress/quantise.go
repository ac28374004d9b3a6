package compress

import (
	"math"

	"neq/surrogates"
)

// Full are the bits of a weight that is not rounded.
const Full = 32

// Quantise rounds every connection weight to a whole multiple of a scale, symmetric around 0, of which a code of so many
// bits, 2 to 16 or Full, tells -(2^(bits-1)-1) .. 2^(bits-1)-1 apart; a float32 scale a tensor, or with per "channel" one
// for the weights of each output (Jacob et al. 2018, without zero points). Other tensors stay, as biases do there in 32
// bits.
func Quantise(net *surrogates.Network, bits int, per string) {
	if bits >= Full {
		return
	}
	for _, w := range net.Weights() {
		if !w.Connection() {
			continue
		}
		v := values(w)
		if w.Rectified {
			for i := range v {
				v[i] = acting(w, v[i])
			}
		}
		n := scales(w, per)
		largest := make([]float32, n)
		each(w, n, func(s, j int) { largest[s] = max(largest[s], float32(math.Abs(float64(v[j])))) })
		levels := float64(int(1)<<(bits-1) - 1)
		each(w, n, func(s, j int) {
			scale := float64(float32(float64(largest[s]) / levels))
			if scale == 0 {
				v[j] = 0
				return
			}
			q := math.RoundToEven(float64(v[j]) / scale)
			v[j] = float32(max(-levels, min(levels, q)) * scale)
		})
	}
}

// scales is how many a tensor has.
func scales(w *surrogates.Weight, per string) int {
	if per == "channel" && w.Value.Dims() > 1 {
		return w.Value.Shape()[w.OutputAxis()]
	}
	return 1
}

// each calls f with the scale of every value of a tensor with n scales, and its index.
func each(w *surrogates.Weight, n int, f func(scale, j int)) {
	if n == 1 {
		for j := range values(w) {
			f(0, j)
		}
		return
	}
	c := surrogates.Cut{Weight: w, Axis: w.OutputAxis(), Unit: make([]int, n)}
	for i := range c.Unit {
		c.Unit[i] = i
	}
	along(c, f)
}
