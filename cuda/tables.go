package cuda

import (
	"fmt"
	"math"
	"slices"

	"neq/cuda/kernels/cells"
)

// check says what is wrong with a program's tables, in words of the tables.
func (p *Program) check() error {
	if p.Tree != nil {
		return p.checkTree()
	}
	k, ok := cells.Kernels()[p.Kernel]
	switch {
	case !ok:
		return fmt.Errorf("cuda: program: no kernel %q", p.Kernel)
	case len(p.Params) != k.Params:
		return fmt.Errorf("cuda: program: kernel %s takes %d parameters, got %d", p.Kernel, k.Params, len(p.Params))
	case len(p.Initial) != k.States || len(p.States) < k.States:
		return fmt.Errorf("cuda: program: kernel %s has %d states, got %d initial values and %d names", p.Kernel,
			k.States, len(p.Initial), len(p.States))
	case !(p.Dt > 0) || math.IsInf(p.Dt, 0):
		return fmt.Errorf("cuda: program: dt %v ms: want a positive number", p.Dt)
	case len(p.Receptors) > MaxReceptors:
		return fmt.Errorf("cuda: program: %d receptors, at most %d", len(p.Receptors), MaxReceptors)
	case p.Solver != Euler && p.Solver != Staggered:
		return fmt.Errorf("cuda: program: kernel %s with solver %v: want euler or staggered; two-stage is for cells with dendrites", p.Kernel, p.Solver)
	}
	for i, r := range p.Receptors {
		if r.Kind != Delta && (!(r.Decay > 0) || r.Rise < 0 || r.Rise >= r.Decay) {
			return fmt.Errorf("cuda: program: receptor %d: rise %v and decay %v ms: want 0 <= rise < decay", i, r.Rise, r.Decay)
		}
	}
	return nil
}

// check says what is wrong with a batch.
func (b *Batch) check(p *Program) error {
	e := &b.Events
	switch {
	case b.Lanes < 1 || b.Steps < 1 || b.Every < 1:
		return fmt.Errorf("cuda: batch: %d lanes, %d steps, a record every %d: want 1 or more of each", b.Lanes, b.Steps, b.Every)
	case b.Steps > math.MaxInt32 || b.Every > math.MaxInt32:
		return fmt.Errorf("cuda: batch: %d steps, a record every %d: at most %d of either", b.Steps, b.Every, math.MaxInt32)
	case len(e.Offset) == 0 && len(e.Step) == 0:
		e.Offset = make([]int64, b.Lanes+1)
	case len(e.Offset) != b.Lanes+1:
		return fmt.Errorf("cuda: batch: %d event offsets for %d lanes: want one more than lanes", len(e.Offset), b.Lanes)
	}
	if n := len(e.Step); len(e.Receptor) != n || len(e.Weight) != n || e.Offset[b.Lanes] != int64(n) || e.Offset[0] != 0 {
		return fmt.Errorf("cuda: batch: %d event steps, %d receptors, %d weights, offsets from %d to %d: want them to agree",
			n, len(e.Receptor), len(e.Weight), e.Offset[0], e.Offset[b.Lanes])
	}
	for l := range b.Lanes {
		if e.Offset[l] > e.Offset[l+1] {
			return fmt.Errorf("cuda: batch: event offsets fall after lane %d", l)
		}
		last := int32(0)
		for i := e.Offset[l]; i < e.Offset[l+1]; i++ {
			if e.Step[i] < last || int(e.Receptor[i]) >= p.receptors() {
				return fmt.Errorf("cuda: batch: lane %d: event of step %d after step %d at receptor %d of %d: want steps that "+
					"rise from 0 and a receptor of the program", l, e.Step[i], last, e.Receptor[i], p.receptors())
			}
			last = e.Step[i]
		}
	}
	if err := b.checkInputs(p.receptors()); err != nil {
		return err
	}
	for i, c := range b.Current {
		if len(c.Amp) != b.Lanes {
			return fmt.Errorf("cuda: batch: current %d has %d amplitudes for %d lanes", i, len(c.Amp), b.Lanes)
		}
	}
	for _, r := range b.Record {
		if r < 0 || r >= len(p.States) {
			return fmt.Errorf("cuda: batch: recorded state %d, the program has %d", r, len(p.States))
		}
	}
	if p.Tree != nil {
		return b.checkTree(p)
	}
	return nil
}

// receptors is the number of receptors that events can be at.
func (p *Program) receptors() int {
	if p.Tree != nil {
		return len(p.Tree.Receptors)
	}
	return len(p.Receptors)
}

