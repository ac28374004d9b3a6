package probe

import (
	"fmt"
	"math"
	"strings"

	"neq/internal/plot"
)

// drawTruth draws the truth table as bars, and beside it each condition's output against the strength of the input.
func drawTruth(r *Report, all []drives, best int, alone bool) string {
	d := &plot.Drawing{W: 960, H: 412}
	top := 56.0
	if alone {
		top = 122
		d.H += 66
		d.Text("headline", "start", 28, 42, r.Headline)
	}
	b := all[best]
	var means [4][]float64
	var scales, acc, most []float64
	for _, x := range all {
		scales = append(scales, math.Log2(x.Scale))
		for c := range means {
			means[c] = append(means[c], x.Mean[c])
		}
		acc = append(acc, 100*x.Accuracy)
	}
	for _, n := range b.Counts {
		for _, k := range n {
			most = append(most, float64(k))
		}
	}
	const height = 300.0
	bars := newChart(d, frame{left: 64, top: top, width: 330, height: height, y: "spikes", rangeX: [2]float64{-0.6, 3.6},
		rangeY: extent(0.08, true, most), bare: true, ticksX: -1})
	for c, x := range b.Mean {
		at := bars.x.At(float64(c))
		d.Open([]string{"f5", "f0", "f1", "f4"}[c])
		d.Rect("fill", at-27, bars.y.At(x), 54, bars.y.A-bars.y.At(x), 3, fmt.Sprintf("%s: %s spikes", conditions[c].name, plot.Figures(x, 3)))
		d.End()
		for i, k := range b.Counts[c] {
			away := 22 * (float64(i)/math.Max(1, float64(len(b.Counts[c])-1)) - 0.5)
			d.Rect("dot", at+away*1.9-1.8, bars.y.At(float64(k))-1.8, 3.6, 3.6, 1.8, "")
		}
		d.Text("small strong", "middle", at, bars.y.A+20, conditions[c].name)
		word := "0"
		if conditions[c].a != conditions[c].b {
			word = "1"
		}
		d.Text("small soft", "middle", at, bars.y.A+38, "XOR "+word)
	}
	th := bars.y.Clamp(float64(b.At) - 0.5)
	d.Line("asked", bars.x.A, th, bars.x.B, th)
	d.Text("answer small strong halo", "start", bars.x.A+5, th-6, "best threshold")
	highest := 1.0
	for c := range means {
		for k, m := range means[c] {
			highest = math.Max(highest, m)
			means[c][k] = math.Sqrt(m)
		}
	}
	right := newChart(d, frame{left: 474, top: top, width: d.W - 474 - 76, height: height, y: "spikes, square-root scale", rangeX: extent(0.03, false, scales),
		rangeY: [2]float64{0, 1.04 * math.Sqrt(highest)}, bare: true, ticksX: -1, ticksY: -1})
	rootTicks(right, highest)
	told := plot.NewAxis(0, 100, right.y.A, right.y.B)
	d.Open("ticks")
	for _, t := range []float64{0, 25, 50, 75, 100} {
		d.Text("", "start", right.x.B+8, told.At(t)+4, plot.Figures(t, 3)+" %")
	}
	for k, s := range scales {
		if near := math.Round(s); math.Abs(s-near) < 1e-9 && (len(scales) < 12 || int(near)%2 == 0 || k == 0) {
			d.Line("grid", right.x.At(s), right.y.A, right.x.At(s), right.y.B)
			d.Text("", "middle", right.x.At(s), right.y.A+18, "×"+plot.Figures(math.Exp2(s), 3))
		}
	}
	d.End()
	d.Text("small soft", "middle", (right.x.A+right.x.B)/2, right.y.A+38, "strength of the synapses (log scale)")
	d.Text("answer small", "end", right.x.B+46, right.y.B-10, "trials told apart")
	d.Line("band-line", right.x.At(math.Log2(b.Scale)), right.y.A, right.x.At(math.Log2(b.Scale)), right.y.B)
	var xs, ys []float64
	for k := range acc {
		xs, ys = append(xs, right.x.At(scales[k])), append(ys, told.At(acc[k]))
	}
	d.Path("asked", plot.Poly(xs, ys))
	for c, class := range []string{"f5", "f0", "f1", "f4"} {
		right.curve(class, c, scales, means[c], true)
	}
	legend(d, 474, top-28, entry{"f0", "A", 1}, entry{"f1", "B", 2}, entry{"f4", "A and B", 3}, entry{"f5", "neither", 0})
	return d.Finish(r.Headline, alone)
}

