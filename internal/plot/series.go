package plot

import "math"

// Series is the path of one value per ms. Where there are more values than pixels each pixel gets its
// lowest and highest.
func Series(v []float32, x, y Axis) string {
	wide := int(math.Abs(x.B - x.A))
	var xs, ys []float64
	put := func(i int) {
		if f := float64(v[i]); !math.IsNaN(f) {
			xs = append(xs, x.At(x.From+float64(i)))
			ys = append(ys, y.Clamp(f))
		}
	}
	if len(v) <= 2*wide {
		for i := range v {
			put(i)
		}
		return Poly(xs, ys)
	}
	for p := range wide {
		a, b := p*len(v)/wide, (p+1)*len(v)/wide
		lo, hi := a, a
		for i := a; i < b; i++ {
			if v[i] < v[lo] {
				lo = i
			}
			if v[i] > v[hi] {
				hi = i
			}
		}
		put(min(lo, hi))
		if lo != hi {
			put(max(lo, hi))
		}
	}
	return Poly(xs, ys)
}
