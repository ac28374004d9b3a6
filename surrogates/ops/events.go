package ops

import (
	"fmt"
	"math"

	"neq/cuda/kernels/nets"
)

// Events are the input spikes of a batch, as events: those of batch row b are Start[b] <= i < Start[b+1], each a
// bin (ms in the window) and a synapse, in any order. Repeated events add up. Bin and Synapse may be replaced or
// refilled between runs; Prepare sorts them for those operations that want an order.
type Events struct {
	Batch, Time, Inputs int
	Start               []int   // [Batch+1]
	Bin, Synapse        []int32 // 0 <= Bin < Time, 0 <= Synapse < Inputs

	shape    nets.Order
	kernels  nets.Kernels
	device   *deviceOrders // in place of the orders below
	orders   nets.Orders
	first    []int64 // Start
	prepared bool
	sorted   bool // an operation wants the orders
}

// blockBytes is how much of the first layer's weights a block of synapses may have: half of a 2 MB L2 cache, so that
// all the batch's events of the block find them there.
const blockBytes = 1 << 20

// NewEvents makes room for a batch's events and the orders the first layer needs: its taps, dilation and channels.
func (b *Builder) NewEvents(batch, time, inputs, taps, dilation, channels int) (*Events, error) {
	if batch < 1 || time < 1 || inputs < 1 || taps < 1 || dilation < 1 || channels < 1 {
		return nil, fmt.Errorf("ops: events of %d windows of %d ms on %d inputs (%d taps, dilation %d, %d channels): want all positive",
			batch, time, inputs, taps, dilation, channels)
	}
	if float64(batch)*float64(time) > math.MaxInt32/2 || float64(inputs)*float64(taps) > math.MaxInt32/2 {
		return nil, fmt.Errorf("ops: events of %d windows of %d ms on %d inputs of %d taps: more than 2^30 rows", batch, time, inputs, taps)
	}
	e := &Events{Batch: batch, Time: time, Inputs: inputs, Start: make([]int, batch+1), kernels: b.kernels}
	e.shape = nets.Order{Batch: batch, Time: time, Inputs: inputs, Taps: taps, Dilation: dilation, Block: max(1, min(inputs, blockBytes/(4*taps*channels))),
		Narrow: channels < b.kernels.Lanes()} // then an event adds its block in one go, and those that follow each other should fall on different outputs
	if b.device != nil {
		e.device = newDeviceOrders(e)
	}
	return e, nil
}

// blocks is the number of blocks of synapses.
func (e *Events) blocks() int { return (e.Inputs + e.shape.Block - 1) / e.shape.Block }

// span is the events of a block, batch row and phase, in the block-major order.
func (e *Events) span(block, row, phase int) (int64, int64) {
	g := (block*e.Batch+row)*e.shape.Dilation + phase
	return e.orders.Group[g], e.orders.Group[g+1]
}

// Twin is room for another batch of the same shape, to be filled and prepared while this one is in use.
func (e *Events) Twin() *Events {
	t := &Events{Batch: e.Batch, Time: e.Time, Inputs: e.Inputs, Start: make([]int, e.Batch+1), shape: e.shape, kernels: e.kernels, sorted: e.sorted}
	if e.device != nil {
		t.device = newDeviceOrders(t)
	}
	return t
}

// Take exchanges the batch for that of a twin. If it was prepared there, the next Prepare is done already.
func (e *Events) Take(twin *Events) error {
	if e.shape != twin.shape || e.sorted != twin.sorted || (e.device == nil) != (twin.device == nil) {
		return fmt.Errorf("ops: events of %+v take a batch of %+v: want a twin", e.shape, twin.shape)
	}
	*e, *twin = *twin, *e
	return nil
}

// Prepare checks the events, and sorts them if an operation on them wants that, unless they were prepared before a Take.
// It allocates only when a batch has more events than any before.
func (e *Events) Prepare() error {
	if e.prepared {
		e.prepared = false
		return nil
	}
	return e.prepare()
}

// PrepareAhead is Prepare of a batch that is to be taken.
func (e *Events) PrepareAhead() error {
	err := e.prepare()
	e.prepared = err == nil
	return err
}

func (e *Events) prepare() error {
	if len(e.Start) != e.Batch+1 || e.Start[0] != 0 {
		return fmt.Errorf("ops: events: Start has %d entries from %v: want %d from 0", len(e.Start), e.Start[:min(1, len(e.Start))], e.Batch+1)
	}
	n := e.Start[e.Batch]
	if len(e.Bin) < n || len(e.Synapse) < n || n > math.MaxInt32 || n < 0 {
		return fmt.Errorf("ops: events: %d bins and %d synapses for %d events", len(e.Bin), len(e.Synapse), n)
	}
	for b := range e.Batch {
		if e.Start[b] > e.Start[b+1] || e.Start[b+1] > n {
			return fmt.Errorf("ops: events: Start[%d] = %d, Start[%d] = %d of %d: want ascending", b, e.Start[b], b+1, e.Start[b+1], n)
		}
	}
	if e.device != nil {
		if i := e.outside(); i >= 0 {
			return e.refuse(i)
		}
		e.device.sort(e)
		return nil
	}
	if !e.sorted {
		if i := e.outside(); i >= 0 {
			return e.refuse(i)
		}
		return nil
	}
	e.first = e.first[:0]
	for _, i := range e.Start {
		e.first = append(e.first, int64(i))
	}
	o := &e.orders
	count, spare := e.shape.Scratch(n)
	o.Start, o.Group = room(o.Start, e.Inputs+1), room(o.Group, e.shape.Groups()+1)
	o.Row, o.Bin, o.Key, o.Step = room(o.Row, n), room(o.Bin, n), room(o.Key, n), room(o.Step, n)
	o.Count, o.Spare = room(o.Count, count), room(o.Spare, spare)
	if i := e.kernels.OrderEvents(e.shape, e.first, e.Bin, e.Synapse, o); i >= 0 {
		return e.refuse(i)
	}
	return nil
}

// outside is the first event whose bin or synapse is out of range, or -1.
func (e *Events) outside() int {
	for i := range e.Start[e.Batch] {
		if uint32(e.Bin[i]) >= uint32(e.Time) || uint32(e.Synapse[i]) >= uint32(e.Inputs) {
			return i
		}
	}
	return -1
}

func (e *Events) refuse(i int) error {
	b := 0
	for e.Start[b+1] <= i {
		b++
	}
	return fmt.Errorf("ops: event %d of window %d: bin %d, synapse %d: want bin below %d, synapse below %d", i-e.Start[b], b, e.Bin[i], e.Synapse[i], e.Time, e.Inputs)
}

// room is s with n elements, reusing its memory where that is enough.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