// rootTicks marks round numbers on an axis of square roots, where there is room.
func rootTicks(c *chart, highest float64) {
	last := math.Inf(1)
	c.d.Open("ticks")
	for _, v := range []float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 500} {
		if y := c.y.At(math.Sqrt(v)); v <= highest && last-y > 20 {
			c.d.Line("grid", c.x.A, y, c.x.B, y)
			c.d.Text("", "end", c.x.A-8, y+4, plot.Figures(v, 3))
			last = y
		}
	}
	c.d.End()
}

// drawTrials shows one trial of each condition.
func (p *truth) drawTrials(a About, scale float64, shown []Response, alone bool) string {
	d := &plot.Drawing{W: 960}
	var all [][]float32
	for _, x := range shown {
		all = append(all, x.V)
		all = append(all, x.Local...)
	}
	y := 40.0
	dendrite := a.Synapses[p.a.Synapses[0]].Distance > 0
	if dendrite {
		legend(d, 64, 18, entry{"f0", "soma", 0}, entry{"f3", "where input A arrives", 1})
		y = 64
	}
	for c, x := range shown {
		const high = 92.0
		ch := newChart(d, frame{left: 64, top: y, width: d.W - 92, height: high, y: "mV", rangeX: [2]float64{0, xorEnd + 100}, rangeY: volts(0.05, all...), ticksY: 3, ticksX: 8,
			bare: true})
		d.Rect("band", ch.x.At(xorCount), ch.y.A+2, ch.x.At(xorEnd)-ch.x.At(xorCount), 3, 1.5, "spikes count")
		if dendrite {
			ch.trace("f3", x.Local[0], a.every(xorEvery), nil)
		}
		ch.trace("f0", x.V, a.every(xorEvery), x.Spikes)
		d.Text("small strong halo", "start", ch.x.A+8, y-10, conditions[c].name+": "+plot.Plural(count(x.Spikes, xorCount, xorEnd), "spike"))
		y += high + 6
		for in, on := range []bool{conditions[c].a, conditions[c].b} {
			from := []input{p.a, p.b}[in]
			if on {
				d.Open([]string{"f0", "f1"}[in])
				d.Path("dots", raster(p.train(nil, from, p.shown, scale), from, ch.x, y, 14))
				d.End()
			}
			d.Text("small soft", "end", 54, y+11, []string{"A", "B"}[in])
			y += 18
		}
		y += 26
	}
	ms := plot.NewAxis(0, xorEnd+100, 64, 64+d.W-92)
	d.Open("ticks")
	for _, t := range ms.Ticks(8) {
		d.Text("", "middle", ms.At(t), y-8, plot.Figures(t, 4))
	}
	d.End()
	d.Text("small soft", "middle", (ms.A+ms.B)/2, y+10, "ms")
	d.H = y + 20
	return d.Finish("Voltage of "+a.Name+" under none, one and both inputs", alone)
}

// raster is the path data of events as ticks, a synapse a line.
func raster(events []Event, in input, x plot.Axis, top, high float64) string {
	place := map[int]int{}
	for k, i := range in.Synapses {
		place[i] = k
	}
	mark := math.Max(1.2, math.Min(4, high/float64(len(in.Synapses))))
	every := 1 + len(events)/4000
	var b strings.Builder
	for k := 0; k < len(events); k += every {
		e := events[k]
		fmt.Fprintf(&b, "M%s %sv%s", plot.XY(x.At(e.Time)), plot.XY(top+(high-mark)*float64(place[e.Synapse])/math.Max(1, float64(len(in.Synapses)-1))), plot.XY(mark))
	}
	return b.String()
}
