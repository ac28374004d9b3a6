package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/surrogates/ops"
)

// residentShare is how much of a GPU's free memory the training split may take. The rest is left to the solver's
// moments, to other fits on the same GPU, and to the programs of others.
const residentShare = 0.5

// outline is a source whose shards say only which samples they hold: what the loader looks at where events and targets
// lie on a GPU.
type outline struct{ source }

func (o outline) Shard(k int) (*traces.Shard, error) {
	info := o.Info()
	first, n := info.ShardSamples(k)
	return &traces.Shard{First: first, Samples: n}, nil
}

// reside puts the training split on the GPU, from where the steps take their batches, if it fits and the steps to come
// look at as many ms as it has; otherwise batches are sent as they are needed. The steps compute the same bits.
func (r *run) reside(ctx context.Context) error {
	if r.gpu == nil || r.o.stream {
		return nil
	}
	c, train, duration := &r.c, r.train, r.train.info.Duration
	aux, err := recorded(train.info, c.Loss.AuxiliaryNames())
	if err != nil {
		return err
	}
	if float64(c.Steps-r.st.Step)*float64(c.Batch)*float64(c.batches())*float64(*c.BurnIn+c.Window) < float64(train.count)*float64(duration) {
		return nil
	}
	free, err := r.gpu.Free()
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	seconds := float64(train.count) * float64(duration) / 1000
	shape := ops.EpisodeShape{Episodes: train.count, Duration: duration, Events: int64(math.Round(r.norm.InputRate * seconds * float64(train.info.Inputs)))}
	fits := func() bool {
		return shape.Events <= math.MaxInt32 && float64(r.graph.EpisodeBytes(shape)) <= residentShare*float64(free)
	}
	if !fits() {
		return nil
	}
	if r.norm.Samples < train.count { // the rate was that of some samples
		shape.Events = 0
		err := train.each(0, func(s *traces.Shard, from, to int) error {
			shape.Events += s.InputStart[to] - s.InputStart[from]
			return ctx.Err()
		})
		if err != nil || !fits() {
			return err
		}
	}
	e, err := r.graph.Reside(shape)
	if errors.Is(err, driver.OutOfMemory) { // free, but in pieces, or another's by now
		return nil
	}
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	var bin, synapse []int32
	targets := make([][]float32, 2+len(aux))
	for i := range targets {
		targets[i] = make([]float32, duration)
	}
	err = train.each(0, func(s *traces.Shard, from, to int) error {
		for i := from; i < to; i++ {
			bin, synapse = inputs(s, i, 0, 0, duration, bin[:0], synapse[:0])
			spikes(s, i, 0, targets[0])
			scaled(targets[1], s.SomaV[i*duration:(i+1)*duration], r.norm.Mean, r.norm.SD, r.norm.Clip)
			for j, k := range aux {
				a := r.norm.Auxiliary[j]
				scaled(targets[2+j], s.Extra[k][i*duration:(i+1)*duration], a.Mean, a.SD, nil)
			}
			if err := e.Add(bin, synapse, targets); err != nil {
				return fmt.Errorf("trainer: %w", err)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	train.source = outline{train.source}
	if r.load, err = newLoader(train, c); err != nil {
		return err
	}
	r.list = make([]ops.Window, c.Batch)
	return nil
}

// place turns the step's windows into those of the episodes on the GPU.
func (r *run) place() []ops.Window {
	for i, w := range r.rows {
		r.list[i] = ops.Window{Episode: w.shard.First + w.local - r.load.data.first, Start: w.start - *r.c.BurnIn}
	}
	return r.list
}
