package stimulus

import (
	"fmt"
	"math"
	"slices"

	"neq/cuda/kernels/inputs"
	"neq/internal/philox"
)

// Events are the input events of one sample, ascending in time, then by synapse.
type Events struct {
	Time    []float32 // ms from the start of the sample
	Synapse []int32
	bin     []int32
}

// Protocol makes the input of any sample. It is safe for concurrent use.
type Protocol struct {
	cfg      Config
	groups   []Group
	synapses int
	duration int // ms
	seed     uint64
	replay   *Replay
	share    []float64 // [synapses] of the events of its group, under the modulated protocol
}

// New checks a configuration against the synapse groups of a neuron and prepares its protocol. Relative
// files are looked up in dir.
func New(cfg Config, groups []Group, duration int, seed uint64, dir string) (*Protocol, error) {
	cfg = cfg.defaults()
	if err := cfg.validate(groups, duration); err != nil {
		return nil, err
	}
	p := &Protocol{cfg: cfg, groups: groups, duration: duration, seed: seed}
	for _, g := range groups {
		p.synapses = max(p.synapses, g.First+g.Count)
	}
	if cfg.Protocol == "replay" {
		var err error
		if p.replay, err = ReadReplay(cfg.File, dir, groups, duration); err != nil {
			return nil, err
		}
	}
	if cfg.Protocol == "modulated" {
		p.share = make([]float64, p.synapses)
		for _, g := range groups {
			copy(p.share[g.First:], cfg.shares(g))
		}
	}
	return p, nil
}

// Replay returns the recorded events that are replayed, nil where the protocol draws its own.
func (p *Protocol) Replay() *Replay { return p.replay }

// Draw fills e with the events of a sample. It reuses e's memory.
func (p *Protocol) Draw(sample uint64, e *Events) error {
	e.Time, e.Synapse = e.Time[:0], e.Synapse[:0]
	switch {
	case p.cfg.Protocol == "none" || p.synapses == 0:
		return nil
	case p.replay != nil:
		p.replay.events(sample, e)
		return nil
	}
	var plan *inputs.Plan
	if recipe := p.Recipe(); recipe != nil {
		plan = recipe.Plan(p.Course(recipe, sample))
	} else {
		plan = p.poisson()
	}
	for {
		n, err := plan.Draw("", sample, e.bin, e.Synapse[:cap(e.Synapse)])
		if err != nil {
			return fmt.Errorf("stimulus: sample %d: %w", sample, err)
		}
		if n <= len(e.bin) && n <= cap(e.Synapse) {
			e.bin, e.Synapse = e.bin[:n], e.Synapse[:n]
			break
		}
		e.bin, e.Synapse = make([]int32, n+n/8), make([]int32, n+n/8)
	}
	if p.cfg.Protocol == "poisson" {
		p.detail(sample, e)
	} else {
		e.Time = slices.Grow(e.Time, len(e.bin))
		for _, b := range e.bin {
			e.Time = append(e.Time, float32(b))
		}
	}
	e.bin = e.bin[:cap(e.bin)]
	return nil
}

// poisson is the chance of at least one event in a ms, the same throughout.
func (p *Protocol) poisson() *inputs.Plan {
	row, spans := (p.synapses+15)/16*16, (p.duration+3)/4
	plan := &inputs.Plan{Seed: p.seed, Stream: philox.StreamInput, Row: row, Bins: p.duration, Band: 1,
		First: make([]int32, spans), Kernel: make([]float32, spans*4), Amplitude: make([]float32, row)}
	for i := range plan.Kernel {
		plan.Kernel[i] = 1
	}
	for _, g := range p.groups {
		for s := g.First; s < g.First+g.Count; s++ {
			plan.Amplitude[s] = float32(-math.Expm1(-p.cfg.Rates[g.Name] / 1000))
		}
	}
	return plan
}

