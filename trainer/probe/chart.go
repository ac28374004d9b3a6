package probe

import (
	"math"

	"neq/internal/plot"
)

// chart is a plane with axes in a drawing.
type chart struct {
	d    *plot.Drawing
	x, y plot.Axis
}

// frame is where a chart goes, and what its axes say.
type frame struct {
	left, top, width, height float64
	x, y                     string     // labels
	rangeX, rangeY           [2]float64 // values
	ticksX, ticksY           int        // about so many, default 6 and 5; none below 0
	bare                     bool       // no words below the horizontal axis
}

// newChart draws the grid, the ticks and the labels.
func newChart(d *plot.Drawing, f frame) *chart {
	if f.ticksX == 0 {
		f.ticksX = 6
	}
	if f.ticksY == 0 {
		f.ticksY = 5
	}
	c := &chart{d, plot.NewAxis(f.rangeX[0], f.rangeX[1], f.left, f.left+f.width), plot.NewAxis(f.rangeY[0], f.rangeY[1], f.top+f.height, f.top)}
	d.Open("ticks")
	for _, t := range ticks(c.y, f.ticksY) {
		d.Line("grid", c.x.A, c.y.At(t), c.x.B, c.y.At(t))
		d.Text("", "end", c.x.A-8, c.y.At(t)+4, minus(plot.Figures(t, 3)))
	}
	for _, t := range ticks(c.x, f.ticksX) {
		d.Line("grid", c.x.At(t), c.y.A, c.x.At(t), c.y.B)
		if !f.bare {
			d.Text("", "middle", c.x.At(t), c.y.A+18, minus(plot.Figures(t, 3)))
		}
	}
	d.End()
	d.Line("axis", c.x.A, c.y.A, c.x.B, c.y.A)
	if !f.bare {
		d.Text("small soft", "middle", (c.x.A+c.x.B)/2, c.y.A+38, f.x)
	}
	d.Text("small soft", "start", c.x.A-38, c.y.B-10, f.y)
	return c
}

func ticks(a plot.Axis, n int) []float64 {
	if n < 0 {
		return nil
	}
	return a.Ticks(n)
}

// minus writes a true minus.
func minus(s string) string {
	if s != "" && s[0] == '-' {
		return "−" + s[1:]
	}
	return s
}

// curve draws a line through points, in pieces where one is not defined, with marks on them if there are few.
func (c *chart) curve(class string, family int, xs, ys []float64, marks bool) {
	c.d.Open(class)
	defer c.d.End()
	var px, py []float64
	flush := func() {
		if len(px) > 1 {
			c.d.Path("curve", plot.Poly(px, py))
		}
		px, py = px[:0], py[:0]
	}
	for i := range xs {
		if math.IsNaN(ys[i]) || math.IsInf(ys[i], 0) {
			flush()
			continue
		}
		px, py = append(px, c.x.Clamp(xs[i])), append(py, c.y.Clamp(ys[i]))
	}
	flush()
	for i := range xs {
		if marks && !math.IsNaN(ys[i]) && !math.IsInf(ys[i], 0) {
			c.d.Mark("mark", family, c.x.Clamp(xs[i]), c.y.Clamp(ys[i]), 4)
		}
	}
}

// trace draws a voltage recorded from t0 on every so many ms, with a line up to the top of the chart at every spike,
// which a neuron that resets does not draw by itself.
func (c *chart) trace(class string, v []float32, every float64, spikes []float64) {
	from, to := max(0, int(c.x.From/every)), min(len(v), int(c.x.To/every)+1)
	if from >= to {
		return
	}
	x := plot.NewAxis(0, float64(to-from-1), c.x.At(float64(from)*every), c.x.At(float64(to-1)*every))
	c.d.Open(class)
	for _, t := range spikes {
		if k := int(t / every); t >= c.x.From && t < c.x.To && k < len(v) {
			c.d.Line("line", c.x.At(t), c.y.Clamp(float64(v[k])), c.x.At(t), c.y.B)
		}
	}
	c.d.Path("line", plot.Series(v[from:to], x, c.y))
	c.d.End()
}

// entry is a line of a legend.
type entry struct {
	class, words string
	family       int
}

// legend names curves in a row, from the left.
func legend(d *plot.Drawing, left, y float64, entries ...entry) {
	for _, e := range entries {
		d.Open(e.class)
		d.Line("curve", left, y-4, left+18, y-4)
		d.Mark("mark", e.family, left+9, y-4, 4)
		d.End()
		d.Text("small", "start", left+24, y, e.words)
		left += 24 + 7.1*float64(len([]rune(e.words))) + 22
	}
}

// extent is the range of all values that are numbers, padded by a share of it; zero is included if asked for.
func extent(pad float64, zero bool, series ...[]float64) [2]float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	if zero {
		lo, hi = 0, 0
	}
	for _, s := range series {
		for _, v := range s {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	if lo > hi {
		return [2]float64{0, 1}
	}
	if hi == lo {
		hi = lo + 1
	}
	span := hi - lo
	if !zero || lo < 0 {
		lo -= pad * span
	}
	return [2]float64{lo, hi + pad*span}
}

// rangeOf is the range of what was recorded, padded by a share of it.
func rangeOf(pad float64, traces ...[]float32) [2]float64 {
	var all []float64
	for _, t := range traces {
		for _, v := range t {
			all = append(all, float64(v))
		}
	}
	r := extent(0, false, all)
	if wide := r[1] - r[0]; wide > 1e-9 {
		return [2]float64{r[0] - pad*wide, r[1] + pad*wide}
	}
	return [2]float64{r[0] - 0.5, r[0] + 0.5}
}

// volts is rangeOf for voltages: of a mV at least.
func volts(pad float64, traces ...[]float32) [2]float64 {
	r := rangeOf(pad, traces...)
	if m := (r[0] + r[1]) / 2; r[1]-r[0] < 1 {
		return [2]float64{m - 0.5, m + 0.5}
	}
	return r
}

// flat tells that a record does not change.
func flat(v []float32) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}
