package ops

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// EpisodeShape is the size of the episodes that a graph draws windows from.
type EpisodeShape struct {
	Episodes int
	Duration int   // ms of each
	Events   int64 // input events of all
}

// Window is a stretch of an episode that a batch row is: as many ms as the graph's windows have from ms Start of the
// episode on. What is before its first ms is empty.
type Window struct{ Episode, Start int }

// Episodes lie on a device whole: their events in the two orders that the kernels take them in, and the targets. A
// batch is then gathered there from a list of windows, its only upload, with the bits that it has when it is sent.
type Episodes struct {
	q        *DeviceBatch
	shape    EpisodeShape
	phases   phases
	added    int
	events   int
	feed     feed
	index    *driver.Buffer[uint32] // [episodes][Duration+1] in the order of phases: see nets_windows in gather.cuh
	start    *driver.Buffer[uint32] // [episodes][Inputs+1]
	key, bin *driver.Buffer[int32]
	value    *driver.Buffer[float32] // [episodes][heads][Duration]
	batch    *driver.Buffer[int32]   // ranges, spans, origins, targets of the batch in hand
	window   *driver.Buffer[int32]   // [Batch][2] and the loss weights [heads]
	lists    *driver.Pinned[int32]   // windowSteps of those
	passed   [2]*driver.Event        // each half of them
	recorded [2]bool
	step     int

	staged struct { // what is not on the device yet
		index, start []uint32
		key, bin     []int32
		value        []float32
		events       int // of those that are
		episodes     int
		counts       []uint32
	}
}

const (
	windowSteps   = 32      // lists of windows the host may be ahead of the device
	stagedNumbers = 1 << 22 // that gather before they are copied
)

// words are the lengths of a batch's parts.
func (q *DeviceBatch) words() (ranges, span, origin, targets int) {
	rows := q.e.Batch * q.e.Time
	return 3 * rows, 2 * q.e.Inputs * q.e.Batch, q.e.Batch, rows * len(q.scores.Terms)
}

// EpisodeBytes is the device memory that episodes take.
func (q *DeviceBatch) EpisodeBytes(s EpisodeShape) int64 {
	n := int64(s.Episodes)
	a, b, c, d := q.words()
	return 4 * (2*max(s.Events, 1) + n*int64(s.Duration+1) + n*int64(q.e.Inputs+1) + n*int64(s.Duration)*int64(len(q.scores.Terms)) +
		int64(a+b+c+d))
}

// Reside takes the memory for episodes, to be filled by Add. The graph's batches are then gathered from them by
// RunWindows; they are freed with the graph.
func (q *DeviceBatch) Reside(s EpisodeShape) (_ *Episodes, err error) {
	if s.Episodes < 1 || s.Duration < 1 || s.Events < 0 || s.Events > math.MaxInt32 {
		return nil, fmt.Errorf("ops: %d episodes of %d ms with %d events on a GPU: want at least one, and at most %d events", s.Episodes, s.Duration, s.Events, math.MaxInt32)
	}
	if q.episodes != nil {
		return nil, fmt.Errorf("ops: the graph has its episodes already")
	}
	e := &Episodes{q: q, shape: s, phases: newPhases(s.Duration, q.e.shape.Dilation)}
	defer func() {
		if err != nil {
			e.close()
			err = fmt.Errorf("ops: %w", err)
		}
	}()
	c, heads := q.d.c, len(q.scores.Terms)
	if e.index, err = driver.Alloc[uint32](c, s.Episodes*(s.Duration+1)); err != nil {
		return nil, err
	}
	if e.start, err = driver.Alloc[uint32](c, s.Episodes*(q.e.Inputs+1)); err != nil {
		return nil, err
	}
	for _, b := range []**driver.Buffer[int32]{&e.key, &e.bin} {
		if *b, err = driver.Alloc[int32](c, int(max(s.Events, 1))); err != nil {
			return nil, err
		}
	}
	if e.value, err = driver.Alloc[float32](c, s.Episodes*heads*s.Duration); err != nil {
		return nil, err
	}
	nr, ns, no, nt := q.words()
	if e.batch, err = driver.Alloc[int32](c, nr+ns+no+nt); err != nil {
		return nil, err
	}
	n := 2*q.e.Batch + heads
	if e.window, err = driver.Alloc[int32](c, n); err != nil {
		return nil, err
	}
	if e.lists, err = driver.Pin[int32](c, windowSteps*n); err != nil {
		return nil, err
	}
	for i := range e.passed {
		if e.passed[i], err = c.NewEvent(); err != nil {
			return nil, err
		}
	}
	f := &e.feed
	at := 0
	for _, x := range []struct {
		to *driver.Memory
		n  int
	}{{&f.ranges, nr}, {&f.span, ns}, {&f.origin, no}, {&f.targets, nt}} {
		part, err := e.batch.Part(at, at+x.n)
		if err != nil {
			return nil, err
		}
		*x.to, at = part, at+x.n
	}
	weights, err := e.window.Part(2*q.e.Batch, n)
	if err != nil {
		return nil, err
	}
	f.key, f.bin, f.weights, f.gather = e.key, e.bin, weights, e.gather
	q.episodes = e
	return e, nil
}

