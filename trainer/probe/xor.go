package probe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"neq/internal/philox"
	"neq/internal/plot"
)

// The clock of the XOR probe, and what counts as an answer.
const (
	xorStart = 100.0  // ms; the inputs begin
	xorCount = 300.0  // ms; spikes count from here on: the answer to an input, not to its onset
	xorEnd   = 1100.0 // ms; they end
	xorEvery = 0.5    // ms between two values of a trace
	xorRate  = 20.0   // events a second at a synapse, as Gidon et al. 2020 (Science 367:83) drive theirs
	xorHeld  = -45.0  // mV; a mean above it is a depolarisation block
	xorPass  = 0.9    // share of trials told apart by one threshold on the output that counts as separating; no output that grows with its input passes 0.75
)

// conditions of the truth table, and whether XOR is true in them.
var conditions = []struct {
	name string
	a, b bool
}{{"neither", false, false}, {"A", true, false}, {"B", false, true}, {"A and B", true, true}}

// drives is the truth table at one strength of the input.
type drives struct {
	Scale    float64    // multiplies the synapses' own weights
	Counts   [4][]int   // spikes by condition and repeat
	Mean     [4]float64 // spikes
	Some     [4]float64 // share of the repeats with any spike
	Accuracy float64    // of the best threshold on the number of spikes
	At       int        // that threshold
	Held     float64    // mV, the soma's mean voltage under both inputs
}

// blocked tells that both inputs fire the subject less than one because they hold it where it cannot fire, as any
// neuron with sodium channels can be held: that is not counted as telling one from two.
func (d *drives) blocked() bool {
	return d.Held > xorHeld && d.Mean[3] < max(d.Mean[1], d.Mean[2])
}

// typical is the repeat whose answers are nearest to the mean ones.
func (d *drives) typical() int {
	best, least := 0, math.Inf(1)
	for repeat := range d.Counts[0] {
		off := 0.0
		for c := range d.Counts {
			off += math.Abs(float64(d.Counts[c][repeat]) - d.Mean[c])
		}
		if off < least {
			best, least = repeat, off
		}
	}
	return best
}

// gap is by how many spikes the answers to one input stand above those to none and to both.
func (d *drives) gap() float64 { return min(d.Mean[1], d.Mean[2]) - max(d.Mean[0], d.Mean[3]) }

// better tells which of two strengths to show: one that is not blocked; the subject's own where it passes; then by the
// share of trials told apart; then, among those that pass, by the gap, else by how near they are to the subject's own.
func (d *drives) better(than *drives) bool {
	own := func(d *drives) bool { return d.Scale == 1 && d.passes() }
	switch {
	case d.blocked() != than.blocked():
		return than.blocked()
	case own(d) != own(than):
		return own(d)
	case math.Abs(d.Accuracy-than.Accuracy) > 1e-9:
		return d.Accuracy > than.Accuracy
	case d.passes():
		return d.gap() > than.gap()
	}
	return math.Abs(math.Log(d.Scale)) < math.Abs(math.Log(than.Scale))
}

// passes tells that the strength separates XOR.
func (d *drives) passes() bool { return d.Accuracy >= xorPass && !d.blocked() }

// xor drives two inputs with independent Poisson trains, each alone, both and neither, over a range of strengths, and
// asks whether one threshold on the number of output spikes tells one input from none and from two.
func xor(ctx context.Context, s Subject, o Options) (*Report, error) {
	a := s.About()
	A, B, err := two(a, o)
	if err != nil {
		return nil, err
	}
	if o.Rate == 0 {
		o.Rate = xorRate
	}
	p := &truth{ctx: ctx, s: s, o: o, a: A, b: B, repeats: 16}
	steps, octave := 17, 4.0
	if a.Nodes > 50 { // seconds, not minutes, on a cell of many segments
		p.repeats, steps, octave = 4, 9, 2
	}
	onset, err := p.onset()
	if err != nil {
		return nil, err
	}
	var scales []float64
	for k := range steps {
		scales = append(scales, onset*math.Pow(2, (float64(k)-octave)/octave))
	}
	if scales[0] < 1 && 1 < scales[len(scales)-1] && !slices.Contains(scales, 1) {
		scales = append(scales, 1)
		slices.Sort(scales)
	}
	var all []drives
	for k, scale := range scales {
		o.Progress(k, len(scales))
		d, _, err := p.run(scale, 0, p.repeats, nil)
		if beyond(err) { // more than the model can bear: the range ends here
			break
		} else if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s bears none of the inputs tried", a.Name)
	}
	o.Progress(len(scales), len(scales))
	best := 0
	for k := range all {
		if all[k].better(&all[best]) {
			best = k
		}
	}
	sites := []int{A.Synapses[len(A.Synapses)/2], B.Synapses[len(B.Synapses)/2]}
	_, shown, err := p.run(all[best].Scale, all[best].typical(), 1, sites)
	if err != nil {
		return nil, err
	}
	p.shown = all[best].typical()
	return p.report(a, all, best, shown), nil
}

