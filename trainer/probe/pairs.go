package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"neq/internal/plot"
)

// The clock of the pairs probe.
const (
	pairsSettle = 200.0 // ms before the first pulse
	pairsAfter  = 150.0 // ms after the last one could come
	pairsEvery  = 0.25  // ms between two values of a trace
	pairsMost   = 24    // synapses an input pulses together: fewer than there are, so that a strength is a number of nS one can imagine
	chainMost   = 9     // synapses of a sequence, about as many as Branco, Clark & Hausser 2010 (Science 329:1671) uncaged at
	chainReach  = 150.0 // um of the path that they lie on
	orderPass   = 0.02  // relative difference of two orders that counts as one: a point neuron's is rounding
)

// pairDelays are between the two pulses, chainSteps between two synapses of the sequence (ms).
var (
	pairDelays = []float64{0, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 60, 80, 100}
	chainSteps = []float64{0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20}
)

// orders are the responses to one input in its two orders, by delay.
type orders struct {
	Strength float64      // multiplies the synapses' own weights
	Peak     [2][]float64 // mV at the soma above rest; its spikes included where it fires
	Spikes   [2][]int
	Index    []float64 // (first order - second) / the larger peak of all delays
	fires    bool
}

// largest is where the orders differ most.
func (r *orders) largest() (k int) {
	for i := range r.Index {
		if math.Abs(r.Index[i]) > math.Abs(r.Index[k]) {
			k = i
		}
	}
	return k
}

// protocol is an input that has two orders.
type protocol struct {
	delays []float64
	span   float64                                          // ms from its first event to its last, at most
	trial  func(order int, delay, strength float64) []Event // times from the first event on
}

// pairs gives two inputs one pulse each, in both orders and at varying delay, and a row of synapses one event each, in
// both directions and at varying intervals; both over a range of strengths below what makes the subject fire.
func pairs(ctx context.Context, s Subject, o Options) (*Report, error) {
	a := s.About()
	A, B, err := two(a, o)
	if err != nil {
		return nil, err
	}
	n := min(len(A.Synapses), len(B.Synapses), pairsMost)
	A, B = A.thin(n), B.thin(n)
	row, err := chain(a, chainMost, chainReach)
	if err != nil {
		return nil, err
	}
	pair := protocol{pairDelays, pairDelays[len(pairDelays)-1], func(order int, delay, strength float64) []Event {
		first, second := A, B
		if order == 1 {
			first, second = B, A
		}
		return append(a.pulse(first, 0, strength), a.pulse(second, delay, strength)...)
	}}
	sequence := protocol{chainSteps, chainSteps[len(chainSteps)-1] * float64(len(row.Synapses)-1), func(order int, delay, strength float64) []Event {
		var events []Event
		for k := range row.Synapses {
			i := row.Synapses[k] // outwards
			if order == 0 {
				i = row.Synapses[len(row.Synapses)-1-k] // inwards
			}
			events = append(events, a.pulse(input{Synapses: []int{i}}, delay*float64(k), strength)...)
		}
		return events
	}}
	p := &orderly{ctx: ctx, s: s, o: o, a: a, inputs: [2]input{A, B}, row: row}
	if p.pair, err = p.sweep(pair, 0); err != nil {
		return nil, err
	}
	if p.sequence, err = p.sweep(sequence, 1); err != nil {
		return nil, err
	}
	if err := p.show(pair, sequence); err != nil {
		return nil, err
	}
	p.o.Progress(3, 3)
	return p.report(), nil
}

// pulse is one event at every synapse of an input, each as strong as the first of its kind: of synapses that differ the
// order matters to any neuron.
func (a *About) pulse(in input, at, strength float64) []Event {
	var events []Event
	for _, i := range in.Synapses {
		scale := strength
		if like := a.first(a.Groups[a.Synapses[i].Group].Kind); like > 0 && a.Synapses[i].Weight > 0 {
			scale *= like / a.Synapses[i].Weight
		}
		events = append(events, Event{at, i, scale})
	}
	return events
}