// Add appends an episode: its events in any order, and a target [Duration] for every head.
func (e *Episodes) Add(bin, synapse []int32, targets [][]float32) error {
	ev, duration := e.q.e, e.shape.Duration
	if e.added == e.shape.Episodes || int64(e.events)+int64(len(bin)) > e.shape.Events {
		return fmt.Errorf("ops: episode %d with %d events: more than the %d episodes and %d events there is room for", e.added, len(bin), e.shape.Episodes, e.shape.Events)
	}
	if len(synapse) != len(bin) || len(targets) != len(e.q.scores.Terms) {
		return fmt.Errorf("ops: episode %d: %d bins, %d synapses, %d targets: want as many synapses as bins, and %d targets", e.added, len(bin), len(synapse), len(targets), len(e.q.scores.Terms))
	}
	for _, t := range targets {
		if len(t) != duration {
			return fmt.Errorf("ops: episode %d: a target of %d ms, want %d", e.added, len(t), duration)
		}
	}
	for i, t := range bin {
		if s := synapse[i]; uint32(t) >= uint32(duration) || uint32(s) >= uint32(ev.Inputs) {
			return fmt.Errorf("ops: episode %d, event %d: bin %d, synapse %d: want bin below %d, synapse below %d", e.added, i, t, s, duration, ev.Inputs)
		}
	}
	s := &e.staged
	count := func(n int, of func(i int) int) []uint32 { // where each value's events start, and the end
		s.counts = room(s.counts, n+1)
		clear(s.counts)
		for i := range bin {
			s.counts[of(i)+1]++
		}
		s.counts[0] = uint32(e.events)
		for i := range n {
			s.counts[i+1] += s.counts[i]
		}
		return s.counts
	}
	first := len(s.key)
	s.key, s.bin = slices.Grow(s.key, len(bin))[:first+len(bin)], slices.Grow(s.bin, len(bin))[:first+len(bin)]
	place := count(duration, func(i int) int { return int(e.phases.place[bin[i]]) })
	s.index = append(s.index, place...)
	for i, t := range bin {
		p := &place[e.phases.place[t]]
		s.key[int(*p)-e.staged.events] = synapse[i]*int32(ev.shape.Taps) - e.phases.step[t]
		*p++
	}
	// By synapse, then ms: two stable passes, the first of which is over the ms.
	order := make([]int32, len(bin))
	ms := count(duration, func(i int) int { return int(bin[i]) })
	for i, t := range bin {
		order[int(ms[t])-e.events] = int32(i)
		ms[t]++
	}
	list := count(ev.Inputs, func(i int) int { return int(synapse[i]) })
	s.start = append(s.start, list...)
	for _, i := range order {
		p := &list[synapse[i]]
		s.bin[int(*p)-e.staged.events] = bin[i]
		*p++
	}
	for _, t := range targets {
		s.value = append(s.value, t...)
	}
	e.added++
	e.events += len(bin)
	if e.added == e.shape.Episodes || len(s.key)+len(s.value)+len(s.start) >= stagedNumbers {
		return e.flush()
	}
	return nil
}

// flush copies what is staged to the device.
func (e *Episodes) flush() error {
	s, d := &e.staged, e.q.d
	err := put(d, e.index, s.episodes*(e.shape.Duration+1), s.index)
	for _, f := range []func() error{
		func() error { return put(d, e.start, s.episodes*(e.q.e.Inputs+1), s.start) },
		func() error { return put(d, e.key, s.events, s.key) },
		func() error { return put(d, e.bin, s.events, s.bin) },
		func() error { return put(d, e.value, s.episodes*len(e.q.scores.Terms)*e.shape.Duration, s.value) },
	} {
		if err == nil {
			err = f()
		}
	}
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	s.events, s.episodes = e.events, e.added
	s.index, s.start, s.key, s.bin, s.value = s.index[:0], s.start[:0], s.key[:0], s.bin[:0], s.value[:0]
	if e.added == e.shape.Episodes {
		s.index, s.start, s.key, s.bin, s.value, s.counts = nil, nil, nil, nil, nil, nil
	}
	return nil
}

