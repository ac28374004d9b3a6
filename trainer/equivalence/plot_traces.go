package equivalence

import (
	"fmt"
	"math"
	"strings"

	"neq/internal/plot"
)

const (
	longest  = 4000  // ms of an example that are drawn
	mostDots = 12000 // events of a group that are drawn
)

// tracesPlot draws the neuron and the surrogate one above the other, the spike probability and the input.
func tracesPlot(e Example, groups []Synapses) string {
	from, to := window(e)
	d := &plot.Drawing{W: 960}
	left, right := 104.0, d.W-20
	x := plot.NewAxis(float64(e.Start+from), float64(e.Start+to), left, right)
	y := 22.0
	v := voltageAxis(e, from, to)

	heading := func(name, more string, y float64, class string) {
		d.Text("small strong "+class, "start", 0, y, name)
		d.Text("small soft", "start", 0, y+17, more)
	}
	panel := func(h float64, a plot.Axis) plot.Axis {
		a.A, a.B = y+h, y+16
		d.Open("ticks")
		for _, t := range a.Ticks(3) {
			d.Line("grid", left, a.At(t), right, a.At(t))
			d.Text("", "end", left-6, a.At(t)+4, plot.Figures(t, 3))
		}
		d.End()
		return a
	}
	const high = 118.0
	heading("neuron", "mV", y+12, "")
	a := panel(high, v)
	for _, t := range e.Spikes {
		if inside(x, t) {
			d.Line("spike", x.At(t), a.Clamp(e.vAt(t)), x.At(t), y)
		}
	}
	d.Path("v", plot.Series(e.V[from:to], x, a))
	y += high + 20

	if len(e.PredictedV) > 0 {
		heading("surrogate", "mV", y+12, "answer")
		a = panel(high, predictedAxis(e, v, from, to))
		d.Path("ghost", plot.Series(e.V[from:to], x, a))
		for i := from; i < to && e.Threshold > 0 && len(e.Probability) > 0; i++ {
			if float64(e.Probability[i]) >= e.Threshold {
				t := float64(e.Start + i)
				d.Line("pspike", x.At(t), a.Clamp(float64(e.PredictedV[i])), x.At(t), y)
			}
		}
		d.Path("p", plot.Series(e.PredictedV[from:to], x, a))
		y += high + 20
	}
	if len(e.Probability) > 0 {
		heading("spike", "probability", y+22, "answer")
		p := plot.NewAxis(0, 1, y+72, y+14)
		d.Open("ticks")
		for _, t := range []float64{0, 1} {
			d.Line("grid", left, p.At(t), right, p.At(t))
			d.Text("", "end", left-6, p.At(t)+4, plot.Figures(t, 1))
		}
		d.End()
		if e.Threshold > 0 && e.Threshold < 1 {
			d.Line("asked", left, p.At(e.Threshold), right, p.At(e.Threshold))
		}
		line := plot.Series(e.Probability[from:to], x, p)
		if line != "" {
			d.Path("area", line+fmt.Sprintf("L%s %sL%s %sZ", plot.XY(x.At(float64(e.Start+to-1))), plot.XY(p.At(0)), plot.XY(left), plot.XY(p.At(0))))
		}
		for _, t := range e.Spikes {
			if inside(x, t) {
				d.Line("spike", x.At(t), y, x.At(t), y+9)
			}
		}
		y += 92
	}
	y = rasters(d, e, groups, x, y, heading)
	d.Line("axis", left, y, right, y)
	d.Open("ticks")
	for _, t := range x.Ticks(8) {
		d.Line("axis", x.At(t), y, x.At(t), y+4)
		d.Text("", "middle", x.At(t), y+18, plot.Figures(t/1000, 4))
	}
	d.End()
	d.Text("small soft", "end", left-10, y+18, "seconds")
	d.H = y + 26
	return d.Finish(fmt.Sprintf("Voltage and spikes of the neuron and of %s in held-out sample %d", e.Surrogate, e.Sample), false)
}

