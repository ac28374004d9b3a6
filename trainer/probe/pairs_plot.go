package probe

import (
	"fmt"
	"math"
	"strings"

	"neq/internal/plot"
)

func (p *orderly) figures(r *Report) []Figure {
	inward, outward := "towards the soma", "away from the soma"
	words := "Peak of the soma's voltage against the time between two synapses of the row, in both directions."
	if !p.directed() {
		inward, outward = "last to first", "first to last"
		words = "Peak of the soma's voltage against the time between two synapses, in both orders."
	}
	below := " Above, the soma; below, the voltage at the innermost and at the outermost synapse."
	if p.a.Nodes == 1 {
		below = " Above, the voltage; below, the other states."
	}
	names := [2]string{plot.Cut(p.inputs[0].Name, 26), plot.Cut(p.inputs[1].Name, 26)}
	return []Figure{
		{"Two orders of the same input", "Left: two inputs, one pulse each; the peak of the soma's voltage against the time between them, in both orders. Right: a sequence of synapses in both directions. Where the curves lie on each other, order makes no difference.",
			func(alone bool) string { return p.drawOrders(r, names, [2]string{inward, outward}, alone) }},
		{"A sequence in both directions, in time", words + below,
			func(alone bool) string {
				return p.drawTimes(p.rowShown, p.rowSpan(), [2]string{inward, outward}, [2]string{"at the innermost", "at the outermost"}, alone)
			}},
		{"A pair in both orders, in time", strings.Replace(below, "at the innermost and at the outermost synapse", "where the inputs arrive", 1)[1:],
			func(alone bool) string {
				return p.drawTimes(p.pairShown, pairDelays[p.pairAt[1]], [2]string{names[0] + " first", names[1] + " first"}, [2]string{"at " + names[0], "at " + names[1]}, alone)
			}},
	}
}

func (p *orderly) rowSpan() float64 {
	return chainSteps[p.rowAt[1]] * float64(len(p.row.Synapses)-1)
}

// drawOrders draws the peaks against the delay for pairs and for the sequence.
func (p *orderly) drawOrders(r *Report, names, directions [2]string, alone bool) string {
	d := &plot.Drawing{W: 960, H: 452}
	top := 84.0
	if alone {
		top = 150
		d.H += 66
		d.Text("headline", "start", 28, 42, r.Headline)
	}
	panel := func(left, width float64, title, label string, x orders, delays []float64, at int, legends [2]string) {
		ch := newChart(d, frame{left: left, top: top, width: width, height: 300, x: label, y: "mV", rangeX: [2]float64{0, delays[len(delays)-1]},
			rangeY: extent(0.08, true, x.Peak[0], x.Peak[1])})
		ch.curve("f4 under", 3, delays, x.Peak[1], true)
		ch.curve("f0", 0, delays, x.Peak[0], true)
		d.Text("strong", "start", left-38, top-54, title)
		legend(d, left-38, top-32, entry{"f0", legends[0], 0}, entry{"f4", legends[1], 3})
		if i := x.Index[at]; math.Abs(i) > orderPass {
			px := ch.x.At(delays[at])
			d.Line("asked", px, ch.y.At(x.Peak[0][at]), px, ch.y.At(x.Peak[1][at]))
			anchor, away := "start", 8.0
			if delays[at] > 0.7*delays[len(delays)-1] {
				anchor, away = "end", -8
			}
			d.Text("answer small strong halo", anchor, px+away, ch.y.At((x.Peak[0][at]+x.Peak[1][at])/2)+4, percent(i))
		}
	}
	panel(64, 370, fmt.Sprintf("pair, ×%s weights", plot.Figures(p.pair[p.pairAt[0]].Strength, 2)), "delay (ms)", p.pair[p.pairAt[0]], pairDelays, p.pairAt[1],
		[2]string{plot.Cut(names[0], 18) + " first", plot.Cut(names[1], 18) + " first"})
	panel(544, 370, fmt.Sprintf("sequence of %d, ×%s weights", len(p.row.Synapses), plot.Figures(p.sequence[p.rowAt[0]].Strength, 2)), "interval between synapses (ms)",
		p.sequence[p.rowAt[0]], chainSteps, p.rowAt[1], directions)
	return d.Finish(r.Headline, alone)
}

// drawTimes draws both orders in time: the soma, and what else was recorded.
func (p *orderly) drawTimes(shown []Response, span float64, names, places [2]string, alone bool) string {
	d := &plot.Drawing{W: 960}
	every := p.a.every(pairsEvery)
	from, to := pairsSettle-15, math.Min(pairsSettle+span+90, float64(len(shown[0].V))*every)
	type panel struct {
		title, unit string
		v           [2][]float32
		spikes      bool
	}
	cutTo := func(v []float32) []float32 { return v[int(from/every):int(math.Min(to/every, float64(len(v))))] }
	panels := []panel{{"soma", "mV", [2][]float32{shown[0].V, shown[1].V}, true}}
	if p.a.Nodes > 1 {
		for k := range shown[0].Local {
			panels = append(panels, panel{places[k], "mV", [2][]float32{shown[0].Local[k], shown[1].Local[k]}, false})
		}
	}
	for k, i := range p.states {
		s := p.a.States[i]
		if flat(shown[0].State[k]) && flat(shown[1].State[k]) {
			continue
		}
		if s.Unit == "1" {
			s.Unit = ""
		}
		panels = append(panels, panel{s.Name, s.Unit, [2][]float32{shown[0].State[k], shown[1].State[k]}, false})
	}
	legend(d, 64, 18, entry{"f0", names[0], 0}, entry{"f4", names[1], 3})
	y := 60.0
	for n, q := range panels {
		high := 150.0
		if n > 0 {
			high = 96
		}
		ch := newChart(d, frame{left: 64, top: y, width: d.W - 92, height: high, x: "ms after the first event", y: q.unit, rangeX: [2]float64{from - pairsSettle, to - pairsSettle},
			rangeY: rangeOf(0.08, cutTo(q.v[0]), cutTo(q.v[1])), ticksY: 4, ticksX: 8, bare: n < len(panels)-1})
		for k, class := range []string{"f4 under", "f0"} {
			v := q.v[1-k][int(pairsSettle/every):]
			lead := q.v[1-k][int(from/every):int(pairsSettle/every)]
			d.Open(class)
			x := plot.NewAxis(0, float64(len(lead)+len(v)-1), ch.x.At(from-pairsSettle), ch.x.At(from-pairsSettle+float64(len(lead)+len(v)-1)*every))
			whole := append(append([]float32{}, lead...), v...)
			last := min(len(whole), int((to-from)/every))
			x.To, x.B = float64(last-1), x.At(float64(last-1))
			d.Path("curve", plot.Series(whole[:last], x, ch.y))
			if q.spikes {
				for _, t := range shown[1-k].Spikes {
					if t >= from && t < to {
						d.Line("curve", ch.x.At(t-pairsSettle), ch.y.A-0.5*(ch.y.A-ch.y.B), ch.x.At(t-pairsSettle), ch.y.B)
					}
				}
			}
			d.End()
		}
		d.Text("small strong halo", "start", ch.x.A+8, y-10, q.title)
		y += high + 42
	}
	d.H = y + 8
	return d.Finish("Voltage of "+p.a.Name+" under "+names[0]+" and "+names[1], alone)
}