// first is the weight of the first excitatory synapse of a kind.
func (a *About) first(kind string) float64 {
	for _, g := range a.Groups {
		if g.Kind == kind && g.Excitatory && g.Count > 0 {
			return a.Synapses[g.First].Weight
		}
	}
	return 0
}

// orderly is the probe at work.
type orderly struct {
	ctx            context.Context
	s              Subject
	o              Options
	a              About
	inputs         [2]input
	row            input
	pair, sequence []orders // by strength, ascending

	pairShown, rowShown []Response // both orders at the strength and the delay where they differ most, then the control
	pairAt, rowAt       [2]int     // that strength and that delay
	states              []int
}

// sweep runs a protocol at strengths up to the one at which it makes the subject fire with no delay.
func (p *orderly) sweep(w protocol, done int) ([]orders, error) {
	p.o.Progress(done, 3)
	threshold, fires, err := p.threshold(w)
	if err != nil {
		return nil, err
	}
	var all []orders
	shares := []float64{0.125, 0.25, 0.5, 0.7, 0.95, 1.2}
	if p.a.Nodes > 50 { // seconds, not minutes, on a cell of many segments
		shares = []float64{0.25, 0.5, 0.75, 0.95}
	}
	if !fires {
		shares = []float64{1. / 64, 1. / 32, 1. / 16, 1. / 8, 1. / 4}
	}
	for _, share := range shares {
		x, err := p.run(w, share*threshold)
		if beyond(err) {
			break
		} else if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, errors.New("the neuron bears none of the inputs tried")
	}
	return all, nil
}

// threshold is the least strength, to a fourteenth of it, at which the protocol without delay makes the subject fire; the
// largest tried where none does: a thin dendrite saturates.
func (p *orderly) threshold(w protocol) (strength float64, fires bool, err error) {
	ladder := make([]float64, 14)
	for i := range ladder {
		ladder[i] = math.Pow(2, float64(i-7))
	}
	last := 0.0
	for range 2 {
		var trials []Trial
		for _, x := range ladder {
			trials = append(trials, Trial{Events: shifted(w.trial(0, 0, x), pairsSettle)})
		}
		for n := len(trials); n > 0; n-- {
			all, err := p.s.Run(p.ctx, Session{Duration: pairsSettle + pairsAfter, Every: p.a.every(1), Trials: trials[:n]})
			if beyond(err) {
				continue
			} else if err != nil {
				return 0, false, err
			}
			k := slices.IndexFunc(all, func(r Response) bool { return count(r.Spikes, pairsSettle, math.Inf(1)) > 0 })
			if k < 0 {
				return ladder[n-1], last > 0, nil
			}
			low := 0.0
			if k > 0 {
				low = ladder[k-1]
			} else if last > 0 {
				low = last
			}
			last = low
			high := ladder[k]
			for i := range ladder {
				ladder[i] = low + (high-low)*float64(i+1)/float64(len(ladder))
			}
			break
		}
	}
	return ladder[len(ladder)-1], true, nil
}

// shifted moves events to later.
func shifted(events []Event, by float64) []Event {
	for i := range events {
		events[i].Time += by
	}
	return events
}

// run measures both orders at every delay.
func (p *orderly) run(w protocol, strength float64) (orders, error) {
	session := Session{Duration: pairsSettle + w.span + pairsAfter, Every: p.a.every(pairsEvery), Trials: []Trial{{}}}
	for order := range 2 {
		for _, d := range w.delays {
			session.Trials = append(session.Trials, Trial{Events: shifted(w.trial(order, d, strength), pairsSettle)})
		}
	}
	all, err := p.s.Run(p.ctx, session)
	if err != nil {
		return orders{}, err
	}
	x := orders{Strength: strength}
	most := 0.0
	for i, r := range all[1:] {
		mv, _ := peak(r.V, all[0].V, session.Every, pairsSettle)
		n := count(r.Spikes, pairsSettle, math.Inf(1))
		x.Peak[i/len(w.delays)] = append(x.Peak[i/len(w.delays)], mv)
		x.Spikes[i/len(w.delays)] = append(x.Spikes[i/len(w.delays)], n)
		x.fires = x.fires || n > 0
		most = math.Max(most, mv)
	}
	for k := range w.delays {
		x.Index = append(x.Index, (x.Peak[0][k]-x.Peak[1][k])/math.Max(most, 1e-12))
	}
	return x, nil
}

