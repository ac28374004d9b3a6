package probe

import (
	"context"
	"fmt"
	"math"
	"strings"

	"neq/internal/plot"
)

// The clock of the f-I curve: a current for a second, after the subject has settled.
const (
	fiSettle = 200.0  // ms
	fiStep   = 1000.0 // ms
	fiEvery  = 0.5    // ms between two values of a trace
	fiPoints = 25     // currents of the curve
	fiRange  = 3.0    // the curve ends at so many rheobases

	fiRepetitive = 5 // spikes in the step: fewer may be a burst at its onset
)

// firstGuess is a current in the middle of those that make neurons fire, by unit.
var firstGuess = map[string]float64{"nA": 0.25, "pA": 250, "uA/cm2": 2, "mV/ms": 1}

// fi finds the rheobase, the least current that makes the subject fire within a second, by bisection, and its rate from
// no current to three times that.
func fi(ctx context.Context, s Subject, o Options) (*Report, error) {
	a := s.About()
	if a.CurrentUnit == "" {
		return nil, fmt.Errorf("%s takes no current: there is no f-I curve of it", a.Name)
	}
	rheobase, err := findRheobase(ctx, s, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Found: map[string]Number{"rheobase": Number(rheobase)}}
	if math.IsNaN(rheobase) {
		r.Headline = a.Name + " does not fire at any constant current tried."
		rheobase = firstGuess[a.CurrentUnit]
	}
	amps := make([]float64, fiPoints)
	for i := range amps {
		amps[i] = fiRange * rheobase * float64(i) / (fiPoints - 1)
	}
	all, err := currents(ctx, s, amps)
	if err != nil {
		return nil, err
	}
	o.Progress(fiRounds, fiRounds)
	c := fiCurve(amps, all)
	r.Columns = []string{"current (" + a.CurrentUnit + ")", "spikes", "rate (Hz)", "first interval (Hz)", "last interval (Hz)", "latency (ms)"}
	for i := range amps {
		r.Rows = append(r.Rows, row(amps[i], c.spikes[i], c.rate[i], c.initial[i], c.steady[i], c.latency[i]))
	}
	if r.Headline == "" {
		r.describeFI(a, rheobase, amps, c)
	}
	r.Facts = []Fact{{"Protocol", fmt.Sprintf("A constant current for %g ms after %g ms without; rheobase is the least that gives one spike, to 1 part in %s.",
		fiStep, fiSettle, plot.Integer(16*16*16))}}
	r.Figures = []Figure{{"Rate against current",
		"Spikes a second under a constant current: over the whole step, by its first interval, and by its last.",
		func(alone bool) string { return drawFI(a, r, amps, c, alone) }},
		{"What it does under three currents", "The voltage before, during and after the step.",
			func(alone bool) string { return drawFITraces(a, amps, all, c, alone) }}}
	return r, nil
}

// fiRounds is how many sessions fi runs.
const fiRounds = 5

// findRheobase brackets the least current that makes the subject fire among powers of two, and divides the bracket in
// 16 three times over. NaN where none does.
func findRheobase(ctx context.Context, s Subject, o Options) (float64, error) {
	guess := firstGuess[s.About().CurrentUnit]
	if guess == 0 {
		guess = 1
	}
	ladder := make([]float64, 16)
	for i := range ladder {
		ladder[i] = guess * math.Pow(2, float64(i-8))
	}
	low, high := 0.0, math.NaN()
	for round := range fiRounds - 1 {
		o.Progress(round, fiRounds)
		fires, err := firing(ctx, s, ladder)
		if err != nil {
			return 0, err
		}
		low, high = 0, math.NaN()
		if round > 0 {
			low = ladder[0] - (ladder[1] - ladder[0])
		}
		for i, f := range fires {
			if f {
				high = ladder[i]
				break
			}
			low = ladder[i]
		}
		if math.IsNaN(high) {
			return high, nil
		}
		for i := range ladder {
			ladder[i] = low + (high-low)*float64(i+1)/16
		}
	}
	return high, nil
}

