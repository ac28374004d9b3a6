package equivalence

import (
	"fmt"
	"math"

	"neq/internal/plot"
)

// filtersPlot draws the first layer's weights against the age of an event, a panel per group of synapses, and
// where the first layer is a single filter the exponential that fits it.
func filtersPlot(f Filters, groups []Synapses) string {
	columns := min(3, max(1, len(f.Groups)))
	d := &plot.Drawing{W: 960}
	const high, gap, head = 190.0, 62.0, 44.0
	wide := (d.W - 40*float64(columns-1)) / float64(columns)
	lo, hi := filterRange(f)
	for i, g := range f.Groups {
		x0, y0 := float64(i%columns)*(wide+40), float64(i/columns)*(high+gap+head)
		x := plot.NewAxis(0, float64(max(1, len(g.Mean)-1)), x0+52, x0+wide-8)
		y := plot.NewAxis(lo, hi, y0+head+high, y0+head)
		d.Text("strong", "start", x0, y0+16, plot.Cut(g.Name, 40))
		d.Open("ticks")
		for _, t := range y.Ticks(5) {
			d.Line("grid", x.A, y.At(t), x.B, y.At(t))
			d.Text("", "end", x.A-6, y.At(t)+4, plot.Figures(t, 2))
		}
		for _, t := range x.Ticks(5) {
			d.Text("", "middle", x.At(t), y.A+18, plot.Figures(t, 3))
		}
		if lo < 0 && hi > 0 {
			d.Line("axis", x.A, y.At(0), x.B, y.At(0))
		}
		d.End()
		d.Text("small soft", "middle", (x.A+x.B)/2, y.A+36, "ms since the input event")

		d.Open(groupClass(g.Name, groups, i))
		var xs, ys, bx, by []float64
		for k, m := range g.Mean {
			xs, ys = append(xs, x.At(float64(k))), append(ys, y.Clamp(m))
			if len(g.Spread) > 0 {
				bx, by = append(bx, x.At(float64(k))), append(by, y.Clamp(m+g.Spread[k]))
			}
		}
		for k := len(g.Spread) - 1; k >= 0; k-- {
			bx, by = append(bx, x.At(float64(k))), append(by, y.Clamp(g.Mean[k]-g.Spread[k]))
		}
		if len(bx) > 0 {
			d.Path("spread", plot.Poly(bx, by)+"Z")
		}
		d.Path("mean", plot.Poly(xs, ys))
		d.End()
		note := plot.Plural(g.Count, "synapse")
		if f.Channels > 1 {
			note += fmt.Sprintf(", %d channels, root mean square", f.Channels)
		} else if fit, ok := fitDecay(g.Mean); ok {
			xs, ys = xs[:0], ys[:0]
			for k := range g.Mean {
				xs, ys = append(xs, x.At(float64(k))), append(ys, y.Clamp(fit.Amplitude*math.Exp(-float64(k)/fit.Tau)))
			}
			d.Path("fit", plot.Poly(xs, ys))
			note += ", decays with " + plot.Figures(fit.Tau, 3) + " ms"
		} else {
			note += ", not a single exponential"
		}
		d.Text("small soft", "start", x0, y0+34, note)
	}
	d.H = float64((len(f.Groups)+columns-1)/columns) * (high + gap + head)
	return d.Finish("First-layer filters of "+f.Surrogate, false)
}

// filterRange is the range of all groups' weights, zero included, so that panels compare.
func filterRange(f Filters) (lo, hi float64) {
	for _, g := range f.Groups {
		for k, m := range g.Mean {
			s := 0.0
			if len(g.Spread) > 0 {
				s = g.Spread[k]
			}
			if a, b := m-s, m+s; !math.IsNaN(a+b) && !math.IsInf(a+b, 0) {
				lo, hi = math.Min(lo, a), math.Max(hi, b)
			}
		}
	}
	if hi == lo {
		return -1, 1
	}
	pad := 0.05 * (hi - lo)
	return lo - pad, hi + pad
}
