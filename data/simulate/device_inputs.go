package simulate

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"neq/cuda"
	"neq/cuda/kernels/inputs"
	"neq/data/traces"
	"neq/internal/philox"
)

// deviceInputs is what every batch shares whose events the device draws: nil where the host draws them.
type deviceInputs struct {
	recipe   *inputs.Recipe
	synapses *cuda.Synapses
	most     int
}

// onDevices returns how the devices can draw the plan's events themselves: nil where one of them cannot, or the
// protocol is not one of rates alone. Either way the bytes are the same.
func (p *Plan) onDevices(devices []cuda.Device) *deviceInputs {
	recipe := p.protocol.Recipe()
	if recipe == nil {
		return nil
	}
	for _, d := range devices {
		if !cuda.Draws(d) {
			return nil
		}
	}
	in := &deviceInputs{recipe: recipe, synapses: &cuda.Synapses{Release: philox.StreamRelease, Due: make([]int32, recipe.Bins)}}
	for _, s := range p.Cell.Synapses {
		in.synapses.Receptor = append(in.synapses.Receptor, s.Receptor)
		in.synapses.Weight = append(in.synapses.Weight, s.Device)
		in.synapses.Chance = append(in.synapses.Chance, s.Release)
	}
	for ms := range in.synapses.Due {
		in.synapses.Due[ms] = -1
		if step := p.due(float64(ms)); step < p.steps {
			in.synapses.Due[ms] = int32(step)
		}
	}
	// Twice the mean, and what a few events scatter: a GPU makes room for more where that is too little.
	mean := p.protocol.Rate() * float64(recipe.Bins)
	in.most = min(int(2*mean+8*math.Sqrt(mean))+16, recipe.Bins*recipe.Synapses)
	return in
}

// begin plans the input of samples first to first+count for a device that draws it, on so many threads.
func (in *deviceInputs) begin(ctx context.Context, p *Plan, first, count, threads int) (*drawn, error) {
	courses := make([]*inputs.Course, count)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range max(1, threads) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				courses[i] = p.protocol.Course(in.recipe, uint64(first+i))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := &drawn{shard: &traces.Shard{First: first, Samples: count}, batch: &cuda.Batch{Lanes: count, Steps: p.steps, Every: p.every, Record: p.record,
		Inputs: &cuda.Inputs{Synapses: in.synapses, Recipe: in.recipe, Courses: courses, Most: in.most}}}
	p.inject(uint64(first), d.batch)
	return d, nil
}

// takeInputs takes over the events that a device drew.
func takeInputs(s *traces.Shard, b *cuda.Batch) {
	if in := b.Inputs; in != nil {
		s.InputStart, s.InputTime, s.InputSynapse = in.Start, in.Time, in.Synapse
	}
}