// truth runs the four conditions.
type truth struct {
	ctx     context.Context
	s       Subject
	o       Options
	a, b    input
	repeats int
	shown   int // repeat that is drawn
}

// run shows the truth table to the subject at one strength, so many repeats from one on; the traces of the first come
// with it.
func (p *truth) run(scale float64, first, repeats int, sites []int) (drives, []Response, error) {
	d := drives{Scale: scale}
	a := p.s.About()
	session := Session{Duration: xorEnd + 100, Every: a.every(xorEvery), Sites: sites}
	for _, c := range conditions {
		for repeat := first; repeat < first+repeats; repeat++ {
			var t Trial
			if c.a {
				t.Events = p.train(t.Events, p.a, repeat, scale)
			}
			if c.b {
				t.Events = p.train(t.Events, p.b, repeat, scale)
			}
			session.Trials = append(session.Trials, t)
		}
	}
	all, err := p.s.Run(p.ctx, session)
	if err != nil {
		return d, nil, err
	}
	var shown []Response
	for c := range conditions {
		shown = append(shown, all[c*repeats])
		for repeat := range repeats {
			n := count(all[c*repeats+repeat].Spikes, xorCount, xorEnd)
			d.Counts[c] = append(d.Counts[c], n)
			d.Mean[c] += float64(n) / float64(repeats)
			if n > 0 {
				d.Some[c] += 1 / float64(repeats)
			}
		}
	}
	d.Accuracy, d.At = separable(d.Counts)
	for _, r := range all[3*repeats:] {
		for _, v := range r.V[int(xorCount/session.Every):int(xorEnd/session.Every)] {
			d.Held += float64(v)
		}
	}
	d.Held /= float64(repeats * (int(xorEnd/session.Every) - int(xorCount/session.Every)))
	return d, shown, nil
}

// train adds an input's Poisson events. They depend on the seed, the repeat and the synapse alone, so that every
// condition and every strength sees the same ones.
func (p *truth) train(events []Event, in input, repeat int, scale float64) []Event {
	for _, i := range in.Synapses {
		s := philox.New(p.o.Seed, uint64(repeat), philox.StreamProbe+uint32(i))
		for t := xorStart; ; {
			t -= 1000 / p.o.Rate * math.Log(s.Float64())
			if t >= xorEnd {
				break
			}
			events = append(events, Event{t, i, scale})
		}
	}
	return events
}

// onset is the least strength among powers of two at which either input alone makes the subject fire.
func (p *truth) onset() (float64, error) {
	for k := -8; k <= 12; k++ {
		scale := math.Pow(2, float64(k))
		d, _, err := p.run(scale, 0, 2, nil)
		if beyond(err) {
			break
		} else if err != nil {
			return 0, err
		}
		if d.Some[1] > 0 || d.Some[2] > 0 {
			return scale, nil
		}
	}
	return 0, fmt.Errorf("neither input alone, %q nor %q, makes the neuron fire at any strength: choose others with --a and --b", p.a.Name, p.b.Name)
}

// separable is the share of trials, each condition counting the same, that the best threshold on the number of spikes
// puts right: at or above it for one input, below it for none and for both.
func separable(counts [4][]int) (accuracy float64, at int) {
	most := 0
	for _, c := range counts {
		most = max(most, slices.Max(c))
	}
	for th := 1; th <= most+1; th++ {
		right := 0.0
		for c, n := range counts {
			one := conditions[c].a != conditions[c].b
			for _, k := range n {
				if (k >= th) == one {
					right += 1 / float64(4*len(n))
				}
			}
		}
		if right > accuracy+1e-12 {
			accuracy, at = right, th
		}
	}
	return accuracy, at
}