// put writes part of a buffer, from an element on.
func put[T driver.Element](d *Device, b *driver.Buffer[T], from int, v []T) error {
	if len(v) == 0 {
		return nil
	}
	part, err := b.Part(from, from+len(v))
	if err != nil {
		return err
	}
	return part.Write(d.queue, v)
}

// nets_windows of gather.cuh.
type windowsArgument struct {
	window, index, start, bin, value, ranges, span, origin, target                 uint64
	batch, time, burnIn, duration, inputs, heads, taps, dilation, episodes, events int32
}

// gather queues the kernel that makes the batch of a list of windows.
func (e *Episodes) gather() error {
	ev, s := e.q.e, e.q.scores
	f := &e.feed
	a := windowsArgument{e.window.Addr(), e.index.Addr(), e.start.Addr(), e.bin.Addr(), e.value.Addr(), f.ranges.Addr(), f.span.Addr(), f.origin.Addr(), f.targets.Addr(),
		int32(ev.Batch), int32(ev.Time), int32(s.BurnIn), int32(e.shape.Duration), int32(ev.Inputs), int32(len(s.Terms)), int32(ev.shape.Taps), int32(ev.shape.Dilation),
		int32(e.shape.Episodes), int32(e.events)}
	n := max(ev.Batch*ev.Time*len(s.Terms), ev.Inputs*ev.Batch)
	return e.q.d.each("gather", n, driver.ByValue(&a, e.window, e.index, e.start, e.bin, e.value, e.batch), uint32(n))
}

// RunWindows is Run of a batch of windows of the graph's Episodes, with their targets and the scores' weights.
func (q *DeviceBatch) RunWindows(list []Window, score bool, heads *tensor.Dense, f func() error) error {
	e := q.episodes
	if e == nil || e.added < e.shape.Episodes {
		return fmt.Errorf("ops: windows of episodes that are not on the device: Reside and Add them first")
	}
	if len(list) != q.e.Batch {
		return fmt.Errorf("ops: %d windows in a batch of %d", len(list), q.e.Batch)
	}
	at := e.step % windowSteps
	half := at / (windowSteps / 2)
	if at%(windowSteps/2) == 0 && e.recorded[half] { // the host is half the lists ahead
		if err := e.passed[half].Wait(); err != nil {
			return fmt.Errorf("ops: %w", err)
		}
	}
	n := e.window.Len()
	p := e.lists.Slice()[at*n:][:n]
	for i, w := range list {
		if w.Episode < 0 || w.Episode >= e.shape.Episodes || w.Start < -q.e.Time || w.Start+q.e.Time > e.shape.Duration {
			return fmt.Errorf("ops: window %d: %d ms from ms %d of episode %d: there are %d of %d ms", i, q.e.Time, w.Start, w.Episode, e.shape.Episodes, e.shape.Duration)
		}
		p[2*i], p[2*i+1] = int32(w.Episode), int32(w.Start)
	}
	copy(p[2*len(list):], bits(q.scores.Weights))
	from, err := e.lists.Part(at*n, (at+1)*n)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	send := func(s *driver.Stream) error { return e.window.Send(s, from) }
	done := func(s *driver.Stream) error {
		if (at+1)%(windowSteps/2) != 0 {
			return nil
		}
		e.recorded[half] = true
		return s.Record(e.passed[half])
	}
	e.step++
	return q.queue(&e.feed, score, heads, f, send, done)
}

func (e *Episodes) close() {
	type freer interface{ Free() error }
	var all []freer
	for _, b := range []*driver.Buffer[uint32]{e.index, e.start} {
		if b != nil {
			all = append(all, b)
		}
	}
	for _, b := range []*driver.Buffer[int32]{e.key, e.bin, e.batch, e.window} {
		if b != nil {
			all = append(all, b)
		}
	}
	if e.value != nil {
		all = append(all, e.value)
	}
	if e.lists != nil {
		all = append(all, e.lists)
	}
	for _, x := range e.passed {
		if x != nil {
			all = append(all, x)
		}
	}
	for _, x := range all {
		_ = x.Free() // a lost device has freed it
	}
	e.q.episodes = nil
}

var _ [112]byte = [unsafe.Sizeof(windowsArgument{})]byte{}
