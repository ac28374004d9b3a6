package cuda

import (
	"context"
	"errors"
	"slices"
)

// A GPU is fast with a hundred thousand lanes, and a shard has some dozens. So whoever comes first runs at once, and
// while it does, others gather; the next turn takes all of those that are alike and runs them as one batch. A lane's
// bytes depend on its own input alone, so that nobody sees the difference.

// gpuJob is a batch that waits.
type gpuJob struct {
	ctx  context.Context
	p    *Program
	b    *Batch
	prog gpuProgram
	done chan error // holds the answer
}

// wait runs the job, or lets another goroutine run it.
func (d *gpuDevice) wait(j *gpuJob) error {
	d.mu.Lock()
	d.queue = append(d.queue, j)
	d.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	case d.turn <- struct{}{}:
	case <-j.ctx.Done():
		if d.drop(j) {
			return j.ctx.Err()
		}
		select { // it is being run, which ends soon, with an answer or back in the queue
		case err := <-j.done:
			return err
		case d.turn <- struct{}{}:
		}
	}
	defer func() { <-d.turn }()
	for {
		select {
		case err := <-j.done:
			return err
		default:
			d.runTogether(d.take(j))
		}
	}
}

// drop takes a job out of the queue and says whether it was there.
func (d *gpuDevice) drop(j *gpuJob) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.queue, j)
	if i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
	}
	return i >= 0
}

// take takes a job and those like it out of the queue, as far as they fit in one launch.
func (d *gpuDevice) take(j *gpuJob) []*gpuJob {
	d.mu.Lock()
	defer d.mu.Unlock()
	jobs, lanes := []*gpuJob{j}, j.b.Lanes
	d.queue = slices.DeleteFunc(d.queue, func(k *gpuJob) bool {
		if k == j {
			return true
		}
		if lanes+k.b.Lanes > gpuLanes || !j.like(k) {
			return false
		}
		jobs, lanes = append(jobs, k), lanes+k.b.Lanes
		return true
	})
	return jobs
}

// like says whether two jobs can be one batch.
func (j *gpuJob) like(k *gpuJob) bool {
	return j.p.Dt == k.p.Dt && j.prog.like(k.prog) && j.b.Steps == k.b.Steps &&
		j.b.Every == k.b.Every && slices.Equal(j.b.Record, k.b.Record) && likeInputs(j.b.Inputs, k.b.Inputs) && slices.EqualFunc(j.b.Current, k.b.Current,
		func(x, y Current) bool { return x.From == y.From && x.To == y.To && x.Node == y.Node })
}

// runTogether runs jobs as one batch and answers them. Where the context of one ends or a cell of one fails, it alone
// gets the error and the others wait again.
func (d *gpuDevice) runTogether(jobs []*gpuJob) {
	ended := func() error {
		for _, j := range jobs {
			if err := j.ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	}
	all := jobs[0].b
	if len(jobs) > 1 {
		all = join(jobs)
	}
	err := d.runBatch(ended, jobs[0].p, all, jobs[0].prog)
	if err == nil && len(jobs) > 1 {
		split(all, jobs)
	}
	var bad *LaneError
	oneFailed := errors.As(err, &bad)
	oneEnded := err != nil && !oneFailed && ended() != nil && errors.Is(err, ended())
	first := 0
	for _, j := range jobs {
		last := first + j.b.Lanes
		switch {
		case oneFailed && first <= bad.Lane && bad.Lane < last:
			j.done <- &LaneError{bad.Lane - first, bad.Msg}
		case oneEnded && j.ctx.Err() != nil:
			j.done <- j.ctx.Err()
		case oneFailed || oneEnded:
			d.mu.Lock()
			d.queue = append(d.queue, j)
			d.mu.Unlock()
		default:
			j.done <- err
		}
		first = last
	}
}

// join makes one batch of several.
func join(jobs []*gpuJob) *Batch {
	b := jobs[0].b
	all := &Batch{Steps: b.Steps, Every: b.Every, Record: b.Record, Inputs: joinInputs(jobs), Current: make([]Current, len(b.Current))}
	events := 0
	for _, j := range jobs {
		all.Lanes += j.b.Lanes
		events += len(j.b.Events.Step)
	}
	e := &all.Events
	e.Offset = make([]int64, 1, all.Lanes+1)
	e.Step, e.Receptor, e.Weight = make([]int32, 0, events), make([]uint16, 0, events), make([]float32, 0, events)
	for i, c := range b.Current {
		all.Current[i] = Current{From: c.From, To: c.To, Node: c.Node, Amp: make([]float32, 0, all.Lanes)}
	}
	for _, j := range jobs {
		from := int64(len(e.Step))
		for _, o := range j.b.Events.Offset[1:] {
			e.Offset = append(e.Offset, from+o)
		}
		x := &j.b.Events
		e.Step, e.Receptor, e.Weight = append(e.Step, x.Step...), append(e.Receptor, x.Receptor...), append(e.Weight, x.Weight...)
		for i, c := range j.b.Current {
			all.Current[i].Amp = append(all.Current[i].Amp, c.Amp...)
		}
	}
	return all
}

// split gives each job its part of the results.
func split(all *Batch, jobs []*gpuJob) {
	records := all.Steps / all.Every
	lane := 0
	for _, j := range jobs {
		b := j.b
		b.allocate(records)
		b.Inputs.split(all.Inputs, lane)
		for v := range b.Record {
			copy(b.Trace[v], all.Trace[v][lane*records:(lane+b.Lanes)*records])
		}
		start := all.SpikeStart[lane : lane+b.Lanes+1]
		b.SpikeTime = append(b.SpikeTime[:0], all.SpikeTime[start[0]:start[b.Lanes]]...)
		b.SpikeStart = make([]int64, len(start))
		for i, s := range start {
			b.SpikeStart[i] = s - start[0]
		}
		lane += b.Lanes
	}
}
