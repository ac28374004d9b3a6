package trainer

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"neq/surrogates"
	"neq/surrogates/ops"
)

// DivergenceError says that a fit left the finite numbers. The last checkpoint before it is kept.
type DivergenceError struct {
	Step       int           // optimiser steps done before
	What       string        // what is not finite
	Rate       float64       // learning rate of the step
	Clip       float64       // training.gradient_clip, 0: none
	Batch      []BatchWindow // what the step was made from; where it shows, only what gave predictions that are not finite
	Checkpoint int           // step of the last checkpoint, -1: none was written
}

// BatchWindow names a row of a batch.
type BatchWindow struct {
	Shard  int `json:"shard"`
	Sample int `json:"sample"`   // in the data set
	Start  int `json:"start_ms"` // of the scored part
	Stop   int `json:"stop_ms"`
}

// namedWindows is how many windows an error's text lists.
const namedWindows = 6

func (e *DivergenceError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "trainer: training diverged at step %d: %s", e.Step, e.What)
	for i, w := range e.Batch {
		if i == namedWindows {
			fmt.Fprintf(&b, " and %d more", len(e.Batch)-i)
			break
		}
		sep := ";"
		if i == 0 {
			sep = ", in the batch of"
		}
		fmt.Fprintf(&b, "%s sample %d (shard %d) from %d to %d ms", sep, w.Sample, w.Shard, w.Start, w.Stop)
	}
	if e.Checkpoint >= 0 {
		fmt.Fprintf(&b, "; the checkpoint of step %d is kept", e.Checkpoint)
	}
	clip := "set training.gradient_clip"
	if e.Clip > 0 {
		clip = fmt.Sprintf("training.gradient_clip, now %g", e.Clip)
	}
	fmt.Fprintf(&b, ": lower training.learning_rate, %.3g in this step (neq train --find-rate suggests one), or %s, and start again with --overwrite", e.Rate, clip)
	return b.String()
}

// diverged is the error of a step's batch, of all its batches where part is negative. graph has just computed it, nil
// where it has gone on since.
func (r *run) diverged(step, part int, what string, graph *surrogates.Graph) error {
	e := &DivergenceError{Step: step, What: what, Rate: r.c.Rate(min(step, r.c.Steps-1)), Clip: r.c.GradientClip, Checkpoint: -1}
	if r.o.OutDir != "" {
		if steps, err := checkpoints(r.o.OutDir); err == nil && len(steps) > 0 {
			e.Checkpoint = steps[len(steps)-1]
		}
	}
	from, n := 0, r.c.Batch*r.c.batches()
	if part >= 0 {
		from, n = part*r.c.Batch, r.c.Batch
	}
	batch, err := r.name(step, from, n)
	if err != nil {
		return errors.Join(e, err)
	}
	var guilty []BatchWindow
	if graph != nil {
		span := len(graph.Logit()) / r.c.Batch
		for i := range batch {
			if firstNonFinite(graph.Logit()[i*span:(i+1)*span]) >= 0 || firstNonFinite(graph.Voltage()[i*span:(i+1)*span]) >= 0 {
				guilty = append(guilty, batch[i])
			}
		}
	}
	if e.Batch = batch; len(guilty) > 0 {
		e.Batch = guilty
	}
	return e
}

// unsolved is the error of a step that the solver did not make.
func (r *run) unsolved(step int, err error) error {
	var bad *ops.NotFiniteError
	if !errors.As(err, &bad) {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	return r.diverged(int(bad.Step)-1, -1, fmt.Sprintf("the gradient of %s is not finite", bad.Name), nil)
}

// unsound is the error of what is not finite after the steps so far.
func (r *run) unsound(what string) error {
	err := r.diverged(max(0, r.st.Step-1), -1, what, nil)
	var d *DivergenceError
	if errors.As(err, &d) {
		d.Step = r.st.Step
	}
	return err
}

// name says which windows a step is made from, n of them from one on: a pure function of the step, so that it can be told
// when the step is long past and its data not in memory.
func (r *run) name(step, from, n int) ([]BatchWindow, error) {
	bare := r.train
	bare.source = outline{bare.source}
	l, err := newLoader(bare, &r.c)
	if err != nil {
		return nil, err
	}
	defer l.wait()
	rows := make([]window, n)
	if err := l.windows(step, from, rows); err != nil {
		return nil, err
	}
	list := make([]BatchWindow, n)
	for i, w := range rows {
		sample := w.shard.First + w.local
		list[i] = BatchWindow{Shard: sample / bare.info.SamplesPerShard, Sample: sample, Start: w.start, Stop: w.start + r.c.Window}
	}
	return list, nil
}

// finite says whether a number is one.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
