package nets

/*
#include "nets.h"

static int64_t order_events(const nets_table *t, const int64_t *first, const int32_t *bin, const int32_t *synapse, int batch,
                            int time, int inputs, int taps, int dilation, int block, int narrow, int32_t *count, int32_t *spare,
                            int64_t *start, int32_t *row, int32_t *at, int64_t *group, int32_t *key, int32_t *step) {
  return t->order_events(first, bin, synapse, batch, time, inputs, taps, dilation, block, narrow, count, spare, start, row, at, group, key, step);
}
*/
import "C"

import "unsafe"

// Order is what a batch's events are ordered for: the batch, its first layer, and blocks of so many synapses. Narrow
// puts the synapse before the bin in the block-major order.
type Order struct {
	Batch, Time, Inputs, Taps, Dilation, Block int
	Narrow                                     bool
}

// Groups is how many groups the block-major order has: of a block of synapses, a batch row and a phase.
func (o Order) Groups() int { return (o.Inputs + o.Block - 1) / o.Block * o.Batch * o.Dilation }

// Scratch is how many words ordering so many events takes beside its results.
func (o Order) Scratch(events int) (count, spare int) {
	return 3*o.Time + 2*o.Inputs + o.Groups() + o.Batch + 3, 4 * events
}

// Orders are the two orders of a batch's events, and scratch: see order.h.
type Orders struct {
	Start    []int64 // [Inputs+1]
	Row, Bin []int32 // by synapse, bin, batch row: batch row*Time + bin, bin
	Group    []int64 // [Groups+1]
	Key      []int32 // by group, bin, synapse: synapse*Taps - bin/Dilation
	Step     []int32 // bin/Dilation

	Count, Spare []int32 // Scratch
}

// OrderEvents orders the events first[b] <= i < first[b+1] of every batch row b, and gives the index of the first whose
// bin or synapse is out of range, or -1.
func (k Kernels) OrderEvents(o Order, first []int64, bin, synapse []int32, to *Orders) int {
	narrow := C.int(0)
	if o.Narrow {
		narrow = 1
	}
	i64 := func(s []int64) *C.int64_t { return (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(s))) }
	return int(C.order_events(k.t, i64(first), i32(bin), i32(synapse), C.int(o.Batch), C.int(o.Time), C.int(o.Inputs), C.int(o.Taps), C.int(o.Dilation),
		C.int(o.Block), narrow, i32(to.Count), i32(to.Spare), i64(to.Start), i32(to.Row), i32(to.Bin), i64(to.Group), i32(to.Key), i32(to.Step)))
}
