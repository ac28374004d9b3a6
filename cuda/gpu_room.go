package cuda

import (
	"errors"

	"neq/cuda/driver"
)

// gpuRoom is the memory of a GPU device, its streams and events. It grows to what the largest batch needs and is
// kept between batches. What comes in twos is one for each of two chunks: the GPU fills one while the other is
// brought in.
type gpuRoom struct {
	c                      *driver.Context
	compute, fetch, spikes *driver.Stream
	ran, fetched           [2]*driver.Event

	state, other, current *driver.Buffer[float32] // state and other: two for each value in float64
	tables                *driver.Buffer[uint64]
	into                  *driver.Buffer[int32]
	cursor, offset        *driver.Buffer[int64]
	count, step           *driver.Buffer[int32]
	receptor              *driver.Buffer[uint16]
	weight                *driver.Buffer[float32]
	record                [2]*driver.Buffer[float32]
	number                [2]*driver.Buffer[uint32]
	spikeTime             [2]*driver.Buffer[float64]
	spikeLane             [2]*driver.Buffer[int32]

	traces    [2]*driver.Pinned[float32]
	numbers   [2]*driver.Pinned[uint32]
	timePiece *driver.Pinned[float64]
	lanePiece *driver.Pinned[int32]

	inputs inputRoom
}

func newGPURoom(c *driver.Context) (*gpuRoom, error) {
	r := &gpuRoom{c: c}
	var errs []error
	for _, s := range []**driver.Stream{&r.compute, &r.fetch, &r.spikes} {
		var err error
		*s, err = c.NewStream()
		errs = append(errs, err)
	}
	for _, e := range []*[2]*driver.Event{&r.ran, &r.fetched} {
		for i := range e {
			var err error
			e[i], err = c.NewEvent()
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		if err != nil {
			return nil, err // the first says why: what follows a loss says the same again
		}
	}
	return r, nil
}

// fit makes room for a plan.
func (r *gpuRoom) fit(g *gpuPlan, in *Inputs) error {
	x, n := &g.size, g.lanes
	wide := x.width / 4
	todo := []func() error{
		grow(r.c, &r.state, wide*x.state*n), grow(r.c, &r.other, wide*x.other*n), grow(r.c, &r.tables, x.tables), grow(r.c, &r.into, len(x.nodes)),
		grow(r.c, &r.current, len(g.segments)*x.into*n), grow(r.c, &r.cursor, n), grow(r.c, &r.offset, n+1), grow(r.c, &r.count, n),
		grow(r.c, &r.step, g.events), grow(r.c, &r.receptor, g.events), grow(r.c, &r.weight, g.events),
		growPinned(r.c, &r.timePiece, min(g.capacity, gpuPiece)), growPinned(r.c, &r.lanePiece, min(g.capacity, gpuPiece)),
	}
	for i := range 2 {
		traces := g.variables * g.records * n
		todo = append(todo, grow(r.c, &r.record[i], traces), grow(r.c, &r.number[i], 1), grow(r.c, &r.spikeTime[i], g.capacity),
			grow(r.c, &r.spikeLane[i], g.capacity), growPinned(r.c, &r.traces[i], traces), growPinned(r.c, &r.numbers[i], 1))
	}
	for _, f := range todo {
		if err := f(); err != nil {
			return err
		}
	}
	if in != nil {
		return r.inputs.fit(r.c, g, in)
	}
	return nil
}

// grow sees that a buffer holds n elements, at least one.
func grow[T driver.Element](c *driver.Context, b **driver.Buffer[T], n int) func() error {
	return func() (err error) {
		if *b != nil && (*b).Len() >= n {
			return nil
		}
		if err := drop(b); err != nil {
			return err
		}
		*b, err = driver.Alloc[T](c, max(1, n))
		return err
	}
}

func growPinned[T driver.Element](c *driver.Context, b **driver.Pinned[T], n int) func() error {
	return func() (err error) {
		if *b != nil && (*b).Len() >= n {
			return nil
		}
		if err := dropPinned(b); err != nil {
			return err
		}
		*b, err = driver.Pin[T](c, max(1, n))
		return err
	}
}

func drop[T driver.Element](b **driver.Buffer[T]) error {
	old := *b
	if *b = nil; old == nil {
		return nil
	}
	return old.Free()
}

func dropPinned[T driver.Element](b **driver.Pinned[T]) error {
	old := *b
	if *b = nil; old == nil {
		return nil
	}
	return old.Free()
}

// free gives all memory back.
func (r *gpuRoom) free() error {
	err := errors.Join(drop(&r.state), drop(&r.other), drop(&r.tables), drop(&r.into), drop(&r.current), drop(&r.cursor), drop(&r.offset), drop(&r.count),
		drop(&r.step), drop(&r.receptor), drop(&r.weight), r.inputs.free(), r.freePinned())
	for i := range 2 {
		err = errors.Join(err, drop(&r.record[i]), drop(&r.number[i]), drop(&r.spikeTime[i]), drop(&r.spikeLane[i]))
	}
	return err
}

// freePinned gives the host's memory back, which a context does not do on closing.
func (r *gpuRoom) freePinned() error {
	if r.c.Lost() != nil {
		return nil // it was given back with the context, or is lost with it
	}
	err := errors.Join(dropPinned(&r.timePiece), dropPinned(&r.lanePiece), r.inputs.freePinned())
	for i := range 2 {
		err = errors.Join(err, dropPinned(&r.traces[i]), dropPinned(&r.numbers[i]))
	}
	return err
}
