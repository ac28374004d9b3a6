package morphology

import (
	"fmt"
	"math"

	"neq/internal/plot"
)

// shading maps values to colours.
type shading struct {
	log      bool
	from, to float64 // of the values, or of their logarithms to base 10
	any      bool
}

func newShading(values []float64, log bool) shading {
	s := shading{log: log, from: math.Inf(1), to: math.Inf(-1)}
	for _, x := range values {
		if y := s.scaled(x); !math.IsNaN(y) && !math.IsInf(y, 0) {
			s.from, s.to, s.any = math.Min(s.from, y), math.Max(s.to, y), true
		}
	}
	return s
}

func (s shading) scaled(x float64) float64 {
	if !s.log {
		return x
	} else if x > 0 {
		return math.Log10(x)
	}
	return math.NaN()
}

func (s shading) class(x float64) string {
	y := s.scaled(x)
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return "none"
	}
	k := shades / 2
	if s.to > s.from {
		k = min(shades-1, int((y-s.from)/(s.to-s.from)*shades))
	}
	return fmt.Sprintf("h%d", k)
}

// at is the value a share of the way up the bar.
func (s shading) at(f float64) float64 {
	y := s.from + f*(s.to-s.from)
	if s.log {
		return math.Pow(10, y)
	}
	return y
}

// colourBar draws the colours with the values at their ends and in the middle.
func (v *view) colourBar() {
	const high, wide = 20.0, 16.0
	x, top := v.d.W-20-wide, 52.0
	v.d.Text("small", "end", v.d.W-20, 28, v.Label)
	if !v.scale.any {
		v.d.Text("small soft", "end", v.d.W-20, 48, "no values")
		return
	}
	for k := range shades {
		v.d.Open(fmt.Sprintf("h%d", k))
		v.d.Rect("fill", x, top+high*float64(shades-1-k), wide, high+0.5, 0, "")
		v.d.End()
	}
	for _, f := range []float64{0, 0.5, 1} {
		if f < 1 && v.scale.from == v.scale.to {
			continue
		}
		v.d.Text("small soft", "end", x-8, top+high*shades*(1-f)+4, number3(v.scale.at(f)))
	}
}

// number3 writes a number in three figures, with a power of ten where it is far from one.
func number3(x float64) string {
	if a := math.Abs(x); a != 0 && (a < 1e-3 || a >= 1e5) {
		words := plot.Power(a)
		if x < 0 {
			words = "−" + words
		}
		return words
	}
	return plot.Figures(x, 3)
}
