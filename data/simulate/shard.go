package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"neq/cuda"
	"neq/data/stimulus"
	"neq/data/traces"
	"neq/internal/philox"
)

// drawn is a shard's input: as the data set keeps it, and as a device takes it.
type drawn struct {
	index int
	shard *traces.Shard
	batch *cuda.Batch
	trace [][]float32 // what the device recorded
}

// input makes the input of samples first to first+count, or where the device draws it plans it.
func (p *Plan) input(ctx context.Context, in *deviceInputs, first, count, threads int) (*drawn, error) {
	if in != nil {
		return in.begin(ctx, p, first, count, threads)
	}
	return p.draw(ctx, first, count, threads)
}

// draw makes the input of samples first to first+count, on so many threads.
func (p *Plan) draw(ctx context.Context, first, count, threads int) (*drawn, error) {
	events := make([]stimulus.Events, count)
	device := make([]cuda.Events, count) // Offset unused: one lane each
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var failed error
	for range max(1, threads) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count || ctx.Err() != nil {
					return
				}
				if err := p.protocol.Draw(uint64(first+i), &events[i]); err != nil {
					once.Do(func() { failed = err })
					return
				}
				p.deliver(uint64(first+i), &events[i], &device[i])
			}
		})
	}
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	if failed != nil {
		return nil, failed
	}
	d := &drawn{shard: &traces.Shard{First: first, Samples: count, InputStart: make([]int64, count+1)},
		batch: &cuda.Batch{Lanes: count, Steps: p.steps, Every: p.every, Record: p.record, Events: cuda.Events{Offset: make([]int64, count+1)}}}
	s, e := d.shard, &d.batch.Events
	for i := range events {
		s.InputStart[i+1] = s.InputStart[i] + int64(len(events[i].Time))
		e.Offset[i+1] = e.Offset[i] + int64(len(device[i].Step))
	}
	s.InputTime, s.InputSynapse = make([]float32, 0, s.InputStart[count]), make([]int32, 0, s.InputStart[count])
	n := e.Offset[count]
	e.Step, e.Receptor, e.Weight = make([]int32, 0, n), make([]uint16, 0, n), make([]float32, 0, n)
	for i := range events {
		s.InputTime, s.InputSynapse = append(s.InputTime, events[i].Time...), append(s.InputSynapse, events[i].Synapse...)
		e.Step, e.Receptor, e.Weight = append(e.Step, device[i].Step...), append(e.Receptor, device[i].Receptor...), append(e.Weight, device[i].Weight...)
	}
	p.inject(uint64(first), d.batch)
	return d, nil
}

// deliver turns the events of a sample into what its receptors get: those that release, at the first step
// whose middle they do not miss (NEURON's rule: an event is due if it comes before the middle of the step).
func (p *Plan) deliver(sample uint64, in *stimulus.Events, out *cuda.Events) {
	release := map[int32]*philox.Stream{}
	for i, t := range in.Time {
		s := p.Cell.Synapses[in.Synapse[i]]
		if s.Release < 1 {
			r := release[in.Synapse[i]]
			if r == nil {
				r = philox.New(p.seed, sample, philox.StreamRelease+uint32(in.Synapse[i]))
				release[in.Synapse[i]] = r
			}
			if r.Float64() >= s.Release {
				continue
			}
		}
		step := p.due(float64(t))
		if step >= p.steps {
			continue
		}
		out.Step = append(out.Step, int32(step))
		out.Receptor = append(out.Receptor, s.Receptor)
		out.Weight = append(out.Weight, s.Device)
	}
}

// due is the first step whose middle an event at time t (ms) does not miss.
func (p *Plan) due(t float64) int { return int(math.Ceil(t/p.Cell.Program.Dt - 0.5)) }

// inject adds the current of each lane.
func (p *Plan) inject(first uint64, b *cuda.Batch) {
	if _, start, stop := p.protocol.Current(first); stop > start {
		dt := p.Cell.Program.Dt
		c := cuda.Current{Node: p.node, From: int32(math.Round(start / dt)), To: int32(math.Round(stop / dt)), Amp: make([]float32, b.Lanes)}
		for l := range c.Amp {
			a, _, _ := p.protocol.Current(first + uint64(l))
			c.Amp[l] = float32(a * p.Cell.CurrentScale)
		}
		b.Current = append(b.Current, c)
	}
}

// Shard simulates shard k on a device.
func (p *Plan) Shard(ctx context.Context, dev cuda.Device, k, threads int) (*traces.Shard, error) {
	first, count := p.Info.ShardSamples(k)
	d, err := p.input(ctx, p.onDevices([]cuda.Device{dev}), first, count, threads)
	if err != nil {
		return nil, err
	}
	return p.run(ctx, dev, d)
}

// run integrates a drawn shard and takes over what was recorded.
func (p *Plan) run(ctx context.Context, dev cuda.Device, d *drawn) (*traces.Shard, error) {
	s, b := d.shard, d.batch
	if err := dev.Run(ctx, &p.Cell.Program, b); err != nil {
		var lane *cuda.LaneError
		if errors.As(err, &lane) {
			return nil, fmt.Errorf("simulate: sample %d: %s; the neuron is %s, its parameters are %s", s.First+lane.Lane, lane.Msg, p.Info.Neuron, p.parameters())
		}
		return nil, fmt.Errorf("simulate: samples %d to %d: %w", s.First, s.First+s.Samples-1, err)
	}
	records := p.steps / p.every
	for i := range b.Trace { // which may be longer, of a larger shard before
		b.Trace[i] = b.Trace[i][:s.Samples*records]
	}
	d.trace = slices.Clone(b.Trace)
	for v, trace := range b.Trace {
		if i := notFinite(trace); i >= 0 {
			lane, ms := i/records, float64(i%records*p.every)*p.Cell.Program.Dt
			return nil, fmt.Errorf("simulate: sample %d: %s is %g after %g ms: the integration of %s overflowed; its parameters are %s: use a smaller simulation.dt_ms or weaker synapses",
				s.First+lane, p.Cell.Program.States[p.record[v]], trace[i], ms, p.Info.Neuron, p.parameters())
		}
	}
	takeInputs(s, b)
	values, windows := p.pick(s.Samples, b.Trace)
	s.SomaV, s.Extra, s.Windows = values[0], values[1:], windows
	s.SpikeStart = b.SpikeStart
	s.SpikeTime = make([]float32, len(b.SpikeTime))
	for i, t := range b.SpikeTime {
		s.SpikeTime[i] = traces.Time32(t)
	}
	return s, nil
}

// notFinite returns the index of the first value that is no number, -1 where all are.
func notFinite(v []float32) int {
	for i, x := range v {
		if x-x != 0 {
			return i
		}
	}
	return -1
}
