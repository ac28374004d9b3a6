package cuda

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"neq/cuda/driver"
)

// gpuRun integrates the lanes of a plan.
type gpuRun struct {
	d      *gpuDevice
	p      *Program
	b      *Batch
	plan   *gpuPlan
	kernel *driver.Kernel
	prog   gpuProgram

	records int     // of the whole time
	fired   []int32 // spikes of each lane so far
	lane    []int32 // of each spike
	time    []float64

	from         []int64 // lanes+1: first input of each lane, where they are drawn
	inputTime    []float32
	inputSynapse []int32
}

// gpuChunk is a part of the time whose traces come back together.
type gpuChunk struct {
	which        int // of the two halves of the room
	from, to     int // steps
	first, count int // records
}

func (r *gpuRun) chunk(i int) gpuChunk {
	from := i * r.plan.chunk
	c := gpuChunk{which: i % 2, from: from, to: min(from+r.plan.chunk, r.b.Steps)}
	every := r.plan.every
	c.first = min((c.from+every-1)/every, r.records)
	c.count = min((c.to+every-1)/every, r.records) - c.first
	return c
}

// run keeps the GPU one chunk ahead of the host.
func (r *gpuRun) run(ended func() error, out *laneSpikes, drawn *laneInputs) error {
	r.records = r.b.Steps / r.b.Every
	r.fired = make([]int32, r.plan.lanes)
	err := r.upload()
	chunks := (r.b.Steps + r.plan.chunk - 1) / r.plan.chunk
	for i := 0; i <= chunks && err == nil; i++ {
		if err = ended(); err != nil {
			break
		}
		if i < chunks {
			err = r.launch(r.chunk(i))
		}
		if i == 0 && err == nil {
			err = r.takeInputs()
		}
		if i > 0 && err == nil {
			err = r.take(r.chunk(i - 1))
		}
	}
	if err != nil {
		// The room is used again: nothing may be under way in it. Where the GPU is lost, err says so.
		if wait := r.d.c.Synchronize(); wait != nil && r.d.c.Lost() == nil {
			err = errors.Join(err, wait)
		}
		return err
	}
	out.add(r.plan.lanes, r.lane, r.time)
	if r.b.Inputs != nil {
		drawn.add(r)
	}
	return nil
}

// upload brings the lanes' events and currents to the GPU.
func (r *gpuRun) upload() error {
	room, g, e := r.d.room, r.plan, &r.b.Events
	from, to := e.Offset[g.first], e.Offset[g.first+g.lanes]
	n := g.size.into * g.lanes
	current := make([]float32, len(g.segments)*n)
	for i, s := range g.segments {
		r.prog.injected(current[i*n:(i+1)*n], r.b, g.first, g.lanes, s.from)
	}
	if err := errors.Join(r.prog.upload(room), write(room.compute, room.current, current)); err != nil {
		return err
	}
	if r.b.Inputs != nil {
		return r.draw()
	}
	offset := make([]int64, g.lanes+1)
	for l := range offset {
		offset[l] = e.Offset[g.first+l] - from
	}
	if err := write(room.compute, room.offset, offset); err != nil {
		return err
	}
	return errors.Join(write(room.compute, room.step, e.Step[from:to]), write(room.compute, room.receptor, e.Receptor[from:to]),
		write(room.compute, room.weight, e.Weight[from:to]))
}

// write copies to the start of a buffer.
func write[T driver.Element](s *driver.Stream, b *driver.Buffer[T], x []T) error {
	if len(x) == 0 {
		return nil
	}
	part, err := b.Part(0, len(x))
	if err != nil {
		return err
	}
	return part.Write(s, x)
}

// launch queues a chunk and the fetching of its traces. What its half of the room held before has been taken.
func (r *gpuRun) launch(c gpuChunk) error {
	room, g, i := r.d.room, r.plan, c.which
	err := room.compute.Burst(func(s *driver.Stream) error {
		if err := room.number[i].Zero(s); err != nil {
			return err
		}
		for k, seg := range g.segments {
			if from, to := max(c.from, seg.from), min(c.to, seg.to); from < to {
				if err := r.prog.launch(s, r, c, k, from, to); err != nil {
					return err
				}
			}
		}
		return s.Record(room.ran[i])
	})
	if err != nil {
		return err
	}
	return room.fetch.Burst(func(s *driver.Stream) error {
		if err := s.After(room.ran[i]); err != nil {
			return err
		}
		if n := g.variables * c.count * g.lanes; n > 0 {
			from, err := room.record[i].Part(0, n)
			if err != nil {
				return err
			}
			to, err := room.traces[i].Part(0, n)
			if err != nil {
				return err
			}
			if err := from.Fetch(s, to); err != nil {
				return err
			}
		}
		if err := room.number[i].Fetch(s, room.numbers[i]); err != nil {
			return err
		}
		return s.Record(room.fetched[i])
	})
}

