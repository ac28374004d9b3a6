package trainer

import (
	"fmt"
	"math"

	"neq/internal/plot"
)

// SVG draws the curve: every step's loss, the smoothed one, and the rates that were found.
func (c *RateCurve) SVG() string {
	d := &plot.Drawing{W: 760, H: 470}
	const left, right, top, bottom = 70, 732, 112, 410
	headline := "The loss never fell: no learning rate is suggested"
	if c.Suggested > 0 {
		headline = fmt.Sprintf("Suggested learning rate: %s", plot.Figures(c.Suggested, 2))
	}
	d.Text("headline", "start", 28, 42, headline)
	d.Text("sub soft", "start", 28, 68, fmt.Sprintf("%s with %s, %d windows of %d ms a step", plot.Cut(c.Title, 50), c.Optimiser, c.Batch, c.Window))
	if len(c.Points) < 2 {
		return d.Finish(headline, true)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range c.Points {
		low, high = min(low, p.Loss, p.Smooth), max(high, p.Smooth)
	}
	high = min(high, 2.5*c.Points[0].Smooth) // of the divergence its beginning
	pad := 0.08 * (high - low)
	first, last := math.Log10(c.Points[0].Rate), math.Log10(c.Points[len(c.Points)-1].Rate)
	x, y := plot.NewAxis(first, last, left, right), plot.NewAxis(low-pad, high+pad, bottom, top)
	d.Open("ticks")
	for _, v := range y.Ticks(5) {
		d.Line("grid", left, y.At(v), right, y.At(v))
		d.Text("", "end", left-8, y.At(v)+4, plot.Figures(v, 3))
	}
	for e := math.Ceil(first - 1e-9); e <= last+1e-9; e++ {
		d.Line("grid", x.At(e), bottom, x.At(e), top)
		d.Text("", "middle", x.At(e), bottom+18, "10"+plot.Superscript(int(e)))
	}
	d.End()
	d.Line("axis", left, bottom, right, bottom)
	d.Text("small soft", "middle", (left+right)/2, bottom+40, "learning rate")
	d.Text("small soft", "start", left-38, top-12, "loss of each step, and smoothed")
	var px, raw, smooth []float64
	for _, p := range c.Points {
		px, raw, smooth = append(px, x.At(math.Log10(p.Rate))), append(raw, y.Clamp(p.Loss)), append(smooth, y.Clamp(p.Smooth))
	}
	d.Path("ghost", plot.Poly(px, raw))
	d.Open("f0")
	d.Path("curve", plot.Poly(px, smooth))
	d.End()
	for i, m := range []struct {
		rate  float64
		words string
	}{{c.Suggested, "suggested"}, {c.Steepest, "steepest"}, {c.Minimum, "lowest"}} {
		if m.rate > 0 {
			at := x.Clamp(math.Log10(m.rate))
			class := "fit"
			if i == 0 {
				class = "asked"
			}
			d.Line(class, at, bottom, at, top)
			d.Text("small halo", "end", at-5, top+14+15*float64(i), m.words)
		}
	}
	return d.Finish(headline, true)
}
