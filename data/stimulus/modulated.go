package stimulus

import (
	"math"
	"slices"

	"neq/cuda/kernels/inputs"
	"neq/internal/philox"
)

// Recipe returns what the inputs of all samples have in common where the protocol draws them by rates alone (the
// modulated one does), for a device that draws them itself; nil for other protocols.
func (p *Protocol) Recipe() *inputs.Recipe {
	if p.cfg.Protocol != "modulated" || p.synapses == 0 {
		return nil
	}
	r := &inputs.Recipe{Seed: p.seed, Stream: philox.StreamInput, Shares: philox.StreamSpread, Synapses: p.synapses,
		Bins: p.duration, Parts: p.share, Low: p.cfg.Spread[0], High: p.cfg.Spread[1]}
	for _, t := range p.cfg.Trees {
		for _, name := range []string{t.Excitatory, t.Inhibitory} {
			if name != "" {
				g := p.group(name)
				r.Groups = append(r.Groups, inputs.Group{First: g.First, Count: g.Count})
			}
		}
	}
	return r
}

// Course is the protocol of Beniaguev, Segev & London 2021 for one sample. Time is cut into intervals of one length;
// in each, every tree draws how many events it receives, and every synapse its share of them. The rates are smoothed
// with a Gaussian. The chance of an event in a ms is exponentially distributed with the rate as its mean. Unlike the
// published scripts, intervals also precede the sample, so that the rate does not fade in over the Gaussian's width.
func (p *Protocol) Course(recipe *inputs.Recipe, sample uint64) *inputs.Course {
	r := philox.New(p.seed, sample, philox.StreamProtocol)
	pick := func(values []float64, jitter float64) float64 {
		return values[r.Intn(len(values))] + jitter*(2*r.Float64()-1)
	}
	c := &inputs.Course{Sample: sample, Length: int(math.Round(pick(p.cfg.Interval, p.cfg.IntervalJitter)))}
	sigma := pick(p.cfg.Smoothing, p.cfg.SmoothingJitter)
	intervals := recipe.Gaussian(c, sigma)

	for i, t := range p.cfg.Trees {
		r := philox.New(p.seed, sample, philox.StreamProtocol+1+uint32(i))
		exc, inh := make([]float64, intervals), make([]float64, intervals) // events of the whole group in 100 ms
		for k := range intervals {
			exc[k] = t.PerTree[0] + (t.PerTree[1]-t.PerTree[0])*r.Float64()
			u := r.Float64()
			if low, high, ok := t.inhibition(exc[k]); ok {
				inh[k] = low + (high-low)*u
			}
		}
		c.Rates = append(c.Rates, perMs(exc))
		if t.Inhibitory != "" {
			c.Rates = append(c.Rates, perMs(inh))
		}
	}
	return c
}

// perMs turns the events in 100 ms into those in 1 ms, in place.
func perMs(count []float64) []float64 {
	for k, c := range count {
		count[k] = c / 100
	}
	return count
}

func (p *Protocol) group(name string) Group {
	return p.groups[slices.IndexFunc(p.groups, func(g Group) bool { return g.Name == name })]
}