// take waits for a chunk and takes over its traces and spikes.
func (r *gpuRun) take(c gpuChunk) error {
	if err := r.d.room.fetched[c.which].Wait(); err != nil {
		return err
	}
	if err := r.takeTraces(c); err != nil {
		return err
	}
	return r.takeSpikes(c)
}

// takeTraces lays the traces of a chunk out lane by lane.
func (r *gpuRun) takeTraces(c gpuChunk) error {
	if c.count == 0 {
		return nil
	}
	const some = 64 // lanes at a time: whole cache lines on either side
	g := r.plan
	in := r.d.room.traces[c.which].Slice()
	bad := make([]bool, g.variables)
	var mu sync.Mutex
	var wg sync.WaitGroup
	share := (g.lanes/max(1, r.d.threads)/some + 1) * some
	for from := 0; from < g.lanes; from += share {
		wg.Go(func() {
			for l0 := from; l0 < min(from+share, g.lanes); l0 += some {
				l1 := min(l0+some, g.lanes)
				for v := range g.variables {
					out, numbers := r.b.Trace[v], true
					for k := range c.count {
						row := in[(v*c.count+k)*g.lanes:][:g.lanes]
						for l := l0; l < l1; l++ {
							x := row[l]
							out[(g.first+l)*r.records+c.first+k] = x
							numbers = numbers && x-x == 0
						}
					}
					if !numbers {
						mu.Lock()
						bad[v] = true
						mu.Unlock()
					}
				}
			}
		})
	}
	wg.Wait()
	for v := range bad {
		if bad[v] {
			return r.b.notNumbers(r.p, v, g.first, g.lanes, c.first, c.first+c.count, r.records)
		}
	}
	return nil
}

// takeSpikes appends the spikes of a chunk, which are in the order of time for each lane.
func (r *gpuRun) takeSpikes(c gpuChunk) error {
	room, g, i := r.d.room, r.plan, c.which
	found := int64(room.numbers[i].Slice()[0])
	n := int(min(found, int64(g.capacity)))
	begin := len(r.lane)
	for from := 0; from < n; from += gpuPiece {
		to := min(n, from+gpuPiece)
		lane, err := fetched(room.spikes, room.spikeLane[i], room.lanePiece, from, to)
		if err != nil {
			return err
		}
		time, err := fetched(room.spikes, room.spikeTime[i], room.timePiece, from, to)
		if err != nil {
			return err
		}
		r.lane, r.time = append(r.lane, lane...), append(r.time, time...)
	}
	most := int32(min(math.Ceil(float64(r.b.Steps)*r.p.Dt), math.MaxInt32))
	worst, at := g.lanes, 0.0
	for k := begin; k < len(r.lane); k++ {
		l := int(r.lane[k])
		if l < 0 || l >= g.lanes {
			return fmt.Errorf("a spike of lane %d of %d came back from %s: the GPU or its memory is not to be trusted", l, g.lanes, r.d.Name())
		}
		if r.fired[l]++; r.fired[l] == most+1 && l < worst {
			worst, at = l, r.time[k]
		}
	}
	if worst < g.lanes {
		return tooManySpikes(g.first+worst, int(most)+1, at)
	}
	if found > int64(g.capacity) {
		return r.overflow(found, int(most), float64(min(c.to+g.chunk, r.b.Steps))*r.p.Dt)
	}
	return nil
}

// tooManySpikes is the error of a lane that fires more than once a ms.
func tooManySpikes(lane, spikes int, ms float64) error {
	return &LaneError{lane, fmt.Sprintf("%d spikes by %.4g ms, more than one per ms: lower its drive or set a refractory period", spikes, ms)}
}

// moreSpikes is the error of a chunk with more spikes than there was room for: the part is run again with more.
type moreSpikes struct{ perLane int }

func (e *moreSpikes) Error() string {
	return fmt.Sprintf("room for %d spikes of a cell is needed", e.perLane)
}

// overflow says which lane filled the buffer of spikes, or that all of them together did. The GPU counts on.
func (r *gpuRun) overflow(found int64, most int, ms float64) error {
	room := r.d.room
	count := make([]int32, r.plan.lanes)
	part, err := room.count.Part(0, len(count))
	if err != nil {
		return err
	}
	if err := part.Read(room.compute, count); err != nil { // which waits for the chunk that is under way
		return err
	}
	for l, n := range count {
		if int(n) > most {
			return tooManySpikes(r.plan.first+l, int(n), ms)
		}
	}
	return &moreSpikes{2 * max(r.plan.perLane, int(found/int64(r.plan.lanes)))}
}

// fetched brings elements from <= i < to of a buffer in and waits for them. They last until the next.
func fetched[T driver.Element](s *driver.Stream, b *driver.Buffer[T], p *driver.Pinned[T], from, to int) ([]T, error) {
	src, err := b.Part(from, to)
	if err != nil {
		return nil, err
	}
	dst, err := p.Part(0, to-from)
	if err != nil {
		return nil, err
	}
	if err := src.Fetch(s, dst); err != nil {
		return nil, err
	}
	return dst.Slice(), s.Wait()
}
