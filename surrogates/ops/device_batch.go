package ops

import (
	"fmt"
	"unsafe"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// DeviceBatch is a graph's batches on their way to the device: events, their order, targets and loss weights in one
// copy a step, from pinned memory, beside the computation of the step before.
type DeviceBatch struct {
	d      *Device
	e      *Events
	scores *Scores
	slots  [2]slot
	step   int
	now    *slot // of the step in hand
	sums   *driver.Buffer[float64]
}

// slot is one of two batches: words in pinned memory and on the device.
type slot struct {
	pinned   *driver.Pinned[int32]
	words    *driver.Buffer[int32]
	sent     *driver.Event // on the uploads
	used     *driver.Event // on the queue
	underway bool

	ranges, start, weights, targets, key, row, bin *driver.Buffer[int32]
}

// NewDeviceBatch makes room for the batches of a graph.
func (b *Builder) NewDeviceBatch(e *Events, s *Scores) (*DeviceBatch, error) {
	q := &DeviceBatch{d: b.device, e: e, scores: s}
	b.batch = q
	var err error
	if q.sums, err = driver.Alloc[float64](q.d.c, 3*len(s.Terms)); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if err = q.sums.Zero(q.d.queue); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if err = q.d.forSums(e.Batch*e.Time, len(s.Terms)); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	for i := range q.slots {
		if q.slots[i].sent, err = q.d.c.NewEvent(); err == nil {
			q.slots[i].used, err = q.d.c.NewEvent()
		}
		if err != nil {
			return nil, fmt.Errorf("ops: %w", err)
		}
	}
	return q, nil
}

// send queues the copy of the prepared events, and of the scores' targets and weights where they are wanted.
func (q *DeviceBatch) send(targets bool) error {
	s := &q.slots[q.step%len(q.slots)]
	if s.underway { // two steps ago: long done
		if err := s.sent.Wait(); err != nil {
			return err
		}
	}
	e, o, heads := q.e, q.e.device, len(q.scores.Terms)
	rows, n := e.Batch*e.Time, len(o.key)
	at := 0
	part := func(n int) (from, to int) { from = at; at += max(n, 1); return from, at }
	type span struct{ from, to int }
	var spans [7]span
	for i, n := range []int{2 * rows, e.Inputs + 1, heads, heads * rows, n, n, n} {
		spans[i].from, spans[i].to = part(n)
	}
	if s.words == nil || s.words.Len() < at {
		if err := s.free(); err != nil {
			return err
		}
		room := at + n // for half as many events again, and some
		var err error
		if s.pinned, err = driver.Pin[int32](q.d.c, room); err != nil {
			return err
		}
		if s.words, err = driver.Alloc[int32](q.d.c, room); err != nil {
			return err
		}
	}
	p := s.pinned.Slice()
	copy(p[spans[0].from:], o.ranges)
	copy(p[spans[1].from:], o.start)
	if targets {
		copy(p[spans[2].from:], bits(q.scores.Weights))
		for h, target := range q.scores.Targets {
			copy(p[spans[3].from+h*rows:], bits(target))
		}
	}
	copy(p[spans[4].from:], o.key)
	copy(p[spans[5].from:], o.row)
	copy(p[spans[6].from:], o.bin)
	for i, to := range []**driver.Buffer[int32]{&s.ranges, &s.start, &s.weights, &s.targets, &s.key, &s.row, &s.bin} {
		var err error
		if *to, err = s.words.Part(spans[i].from, spans[i].to); err != nil {
			return err
		}
	}
	from, err := s.pinned.Part(0, at)
	if err != nil {
		return err
	}
	words, err := s.words.Part(0, at)
	if err != nil {
		return err
	}
	err = q.d.uploads.Burst(func(u *driver.Stream) error {
		if s.underway {
			if err := u.After(s.used); err != nil {
				return err
			}
		}
		if err := words.Send(u, from); err != nil {
			return err
		}
		return u.Record(s.sent)
	})
	q.now, s.underway = s, err == nil
	return err
}

// bits are numbers as words.
func bits(v []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// Run sends the batch and queues what f launches on it, the sums of the loss's terms too where score says so.
func (q *DeviceBatch) Run(targets, score bool, heads *tensor.Dense, f func() error) error {
	y, err := q.d.find(heads)
	if err != nil {
		return err
	}
	if err := q.send(targets); err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	err = q.d.burst(func() error {
		if err := q.d.s.After(q.now.sent); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		if score {
			if err := q.lossSums(y); err != nil {
				return err
			}
		}
		return q.d.s.Record(q.now.used)
	})
	q.step++
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	return nil
}

// lossSums queues the sums of the loss's terms.
func (q *DeviceBatch) lossSums(y *driver.Buffer[float32]) error {
	s, d := q.scores, q.d
	rows, heads := s.Batch*s.Time, len(s.Terms)
	return d.launch("loss_sums", sumBlocks(rows, heads), y, q.now.targets, q.now.weights, d.partial, d.counter, q.sums,
		uint32(rows), uint32(heads), uint32(s.Time), uint32(s.BurnIn))
}

// Loss waits for the last run and gives its weighted loss, leaving the terms in the scores.
func (q *DeviceBatch) Loss() (float32, error) {
	sums := make([]float64, 3*len(q.scores.Terms))
	if err := q.sums.Read(q.d.queue, sums); err != nil {
		return 0, fmt.Errorf("ops: %w", err)
	}
	return q.scores.total(sums[:len(q.scores.Terms)]), nil
}

// Drain waits for what is queued and gives the sums, over the runs since the last Drain, of the weighted loss and of
// its terms.
func (q *DeviceBatch) Drain() (total float64, terms []float64, err error) {
	heads := len(q.scores.Terms)
	sums := make([]float64, 3*heads)
	if err = q.sums.Read(q.d.queue, sums); err == nil {
		var past *driver.Buffer[float64]
		if past, err = q.sums.Part(heads, 3*heads); err == nil {
			err = past.Zero(q.d.queue)
		}
	}
	if err != nil {
		return 0, nil, fmt.Errorf("ops: %w", err)
	}
	bins := float64(q.scores.Batch * (q.scores.Time - q.scores.BurnIn))
	terms = sums[heads : 2*heads]
	for h := range terms {
		terms[h] /= bins
		total += sums[2*heads+h] / bins
	}
	return total, terms, nil
}

func (s *slot) free() (err error) {
	if s.words != nil {
		err = s.words.Free()
	}
	if s.pinned != nil {
		if e := s.pinned.Free(); err == nil {
			err = e
		}
	}
	s.words, s.pinned = nil, nil
	return err
}

func (q *DeviceBatch) close() {
	for i := range q.slots {
		_ = q.slots[i].free() // a lost device has freed it
		for _, e := range []*driver.Event{q.slots[i].sent, q.slots[i].used} {
			if e != nil {
				_ = e.Free()
			}
		}
	}
	if q.sums != nil {
		_ = q.sums.Free()
	}
}
