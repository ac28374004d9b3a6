package ops

import (
	"fmt"
	"math"
)

// Events are the input spikes of a batch, as events: those of batch row b are Start[b] <= i < Start[b+1], each a
// bin (ms in the window) and a synapse, in any order. Repeated events add up. Bin and Synapse may be replaced or
// refilled between runs; Prepare sorts them.
type Events struct {
	Batch, Time, Inputs int
	Start               []int   // [Batch+1]
	Bin, Synapse        []int32 // 0 <= Bin < Time, 0 <= Synapse < Inputs

	taps, dilation, block int
	device                *deviceOrders // in place of the orders below
	narrow                bool          // fewer channels than a vector has lanes: an event adds its block in one go
	// Synapse-major: sorted by synapse, bin, batch row.
	start []int64 // [Inputs+1]
	row   []int32 // batch row*Time + bin
	bin   []int32
	// Block-major: sorted by block of synapses, batch row, phase (bin modulo dilation), bin, synapse; narrow: bin last, so
	// that events that follow each other fall on different outputs.
	group  []int64 // [blocks*Batch*dilation+1]
	key    []int32 // synapse*taps - bin/dilation
	step   []int32 // bin/dilation
	spare  []int32
	counts []int64
	index  [2][]int32
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
	e := &Events{Batch: batch, Time: time, Inputs: inputs, Start: make([]int, batch+1), taps: taps, dilation: dilation}
	e.narrow = channels < b.kernels.Lanes()
	e.block = max(1, min(inputs, blockBytes/(4*taps*channels)))
	if b.device != nil {
		e.device = newDeviceOrders(e)
	}
	return e, nil
}

// blocks is the number of blocks of synapses.
func (e *Events) blocks() int { return (e.Inputs + e.block - 1) / e.block }

// span is the events of a block, batch row and phase, in the block-major order.
func (e *Events) span(block, row, phase int) (int64, int64) {
	g := (block*e.Batch+row)*e.dilation + phase
	return e.group[g], e.group[g+1]
}

// Prepare checks the events and sorts them. It allocates only when a batch has more events than any before.
func (e *Events) Prepare() error {
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
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			if t, s := e.Bin[i], e.Synapse[i]; uint32(t) >= uint32(e.Time) || uint32(s) >= uint32(e.Inputs) {
				return fmt.Errorf("ops: event %d of window %d: bin %d, synapse %d: want bin below %d, synapse below %d", i-e.Start[b], b, t, s, e.Time, e.Inputs)
			}
		}
	}
	if e.device != nil {
		e.device.sort(e)
		return nil
	}
	e.row, e.bin, e.spare = room(e.row, n), room(e.bin, n), room(e.spare, n)
	e.key, e.step = room(e.key, n), room(e.step, n)
	e.index[0], e.index[1] = room(e.index[0], n), room(e.index[1], n)
	groups := e.blocks() * e.Batch * e.dilation
	e.counts = room(e.counts, max(e.Time, e.Inputs, groups)+1)
	e.start, e.group = room(e.start, e.Inputs+1), room(e.group, groups+1)

	// Synapse-major: stable passes by bin, then synapse, over the rows' order.
	for b := range e.Batch {
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			e.index[0][i] = int32(i)
			e.spare[i] = int32(b)
		}
	}
	e.pass(0, e.Time, func(i int32) int { return int(e.Bin[i]) })
	e.pass(1, e.Inputs, func(i int32) int { return int(e.Synapse[i]) })
	copy(e.start, e.counts[:e.Inputs+1])
	for i, j := range e.index[0] {
		e.bin[i] = e.Bin[j]
		e.row[i] = e.spare[j]*int32(e.Time) + e.Bin[j]
	}
	// Block-major: by bin, then by group.
	from := 0
	if !e.narrow {
		e.pass(0, e.Time, func(i int32) int { return int(e.Bin[i]) })
		from = 1
	}
	e.pass(from, groups, func(i int32) int {
		return (int(e.Synapse[i])/e.block*e.Batch+int(e.spare[i]))*e.dilation + int(e.Bin[i])%e.dilation
	})
	copy(e.group, e.counts[:groups+1])
	for i, j := range e.index[1-from] {
		e.step[i] = e.Bin[j] / int32(e.dilation)
		e.key[i] = e.Synapse[j]*int32(e.taps) - e.step[i]
	}
	return nil
}

// pass is one stable counting pass from index[from] to the other. It leaves in counts where each value starts.
func (e *Events) pass(from, values int, value func(int32) int) {
	c := e.counts[:values+1]
	clear(c)
	src, dst := e.index[from], e.index[1-from]
	for _, i := range src {
		c[value(i)+1]++
	}
	for v := range values {
		c[v+1] += c[v]
	}
	for _, i := range src {
		v := value(i)
		dst[c[v]] = i
		c[v]++
	}
	copy(c[1:], c[:values])
	c[0] = 0
}

// room is s with n elements, reusing its memory where that is enough.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