// firing tells for ascending currents which make the subject fire. Those beyond what the subject can bear do.
func firing(ctx context.Context, s Subject, amps []float64) ([]bool, error) {
	fires := make([]bool, len(amps))
	for n := len(amps); n > 0; n-- {
		all, err := currents(ctx, s, amps[:n])
		if beyond(err) {
			fires[n-1] = true
			continue
		}
		for i := range all {
			fires[i] = count(all[i].Spikes, fiSettle, fiSettle+fiStep) > 0
		}
		return fires, err
	}
	return fires, nil
}

// currents shows each current to the subject.
func currents(ctx context.Context, s Subject, amps []float64) ([]Response, error) {
	trials := make([]Trial, len(amps))
	for i, amp := range amps {
		trials[i].Current = []Step{{fiSettle, fiSettle + fiStep, amp}}
	}
	a := s.About()
	return s.Run(ctx, Session{Duration: fiSettle + fiStep + 200, Every: a.every(fiEvery), Trials: trials})
}

// curveFI is the f-I curve, by current.
type curveFI struct {
	spikes                         []int
	rate, initial, steady, latency []float64
	shortest, longest              []float64 // interval, ms
	bursts                         []bool    // an interval is below a third of the one before
}

func fiCurve(amps []float64, all []Response) (c curveFI) {
	nan := math.NaN()
	for i := range amps {
		var in []float64
		for _, t := range all[i].Spikes {
			if t >= fiSettle && t < fiSettle+fiStep {
				in = append(in, t)
			}
		}
		n := len(in)
		c.spikes = append(c.spikes, n)
		c.rate = append(c.rate, 1000*float64(n)/fiStep)
		first, last, latency, shortest, longest, bursts := nan, nan, nan, math.Inf(1), 0.0, false
		for k := 1; k < n; k++ {
			d := in[k] - in[k-1]
			shortest, longest = math.Min(shortest, d), math.Max(longest, d)
			bursts = bursts || k > 1 && d < (in[k-1]-in[k-2])/3
		}
		c.shortest, c.longest, c.bursts = append(c.shortest, shortest), append(c.longest, longest), append(c.bursts, bursts)
		if n > 0 {
			latency = in[0] - fiSettle
		}
		if n > 1 {
			first, last = 1000/(in[1]-in[0]), 1000/(in[n-1]-in[n-2])
		}
		c.initial, c.steady, c.latency = append(c.initial, first), append(c.steady, last), append(c.latency, latency)
	}
	return c
}

// describeFI puts the curve into words.
func (r *Report) describeFI(a About, rheobase float64, amps []float64, c curveFI) {
	unit := " " + a.CurrentUnit
	last := len(c.rate) - 1
	double := last * 2 / 3 // twice the rheobase
	r.Headline = fmt.Sprintf("%s fires from %s%s on.", a.Name, plot.Figures(rheobase, 3), unit)
	words := fmt.Sprintf("Twice that gives %s in a second, three times %s.", plot.Plural(c.spikes[double], "spike"), plot.Integer(c.spikes[last]))
	r.Sentences = append(r.Sentences, words)
	for i := range c.spikes {
		if c.spikes[i] >= fiRepetitive {
			r.Found["repetitive_from"] = Number(amps[i])
			if c.spikes[i] > fiRepetitive && i > 0 && amps[i] > 1.1*rheobase+amps[1] {
				r.Sentences = append(r.Sentences, fmt.Sprintf("It goes on firing, rather than spike at the onset alone, from about %s%s.", plot.Figures(amps[i], 3), unit))
			}
			break
		}
	}
	adapts := c.initial[double] / c.steady[double]
	switch {
	case c.bursts[double]:
		r.Sentences = append(r.Sentences, fmt.Sprintf("It fires in bursts: at twice the rheobase its intervals run from %s to %s ms.",
			plot.Figures(c.shortest[double], 2), plot.Figures(c.longest[double], 2)))
	case math.IsNaN(adapts):
	case adapts > 1.1:
		r.Sentences = append(r.Sentences, fmt.Sprintf("It adapts: at twice the rheobase its first interval is %s times as fast as its last.", plot.Figures(adapts, 2)))
	case adapts < 0.9:
		r.Sentences = append(r.Sentences, fmt.Sprintf("It speeds up: at twice the rheobase its last interval is %s times as fast as its first.", plot.Figures(1/adapts, 2)))
	default:
		r.Sentences = append(r.Sentences, "It does not adapt.")
	}
	r.Found["rate_at_twice_rheobase_hz"], r.Found["rate_at_three_rheobases_hz"] = Number(c.rate[double]), Number(c.rate[last])
	r.Found["first_over_last_interval"] = Number(adapts)
	r.Tiles = []Fact{{"rheobase", plot.Figures(rheobase, 4) + unit}, {"rate at twice the rheobase", plot.Figures(c.rate[double], 3) + " Hz"},
		{"latency at twice the rheobase", plot.Figures(c.latency[double], 3) + " ms"}}
	if strings.HasSuffix(r.Tiles[2].Value, "NaN ms") {
		r.Tiles = r.Tiles[:2]
	}
}