func (p *truth) report(a About, all []drives, best int, shown []Response) *Report {
	b := all[best]
	passes := b.passes()
	r := &Report{Verdict: &passes, Found: map[string]Number{"accuracy": Number(b.Accuracy), "strength": Number(b.Scale), "spikes_neither": Number(b.Mean[0]),
		"spikes_a": Number(b.Mean[1]), "spikes_b": Number(b.Mean[2]), "spikes_both": Number(b.Mean[3])}}
	low, high := math.NaN(), math.NaN()
	var block []drives
	for _, d := range all {
		if d.blocked() {
			block = append(block, d)
		}
		if d.passes() {
			if math.IsNaN(low) {
				low = d.Scale
			}
			high = d.Scale
		}
	}
	r.Found["separates_from_strength"], r.Found["separates_to_strength"] = Number(low), Number(high)
	figures := fmt.Sprintf("neither %s, A %s, B %s, both %s spikes", plot.Figures(b.Mean[0], 2), plot.Figures(b.Mean[1], 2), plot.Figures(b.Mean[2], 2), plot.Figures(b.Mean[3], 2))
	if passes {
		r.Headline = a.Name + " separates XOR."
		r.Sentences = []string{fmt.Sprintf("At %s times its own synaptic weights, in %s s: %s.", plot.Figures(b.Scale, 3), plot.Figures((xorEnd-xorCount)/1000, 2), figures),
			fmt.Sprintf("A threshold of %s tells one input from none and from two in %s %% of trials; an output that grows with its input cannot pass 75 %%.",
				plot.Plural(b.At, "spike"), plot.Figures(100*b.Accuracy, 3))}
	} else {
		r.Headline = a.Name + " does not separate XOR."
		r.Sentences = []string{fmt.Sprintf("Over %s strengths of the input, from %s to %s times its own synaptic weights, the best threshold on its output tells one input from none and from two in %s %% of trials; an output that grows with its input cannot pass 75 %%.",
			plot.Integer(len(all)), plot.Figures(all[0].Scale, 3), plot.Figures(all[len(all)-1].Scale, 3), plot.Figures(100*b.Accuracy, 3)),
			fmt.Sprintf("At %s times, in %s s: %s.", plot.Figures(b.Scale, 3), plot.Figures((xorEnd-xorCount)/1000, 2), figures)}
	}
	if len(block) > 0 {
		r.Sentences = append(r.Sentences, fmt.Sprintf("From %s times on both inputs hold its soma at %s mV on average, where it cannot fire: such a depolarisation block is not counted as telling one from two.",
			plot.Figures(block[0].Scale, 3), minus(plot.Figures(block[0].Held, 2))))
	}
	r.Tiles = []Fact{{"trials told apart", plot.Figures(100*b.Accuracy, 3) + " %"}, {"spikes to one input", plot.Figures((b.Mean[1]+b.Mean[2])/2, 2)},
		{"spikes to both", plot.Figures(b.Mean[3], 2)}}
	r.Columns = []string{"strength", "neither", "A", "B", "A and B", "trials told apart", "threshold (spikes)", "mean under both (mV)"}
	for _, d := range all {
		r.Rows = append(r.Rows, row(d.Scale, d.Mean[0], d.Mean[1], d.Mean[2], d.Mean[3], d.Accuracy, d.At, d.Held))
	}
	r.Facts = []Fact{{"Input A", fmt.Sprintf("%s, %s", p.a.Name, plot.Plural(len(p.a.Synapses), "synapse"))},
		{"Input B", fmt.Sprintf("%s, %s", p.b.Name, plot.Plural(len(p.b.Synapses), "synapse"))},
		{"Protocol", fmt.Sprintf("Independent Poisson trains of %g Hz at every synapse of an input, from %g to %g ms; %s a condition; spikes from %g ms to the end of the input count, so that its onset does not. The same trains in every condition and at every strength. Seed %d.",
			p.o.Rate, xorStart, xorEnd, plot.Plural(p.repeats, "trial"), xorCount, p.o.Seed)},
		{"Strength", "multiplies the weight of every synapse of both inputs"},
		{"Told apart", fmt.Sprintf("share of trials, each condition counting the same, on the right side of the best threshold on the number of spikes; %g %% and more is called separating", 100*xorPass)}}
	words := "The soma's voltage, and below it the events of both inputs; spikes count where the line below is."
	if a.Synapses[p.a.Synapses[0]].Distance > 0 {
		words = "The soma's voltage over that where input A arrives, and below them the events of both inputs; spikes count where the line below is."
	}
	r.Figures = []Figure{
		{"The truth table", "Output spikes by input; a dot is a trial.", func(alone bool) string { return drawTruth(r, all, best, alone) }},
		{"One trial of each", words,
			func(alone bool) string { return p.drawTrials(a, b.Scale, shown, alone) }},
	}
	return r
}