// rasters draws the input events of every group and returns the y below them.
func rasters(d *plot.Drawing, e Example, groups []Synapses, x plot.Axis, y float64, heading func(string, string, float64, string)) float64 {
	for i, g := range e.Inputs {
		count := max(1, g.Count)
		high := math.Max(26, math.Min(96, 1.1*float64(count)))
		class := groupClass(g.Name, groups, i)
		d.Open(class)
		heading(plot.Cut(g.Name, 13), plot.Plural(g.Count, "synapse"), y+high/2-2, "fill")
		every := 1 + len(g.Time)/mostDots
		var b strings.Builder
		mark := math.Max(1.6, math.Min(4, high/float64(count)))
		for k := 0; k < len(g.Time); k += every {
			t, s := float64(g.Time[k]), float64(g.Synapse[k])
			if inside(x, t) && s >= 0 && s < float64(count) {
				fmt.Fprintf(&b, "M%s %sv%s", plot.XY(x.At(t)), plot.XY(y+high*s/float64(count)), plot.XY(mark))
			}
		}
		d.Path("dots", b.String())
		d.End()
		y += high + 12
	}
	return y
}

// window is the part of an example that is drawn: all of it, or the stretch with the most spikes.
func window(e Example) (from, to int) {
	n := len(e.V)
	if n <= longest {
		return 0, n
	}
	best := -1
	for start := 0; start+longest <= n; start += longest / 8 {
		spikes := 0
		for _, t := range e.Spikes {
			if k := t - float64(e.Start); k >= float64(start) && k < float64(start+longest) {
				spikes++
			}
		}
		if spikes > best {
			best, from = spikes, start
		}
	}
	return from, from + longest
}

func inside(x plot.Axis, t float64) bool { return t >= x.From && t < x.To }

// vAt is the neuron's voltage in the ms of time t.
func (e Example) vAt(t float64) float64 {
	i := int(t) - e.Start
	if i < 0 || i >= len(e.V) {
		return math.NaN()
	}
	return float64(e.V[i])
}

// voltageAxis covers both voltages, without what a diverged surrogate may predict.
func voltageAxis(e Example, from, to int) plot.Axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range e.V[from:to] {
		if f := float64(v); f > -1e4 && f < 1e4 {
			lo, hi = math.Min(lo, f), math.Max(hi, f)
		}
	}
	if math.IsInf(lo, 0) {
		lo, hi = -80, -40
	}
	span := math.Max(hi-lo, 1)
	for i := range e.PredictedV {
		if f := float64(e.PredictedV[i]); i >= from && i < to && f > lo-span/2 && f < hi+span/2 {
			lo, hi = math.Min(lo, f), math.Max(hi, f)
		}
	}
	pad := 0.04 * math.Max(hi-lo, 1)
	return plot.Axis{From: lo - pad, To: hi + pad}
}

// predictedAxis is the neuron's axis, cut off above where the surrogate predicts a voltage clipped at the
// spike threshold: an action potential's overshoot would leave it no room.
func predictedAxis(e Example, v plot.Axis, from, to int) plot.Axis {
	hi := math.Inf(-1)
	for _, p := range e.PredictedV[from:to] {
		if f := float64(p); f < 1e4 {
			hi = math.Max(hi, f)
		}
	}
	if hi > v.From && hi < v.To-0.3*(v.To-v.From) {
		v.To = hi + 0.06*(hi-v.From)
	}
	return v
}

// groupClass colours a group of synapses: inhibitory blue, excitatory red, by kind, weight or name.
func groupClass(name string, groups []Synapses, n int) string {
	for _, g := range groups {
		if g.Name == name && (strings.HasPrefix(g.Kind, "gaba") || strings.HasPrefix(strings.TrimSpace(g.Weight), "-") ||
			strings.HasPrefix(g.Weight, "−")) {
			return "inh"
		}
	}
	if l := strings.ToLower(name); strings.HasPrefix(l, "inh") || strings.HasPrefix(l, "gaba") {
		return "inh"
	}
	if n < 2 {
		return "exc"
	}
	return fmt.Sprintf("f%d", n%6)
}