func drawFI(a About, r *Report, amps []float64, c curveFI, alone bool) string {
	d := &plot.Drawing{W: 960, H: 414}
	top := 52.0
	if alone {
		top = 118
		d.H += 66
		d.Text("headline", "start", 28, 42, r.Headline)
	}
	ch := newChart(d, frame{left: 64, top: top, width: d.W - 92, height: 310, x: "injected current (" + a.CurrentUnit + ")", y: "Hz",
		rangeX: [2]float64{0, amps[len(amps)-1]}, rangeY: extent(0.05, true, c.rate, c.initial, c.steady)})
	if rheobase := float64(r.Found["rheobase"]); !math.IsNaN(rheobase) {
		d.Line("asked", ch.x.At(rheobase), ch.y.A, ch.x.At(rheobase), ch.y.B)
		d.Text("answer small strong halo", "start", ch.x.At(rheobase)+7, ch.y.B+14, "rheobase "+plot.Figures(rheobase, 3)+" "+a.CurrentUnit)
	}
	ch.curve("f5", 3, amps, c.steady, true)
	ch.curve("f3", 1, amps, c.initial, true)
	ch.curve("f0", 0, amps, c.rate, true)
	legend(d, 300, top-16, entry{"f0", "whole step", 0}, entry{"f3", "first interval", 1}, entry{"f5", "last interval", 3})
	return d.Finish("Rate of "+a.Name+" against injected current", alone)
}

// drawFITraces shows the highest current without a spike, and those at half and at the end of the curve.
func drawFITraces(a About, amps []float64, all []Response, c curveFI, alone bool) string {
	d := &plot.Drawing{W: 960}
	below := 0
	for i, n := range c.spikes {
		if n == 0 {
			below = i
		}
	}
	y := 34.0
	picks := []int{min(below, len(amps)/3), len(amps) * 2 / 3, len(amps) - 1}
	for n, i := range picks {
		const high = 120.0
		bare := n < len(picks)-1
		ch := newChart(d, frame{left: 64, top: y, width: d.W - 92, height: high, x: "ms", y: "mV", rangeX: [2]float64{0, fiSettle + fiStep + 200},
			rangeY: volts(0.08, all[i].V), ticksY: 3, ticksX: 8, bare: bare})
		d.Rect("band", ch.x.At(fiSettle), ch.y.A+3, ch.x.At(fiSettle+fiStep)-ch.x.At(fiSettle), 4, 2, "the current")
		ch.trace("f0", all[i].V, a.every(fiEvery), all[i].Spikes)
		d.Text("small strong", "start", ch.x.A+8, y-10, fmt.Sprintf("%s %s: %s", plot.Figures(amps[i], 3), a.CurrentUnit, plot.Plural(c.spikes[i], "spike")))
		y += high + 42
	}
	d.H = y + 12
	return d.Finish("Voltage of "+a.Name+" under three currents", alone)
}
