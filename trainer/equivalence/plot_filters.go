package equivalence

import (
	"fmt"
	"math"
)

// filtersPlot draws the first layer's weights against the age of an event, a panel per group of synapses, and
// where the first layer is a single filter the exponential that fits it.
func filtersPlot(f Filters, groups []Synapses) string {
	columns := min(3, max(1, len(f.Groups)))
	d := &drawing{w: 960}
	const high, gap, head = 190.0, 62.0, 44.0
	wide := (d.w - 40*float64(columns-1)) / float64(columns)
	lo, hi := filterRange(f)
	for i, g := range f.Groups {
		x0, y0 := float64(i%columns)*(wide+40), float64(i/columns)*(high+gap+head)
		x := axis{0, float64(max(1, len(g.Mean)-1)), x0 + 52, x0 + wide - 8}
		y := axis{lo, hi, y0 + head + high, y0 + head}
		d.text("strong", "start", x0, y0+16, cut(g.Name, 40))
		d.open("ticks")
		for _, t := range y.ticks(5) {
			d.line("grid", x.a, y.at(t), x.b, y.at(t))
			d.text("", "end", x.a-6, y.at(t)+4, figures(t, 2))
		}
		for _, t := range x.ticks(5) {
			d.text("", "middle", x.at(t), y.a+18, figures(t, 3))
		}
		if lo < 0 && hi > 0 {
			d.line("axis", x.a, y.at(0), x.b, y.at(0))
		}
		d.end()
		d.text("small soft", "middle", (x.a+x.b)/2, y.a+36, "ms since the input event")

		d.open(groupClass(g.Name, groups, i))
		var xs, ys, bx, by []float64
		for k, m := range g.Mean {
			xs, ys = append(xs, x.at(float64(k))), append(ys, y.clamp(m))
			if len(g.Spread) > 0 {
				bx, by = append(bx, x.at(float64(k))), append(by, y.clamp(m+g.Spread[k]))
			}
		}
		for k := len(g.Spread) - 1; k >= 0; k-- {
			bx, by = append(bx, x.at(float64(k))), append(by, y.clamp(g.Mean[k]-g.Spread[k]))
		}
		if len(bx) > 0 {
			d.path("spread", poly(bx, by)+"Z")
		}
		d.path("mean", poly(xs, ys))
		d.end()
		note := plural(g.Count, "synapse")
		if f.Channels > 1 {
			note += fmt.Sprintf(", %d channels, root mean square", f.Channels)
		} else if fit, ok := fitDecay(g.Mean); ok {
			xs, ys = xs[:0], ys[:0]
			for k := range g.Mean {
				xs, ys = append(xs, x.at(float64(k))), append(ys, y.clamp(fit.Amplitude*math.Exp(-float64(k)/fit.Tau)))
			}
			d.path("fit", poly(xs, ys))
			note += ", decays with " + figures(fit.Tau, 3) + " ms"
		} else {
			note += ", not a single exponential"
		}
		d.text("small soft", "start", x0, y0+34, note)
	}
	d.h = float64((len(f.Groups)+columns-1)/columns) * (high + gap + head)
	return d.finish("First-layer filters of "+f.Surrogate, false)
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