// injected fills in the current of each lane at step s and returns the step, at most to, up to which it holds.
func (b *Batch) injected(current []float32, lane0, lanes, s, to int) int {
	clear(current)
	for _, c := range b.Current {
		from, end := int(c.From), int(c.To)
		if s < from {
			to = min(to, from)
		}
		if s >= from && s < end {
			to = min(to, end)
			for l := range lanes {
				current[l] += c.Amp[lane0+l]
			}
		}
	}
	return to
}

// allocate makes room for the traces.
func (b *Batch) allocate(records int) {
	if len(b.Trace) < len(b.Record) {
		b.Trace = append(b.Trace, make([][]float32, len(b.Record)-len(b.Trace))...)
	}
	for i := range b.Record {
		if len(b.Trace[i]) < b.Lanes*records {
			b.Trace[i] = make([]float32, b.Lanes*records)
		}
	}
}

// gatherSpikes joins the spikes of all blocks of so many lanes.
func (b *Batch) gatherSpikes(blocks [][]cells.Spike, lanes int) {
	if len(b.SpikeStart) != b.Lanes+1 {
		b.SpikeStart = make([]int64, b.Lanes+1)
	}
	clear(b.SpikeStart)
	n := 0
	for _, spikes := range blocks {
		n += len(spikes)
	}
	b.SpikeTime = slices.Grow(b.SpikeTime[:0], n)
	for i, spikes := range blocks {
		for _, s := range spikes {
			b.SpikeStart[i*lanes+int(s.Lane)+1]++
			b.SpikeTime = append(b.SpikeTime, s.Time)
		}
	}
	for l := range b.Lanes {
		b.SpikeStart[l+1] += b.SpikeStart[l]
	}
}

// receptorStates are the receptors that have a state, in order: they follow the kernel's own states in
// Program.States.
func (p *Program) receptorStates() []int {
	var s []int
	for i, r := range p.Receptors {
		if r.Kind != Delta {
			s = append(s, i)
		}
	}
	return s
}

// cellsProgram turns a program into what the kernels take: decay factors of a step, normalised gains.
func cellsProgram(p *Program, b *Batch) (*cells.Program, error) {
	k := cells.Kernels()[p.Kernel]
	open := p.receptorStates()
	record := make([]int, len(b.Record))
	for i, r := range b.Record {
		record[i] = r
		if r >= k.States {
			if r-k.States >= len(open) {
				return nil, fmt.Errorf("cuda: program: state %q is neither the kernel's nor a receptor's", p.States[r])
			}
			record[i] = k.States + open[r-k.States]
		}
	}
	rec := make([]cells.Receptor, len(p.Receptors))
	for i, r := range p.Receptors {
		rec[i] = cells.Receptor{Kind: int(r.Kind)}
		if r.Kind == Delta {
			continue
		}
		// A step uses one value of an exponential. For closed-form and reset models that is its mean over the step,
		// so that its integral is exact; for the second-order step its value half-way; else, as in NEURON, its value
		// at the start. An exponential stays an exponential under either scale, so the gain carries it.
		scale := func(tau float64) float64 {
			x := p.Dt / tau
			switch {
			case k.Resets:
				return -math.Expm1(-x) / x
			case p.Solver == Staggered:
				return math.Exp(-x / 2)
			}
			return 1
		}
		norm := Peak(r.Rise, r.Decay)
		c := &rec[i]
		sa := scale(r.Decay)
		c.DecayA, c.GainA, c.RecordA = math.Exp(-p.Dt/r.Decay), norm*sa, 1/sa
		if r.Rise > 0 {
			sb := scale(r.Rise)
			c.Rises, c.DecayB, c.GainB, c.RecordB = true, math.Exp(-p.Dt/r.Rise), norm*sb, 1/sb
		}
		c.Reversal, c.Mg, c.SlopePerMV = r.Reversal, r.Magnesium/3.57, r.Slope
	}
	return cells.NewProgram(p.Kernel, p.Precision == Float64, p.Solver == Staggered, p.Dt, p.Threshold, p.Params,
		p.Initial, rec, record, b.Every)
}

// Peak returns the factor that makes exp(-t/decay) - exp(-t/rise) peak at 1; 1 where rise is 0.
func Peak(rise, decay float64) float64 {
	if rise == 0 {
		return 1
	}
	t := rise * decay / (decay - rise) * math.Log(decay/rise)
	return 1 / (math.Exp(-t/decay) - math.Exp(-t/rise))
}
