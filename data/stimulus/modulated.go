package stimulus

import (
	"math"
	"slices"

	"neq/cuda/kernels/inputs"
	"neq/internal/philox"
)

// modulated is the protocol of Beniaguev, Segev & London 2021 for one sample. Time is cut into intervals of
// one length; in each, every tree draws how many events it receives, and every synapse its share of them. The
// rates are smoothed with a Gaussian. The chance of an event in a ms is exponentially distributed with the
// rate as its mean. Unlike the published scripts, intervals also precede the sample, so that the rate does
// not fade in over the Gaussian's width.
func (p *Protocol) modulated(sample uint64) *inputs.Plan {
	r := philox.New(p.seed, sample, philox.StreamProtocol)
	pick := func(values []float64, jitter float64) float64 {
		return values[r.Intn(len(values))] + jitter*(2*r.Float64()-1)
	}
	length := math.Round(pick(p.cfg.Interval, p.cfg.IntervalJitter))
	sigma := pick(p.cfg.Smoothing, p.cfg.SmoothingJitter)

	const reach = 4 // standard deviations: beyond, a Gaussian holds 6e-5 of its mass
	before := int(math.Ceil(reach * sigma / length))
	intervals := 2*before + int(math.Ceil(float64(p.duration)/length)) + 3
	band := int(math.Ceil((2*reach*sigma+4)/length)) + 1
	band = min(band, intervals)
	plan := p.newPlan(intervals, band)
	plan.Exponential = true
	p.smooth(plan, length, sigma, reach, before, intervals)

	for i, t := range p.cfg.Trees {
		r := philox.New(p.seed, sample, philox.StreamProtocol+1+uint32(i))
		exc, inh := make([]float64, intervals), make([]float64, intervals)
		for k := range intervals {
			exc[k] = t.PerTree[0] + (t.PerTree[1]-t.PerTree[0])*r.Float64()
			u := r.Float64()
			if low, high, ok := t.inhibition(exc[k]); ok {
				inh[k] = low + (high-low)*u
			}
		}
		p.spread(plan, sample, p.group(t.Excitatory), exc)
		if t.Inhibitory != "" {
			p.spread(plan, sample, p.group(t.Inhibitory), inh)
		}
	}
	return plan
}

// smooth fills the plan's kernel: what interval k's rate counts for in a ms, under a Gaussian of width sigma.
// Intervals last a whole number of ms, so the Gaussian's integral is needed at whole distances only.
func (p *Protocol) smooth(plan *inputs.Plan, length, sigma, reach float64, before, intervals int) {
	band, step := plan.Band, int(length)
	far := int(reach*sigma) + 2*step + 8
	mass := make([]float64, 2*far+1) // of the Gaussian, beyond a distance from the middle of a ms
	for d := range mass {
		mass[d] = 0.5 * math.Erfc((float64(d-far)-0.5)/(sigma*math.Sqrt2))
	}
	edge := func(k, t int) float64 { return mass[min(max((k-before)*step-t+far, 0), 2*far)] }
	for g := range plan.First {
		t := 4 * g
		first := int(math.Floor((float64(t)-reach*sigma)/length)) + before
		first = min(max(first, 0), intervals-band)
		plan.First[g] = int32(first)
		for q := range 4 {
			here := edge(first, t+q)
			for j := range band {
				next := edge(first+j+1, t+q)
				plan.Kernel[(g*band+j)*4+q] = float32(here - next)
				here = next
			}
		}
	}
}

// spread shares out events among the synapses of a group, count[k] per 100 ms in interval k.
func (p *Protocol) spread(plan *inputs.Plan, sample uint64, g Group, count []float64) {
	low, high := p.cfg.Spread[0], p.cfg.Spread[1]
	for s := g.First; s < g.First+g.Count; s++ {
		r := philox.New(p.seed, sample, philox.StreamSpread+uint32(s))
		for k, c := range count {
			rate := c / 100 / float64(g.Count) * (low + (high-low)*r.Float64())
			plan.Amplitude[k*plan.Row+s] = float32(min(rate, inputs.MaxMean))
		}
	}
}

func (p *Protocol) group(name string) Group {
	return p.groups[slices.IndexFunc(p.groups, func(g Group) bool { return g.Name == name })]
}