// choose returns the strength and the delay at which the orders differ most among strengths at which no order fires
// at any delay, or among all where each fires.
func choose(all []orders) [2]int {
	best := [2]int{0, all[0].largest()}
	for i := range all {
		if k := all[i].largest(); !all[i].fires && math.Abs(all[i].Index[k]) >= math.Abs(all[best[0]].Index[best[1]]) {
			best = [2]int{i, k}
		}
	}
	return best
}

// show runs both protocols once more where the orders differ most, and keeps all that can be seen.
func (p *orderly) show(pair, sequence protocol) error {
	for i := 1; i < len(p.a.States) && i <= 6 && p.a.Nodes == 1; i++ {
		p.states = append(p.states, i)
	}
	p.pairAt, p.rowAt = choose(p.pair), choose(p.sequence)
	run := func(w protocol, strength, delay float64, sites []int) ([]Response, error) {
		session := Session{Duration: pairsSettle + w.span + pairsAfter, Every: p.a.every(pairsEvery), States: p.states, Sites: sites}
		for order := range 2 {
			session.Trials = append(session.Trials, Trial{Events: shifted(w.trial(order, delay, strength), pairsSettle)})
		}
		session.Trials = append(session.Trials, Trial{})
		return p.s.Run(p.ctx, session)
	}
	// an order that makes no difference is shown at a delay that can be seen
	if k := p.pairAt; math.Abs(p.pair[k[0]].Index[k[1]]) < orderPass {
		p.pairAt[1] = slices.Index(pairDelays, 20)
	}
	if k := p.rowAt; math.Abs(p.sequence[k[0]].Index[k[1]]) < orderPass {
		p.rowAt[1] = slices.Index(chainSteps, 5)
	}
	var err error
	p.pairShown, err = run(pair, p.pair[p.pairAt[0]].Strength, pairDelays[p.pairAt[1]],
		[]int{middle(p.inputs[0]), middle(p.inputs[1])})
	if err != nil {
		return err
	}
	p.rowShown, err = run(sequence, p.sequence[p.rowAt[0]].Strength, chainSteps[p.rowAt[1]],
		[]int{p.row.Synapses[0], p.row.Synapses[len(p.row.Synapses)-1]})
	return err
}

// directed tells that the sequence lies along a path, rather than at one place.
func (p *orderly) directed() bool {
	return p.a.Synapses[p.row.Synapses[0]].Site != p.a.Synapses[p.row.Synapses[len(p.row.Synapses)-1]].Site
}

func middle(in input) int { return in.Synapses[len(in.Synapses)/2] }