// detail draws, for each synapse and ms that has at least one event, how many there are and when.
func (p *Protocol) detail(sample uint64, e *Events) {
	rate := make([]float64, p.synapses)
	for _, g := range p.groups {
		for s := g.First; s < g.First+g.Count; s++ {
			rate[s] = p.cfg.Rates[g.Name] / 1000
		}
	}
	type event struct {
		t float32
		s int32
	}
	var all []event
	const most = 31 // events a ms: the words of 8 blocks less one; at 5 a ms the tail beyond is below 1e-14
	for i, b := range e.bin {
		s := e.Synapse[i]
		r := philox.At(p.seed, sample, philox.StreamDetail+uint32(s), uint32(b)*8)
		n, term, u := 1, rate[s]*math.Exp(-rate[s]), r.Float64()*-math.Expm1(-rate[s])
		for u -= term; u > 0 && n < most; u -= term {
			n++
			term *= rate[s] / float64(n)
		}
		for range n {
			t := float32(float64(b) + r.Float64())
			if t >= float32(b+1) {
				t = math.Nextafter32(float32(b+1), 0)
			}
			all = append(all, event{t, s})
		}
	}
	slices.SortFunc(all, func(a, b event) int {
		switch {
		case a.t != b.t && a.t < b.t:
			return -1
		case a.t != b.t:
			return 1
		}
		return int(a.s - b.s)
	})
	e.Synapse = e.Synapse[:0]
	for _, v := range all {
		e.Time, e.Synapse = append(e.Time, v.t), append(e.Synapse, v.s)
	}
}

// Current returns the current injected into a sample (in the model's current unit) and from when to when (ms).
func (p *Protocol) Current(sample uint64) (amplitude, start, stop float64) {
	c := p.cfg.Current
	if c == nil {
		return 0, 0, 0
	}
	amplitude = c.Amplitude[0]
	if len(c.Amplitude) == 2 {
		amplitude += (c.Amplitude[1] - c.Amplitude[0]) * philox.New(p.seed, sample, philox.StreamCurrent).Float64()
	}
	return amplitude, c.Start, c.Stop
}

// First is the protocol of the first ms of every sample, with the events of the whole.
func (p *Protocol) First(ms int) *Protocol {
	q := *p
	q.duration = min(ms, p.duration)
	return &q
}

// Site is where on a cell with dendrites the current is injected; "" is the soma.
func (p *Protocol) Site() string {
	if p.cfg.Current == nil {
		return ""
	}
	return p.cfg.Current.Site
}

// Capacity is a number of events that n samples together do not exceed. For drawn events it is Hoeffding's bound on the
// sum of their rates at a chance of 1e-14, and 8 standard deviations of the count above that. The rates of an interval
// are independent of another's and at most `most`; interval k, smoothed, counts for w_k <= its length ms of the sample,
// and the w_k add up to the duration D, so the sum of the squares of their ranges is at most most^2 length D.
func (p *Protocol) Capacity(n int) int {
	if p.replay != nil {
		return max(1, n*p.replay.most)
	}
	mean, most := p.rates()
	duration := float64(p.duration)
	length := duration // within which rates are not independent
	if p.cfg.Protocol == "modulated" {
		length = min(length, slices.Max(p.cfg.Interval)+p.cfg.IntervalJitter+1)
	}
	bound := float64(n)*mean*duration + 4.02*most*math.Sqrt(float64(n)*length*duration)
	bound = min(bound, float64(n)*most*duration)
	return int(bound+8*math.Sqrt(bound)) + 16
}

// Rate is the mean number of events per ms in a sample.
func (p *Protocol) Rate() float64 {
	if p.replay != nil {
		return p.replay.rate()
	}
	mean, _ := p.rates()
	return mean
}

// rates returns the mean number of events per ms in a sample, and the highest its draws can make it.
func (p *Protocol) rates() (mean, most float64) {
	switch p.cfg.Protocol {
	case "poisson":
		for _, g := range p.groups {
			mean += p.cfg.Rates[g.Name] / 1000 * float64(g.Count)
		}
		return mean, mean
	case "modulated":
		low, high := p.cfg.Spread[0], p.cfg.Spread[1]
		for _, t := range p.cfg.Trees {
			const n = 1000
			exc, inh := 0., 0.
			for i := range n {
				e := t.PerTree[0] + (t.PerTree[1]-t.PerTree[0])*(float64(i)+0.5)/n
				exc += e / n
				if a, b, ok := t.inhibition(e); ok {
					inh += (a + b) / 2 / n
				}
			}
			mean += (exc + inh) / 100 * (low + high) / 2
			most += t.PerTree[1] / 100 * high
			if t.Inhibitory != "" {
				most += max(0, t.PerTree[1]+t.Offset[1]) / 100 * high
			}
		}
	}
	return mean, most
}

// inhibition is the range of inhibitory events that goes with exc excitatory ones.
func (t Tree) inhibition(exc float64) (low, high float64, ok bool) {
	if t.Inhibitory == "" || exc+t.Offset[1] < 0 {
		return 0, 0, false
	}
	return max(0, exc+t.Offset[0]), exc + t.Offset[1], true
}
