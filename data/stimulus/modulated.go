package stimulus

import (
	"math"

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
		exc, inh := p.group(t.Excitatory), p.group(t.Inhibitory)
		for k := range intervals {
			e := t.PerTree[0] + (t.PerTree[1]-t.PerTree[0])*r.Float64()
			u := r.Float64()
			p.spread(plan, sample, k, exc, e)
			if low, high, ok := t.inhibition(e); ok {
				p.spread(plan, sample, k, inh, low+(high-low)*u)
			}
		}
	}
	return plan
}

// smooth fills the plan's kernel: what interval k's rate counts for in a ms, under a Gaussian of width sigma.
func (p *Protocol) smooth(plan *inputs.Plan, length, sigma, reach float64, before, intervals int) {
	edge := func(k int, t float64) float64 { // mass of the Gaussian around t after the start of interval k
		return 0.5 * math.Erfc((float64(k-before)*length-t)/(sigma*math.Sqrt2))
	}
	band := plan.Band
	for g := range plan.First {
		t := float64(4 * g)
		first := int(math.Floor((t-reach*sigma)/length)) + before
		first = min(max(first, 0), intervals-band)
		plan.First[g] = int32(first)
		for q := range 4 {
			mid := t + float64(q) + 0.5
			here := edge(first, mid)
			for j := range band {
				next := edge(first+j+1, mid)
				plan.Kernel[(g*band+j)*4+q] = float32(here - next)
				here = next
			}
		}
	}
}

// spread shares count events per 100 ms among the synapses of a group in interval k.
func (p *Protocol) spread(plan *inputs.Plan, sample uint64, k int, g Group, count float64) {
	mean := count / 100 / float64(g.Count)
	low, high := p.cfg.Spread[0], p.cfg.Spread[1]
	for s := g.First; s < g.First+g.Count; s++ {
		w := philox.Block([4]uint32{uint32(k), philox.StreamSpread + uint32(s), uint32(sample), uint32(sample >> 32)},
			[2]uint32{uint32(p.seed), uint32(p.seed >> 32)})
		u := (float64(w[0]) + 0.5) / (1 << 32)
		plan.Amplitude[k*plan.Row+s] = float32(min(mean*(low+(high-low)*u), inputs.MaxMean))
	}
}

func (p *Protocol) group(name string) Group {
	for _, g := range p.groups {
		if g.Name == name {
			return g
		}
	}
	return Group{Name: name, Count: 1}
}