func (p *orderly) report() *Report {
	x, y := p.pair[p.pairAt[0]], p.sequence[p.rowAt[0]]
	pi, si := x.Index[p.pairAt[1]], y.Index[p.rowAt[1]]
	matters := math.Abs(pi) > orderPass || math.Abs(si) > orderPass
	r := &Report{Verdict: &matters, Found: map[string]Number{
		"pair_index": Number(pi), "pair_delay_ms": Number(pairDelays[p.pairAt[1]]), "pair_strength": Number(x.Strength),
		"sequence_index": Number(si), "sequence_interval_ms": Number(chainSteps[p.rowAt[1]]), "sequence_strength": Number(y.Strength)}}
	names := [2]string{p.inputs[0].Name, p.inputs[1].Name}
	if matters {
		r.Headline = fmt.Sprintf("The order of its inputs matters to %s.", p.a.Name)
	} else {
		r.Headline = fmt.Sprintf("The order of its inputs makes no difference to %s.", p.a.Name)
	}
	r.Sentences = append(r.Sentences, fmt.Sprintf("Pulses at %s and %s %g ms apart: %s mV at the soma when the first leads, %s mV when the second does.",
		names[0], names[1], pairDelays[p.pairAt[1]], plot.Figures(x.Peak[0][p.pairAt[1]], 3), plot.Figures(x.Peak[1][p.pairAt[1]], 3)))
	if p.directed() {
		r.Sentences = append(r.Sentences, fmt.Sprintf("%s along %s, one every %g ms: %s mV towards the soma, %s mV away from it.",
			plot.Plural(len(p.row.Synapses), "synapse"), p.row.Name, chainSteps[p.rowAt[1]], plot.Figures(y.Peak[0][p.rowAt[1]], 3), plot.Figures(y.Peak[1][p.rowAt[1]], 3)))
	} else {
		r.Sentences = append(r.Sentences, fmt.Sprintf("%s, one every %g ms: %s mV in one order, %s mV in the other.",
			plot.Plural(len(p.row.Synapses), "synapse"), chainSteps[p.rowAt[1]], plot.Figures(y.Peak[0][p.rowAt[1]], 3), plot.Figures(y.Peak[1][p.rowAt[1]], 3)))
	}
	r.Tiles = []Fact{{"difference between two orders of a pair", percent(pi)}, {"difference between two directions of a sequence", percent(si)}}
	r.Columns = []string{"protocol", "strength", "delay (ms)", "first order (mV)", "second order (mV)", "difference", "first order (spikes)", "second order (spikes)"}
	add := func(name string, all []orders, delays []float64) {
		for _, x := range all {
			for k, d := range delays {
				r.Rows = append(r.Rows, row(name, x.Strength, d, x.Peak[0][k], x.Peak[1][k], x.Index[k], x.Spikes[0][k], x.Spikes[1][k]))
			}
		}
	}
	add("pair", p.pair, pairDelays)
	add("sequence", p.sequence, chainSteps)
	where := func(in input) string {
		lo, hi := math.Inf(1), 0.0
		for _, i := range in.Synapses {
			lo, hi = math.Min(lo, p.a.Synapses[i].Distance), math.Max(hi, p.a.Synapses[i].Distance)
		}
		words := fmt.Sprintf("%s of %s", plot.Plural(len(in.Synapses), "synapse"), in.Name)
		if hi > 0 {
			words += fmt.Sprintf(", %s to %s µm from the soma", plot.Figures(lo, 3), plot.Figures(hi, 3))
		}
		return words
	}
	r.Facts = []Fact{{"Input A", where(p.inputs[0])}, {"Input B", where(p.inputs[1])}, {"Sequence", where(p.row)},
		{"Protocol", fmt.Sprintf("After %g ms: pair, one event at every synapse of one input, then of the other; sequence, one event at one synapse after the other. Synapses of a kind are made as strong as the first, and both inputs have as many.", pairsSettle)},
		{"Strength", "multiplies the weight of the first synapse of the kind; up to what makes the soma fire when all events come at once, or where nothing does, to 16"},
		{"Measured", "the largest rise of the soma's voltage above that of the same neuron without input; the difference of two orders over the largest rise at that strength. What is shown is the delay with the largest difference, at strengths at which nothing fires"},
		{"After", "Branco, Clark & Häusser 2010 (Science 329:1671)"}}
	r.Figures = p.figures(r)
	if p.a.Picture != nil {
		last := len(p.row.Synapses) - 1
		r.Figures = append(r.Figures, p.a.pictures("The cell, one synapse of each input of the pair, and both ends of the sequence.", map[int]string{
			middle(p.inputs[0]): "A", middle(p.inputs[1]): "B", p.row.Synapses[0]: "innermost", p.row.Synapses[last]: "outermost"})...)
	}
	return r
}

// percent writes a share with its sign.
func percent(x float64) string {
	if math.Abs(x) < 5e-4 {
		return "none"
	}
	s := minus(plot.Figures(100*x, 2)) + " %"
	if x > 0 {
		s = "+" + s
	}
	return s
}
