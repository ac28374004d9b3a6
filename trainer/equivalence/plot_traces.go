package equivalence

import (
	"fmt"
	"math"
	"strings"
)

const (
	longest  = 4000  // ms of an example that are drawn
	mostDots = 12000 // events of a group that are drawn
)

// tracesPlot draws the neuron and the surrogate one above the other, the spike probability and the input.
func tracesPlot(e Example, groups []Synapses) string {
	from, to := window(e)
	d := &drawing{w: 960}
	left, right := 104.0, d.w-20
	x := axis{float64(e.Start + from), float64(e.Start + to), left, right}
	y := 22.0
	v := voltageAxis(e, from, to)

	heading := func(name, more string, y float64, class string) {
		d.text("small strong "+class, "start", 0, y, name)
		d.text("small soft", "start", 0, y+17, more)
	}
	panel := func(h float64, a axis) axis {
		a.a, a.b = y+h, y+16
		d.open("ticks")
		for _, t := range a.ticks(3) {
			d.line("grid", left, a.at(t), right, a.at(t))
			d.text("", "end", left-6, a.at(t)+4, figures(t, 3))
		}
		d.end()
		return a
	}
	const high = 118.0
	heading("neuron", "mV", y+12, "")
	a := panel(high, v)
	for _, t := range e.Spikes {
		if inside(x, t) {
			d.line("spike", x.at(t), a.clamp(e.vAt(t)), x.at(t), y)
		}
	}
	d.path("v", series(e.V[from:to], x, a))
	y += high + 20

	if len(e.PredictedV) > 0 {
		heading("surrogate", "mV", y+12, "answer")
		a = panel(high, predictedAxis(e, v, from, to))
		d.path("ghost", series(e.V[from:to], x, a))
		for i := from; i < to && e.Threshold > 0 && len(e.Probability) > 0; i++ {
			if float64(e.Probability[i]) >= e.Threshold {
				t := float64(e.Start + i)
				d.line("pspike", x.at(t), a.clamp(float64(e.PredictedV[i])), x.at(t), y)
			}
		}
		d.path("p", series(e.PredictedV[from:to], x, a))
		y += high + 20
	}
	if len(e.Probability) > 0 {
		heading("spike", "probability", y+22, "answer")
		p := axis{0, 1, y + 72, y + 14}
		d.open("ticks")
		for _, t := range []float64{0, 1} {
			d.line("grid", left, p.at(t), right, p.at(t))
			d.text("", "end", left-6, p.at(t)+4, figures(t, 1))
		}
		d.end()
		if e.Threshold > 0 && e.Threshold < 1 {
			d.line("asked", left, p.at(e.Threshold), right, p.at(e.Threshold))
		}
		line := series(e.Probability[from:to], x, p)
		if line != "" {
			d.path("area", line+fmt.Sprintf("L%s %sL%s %sZ", xy(x.at(float64(e.Start+to-1))), xy(p.at(0)), xy(left), xy(p.at(0))))
		}
		for _, t := range e.Spikes {
			if inside(x, t) {
				d.line("spike", x.at(t), y, x.at(t), y+9)
			}
		}
		y += 92
	}
	y = rasters(d, e, groups, x, y, heading)
	d.line("axis", left, y, right, y)
	d.open("ticks")
	for _, t := range x.ticks(8) {
		d.line("axis", x.at(t), y, x.at(t), y+4)
		d.text("", "middle", x.at(t), y+18, figures(t/1000, 4))
	}
	d.end()
	d.text("small soft", "end", left-10, y+18, "seconds")
	d.h = y + 26
	return d.finish(fmt.Sprintf("Voltage and spikes of the neuron and of %s in held-out sample %d", e.Surrogate, e.Sample), false)
}

// rasters draws the input events of every group and returns the y below them.
func rasters(d *drawing, e Example, groups []Synapses, x axis, y float64, heading func(string, string, float64, string)) float64 {
	for i, g := range e.Inputs {
		count := max(1, g.Count)
		high := math.Max(26, math.Min(96, 1.1*float64(count)))
		class := groupClass(g.Name, groups, i)
		d.open(class)
		heading(cut(g.Name, 13), plural(g.Count, "synapse"), y+high/2-2, "fill")
		every := 1 + len(g.Time)/mostDots
		var b strings.Builder
		mark := math.Max(1.6, math.Min(4, high/float64(count)))
		for k := 0; k < len(g.Time); k += every {
			t, s := float64(g.Time[k]), float64(g.Synapse[k])
			if inside(x, t) && s >= 0 && s < float64(count) {
				fmt.Fprintf(&b, "M%s %sv%s", xy(x.at(t)), xy(y+high*s/float64(count)), xy(mark))
			}
		}
		d.path("dots", b.String())
		d.end()
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

func inside(x axis, t float64) bool { return t >= x.from && t < x.to }

// vAt is the neuron's voltage in the ms of time t.
func (e Example) vAt(t float64) float64 {
	i := int(t) - e.Start
	if i < 0 || i >= len(e.V) {
		return math.NaN()
	}
	return float64(e.V[i])
}

// voltageAxis covers both voltages, without what a diverged surrogate may predict.
func voltageAxis(e Example, from, to int) axis {
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
	return axis{from: lo - pad, to: hi + pad}
}

// predictedAxis is the neuron's axis, cut off above where the surrogate predicts a voltage clipped at the
// spike threshold: an action potential's overshoot would leave it no room.
func predictedAxis(e Example, v axis, from, to int) axis {
	hi := math.Inf(-1)
	for _, p := range e.PredictedV[from:to] {
		if f := float64(p); f < 1e4 {
			hi = math.Max(hi, f)
		}
	}
	if hi > v.from && hi < v.to-0.3*(v.to-v.from) {
		v.to = hi + 0.06*(hi-v.from)
	}
	return v
}

// series is the path of one value per ms. Where there are more values than pixels each pixel gets its
// lowest and highest.
func series(v []float32, x, y axis) string {
	wide := int(math.Abs(x.b - x.a))
	var xs, ys []float64
	put := func(i int) {
		if f := float64(v[i]); !math.IsNaN(f) {
			xs = append(xs, x.at(x.from+float64(i)))
			ys = append(ys, y.clamp(f))
		}
	}
	if len(v) <= 2*wide {
		for i := range v {
			put(i)
		}
		return poly(xs, ys)
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
	return poly(xs, ys)
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
