package ops

import (
	"fmt"
	"unsafe"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// DeviceBatch is a graph's batches on their way to the device: sent whole, events, their orders, targets and loss
// weights in one copy a step from pinned memory, beside the computation of the step before; or gathered there from
// Episodes. What a step launches is captured the second time and replayed from then on: its kernels' arguments are
// addresses that stay, and how many events there are they read on the device.
type DeviceBatch struct {
	d      *Device
	e      *Events
	scores *Scores
	slots  [2]slot
	step   int
	now    *feed // of the step in hand
	sums   *driver.Buffer[float64]
	zero   *driver.Buffer[int32] // the first ms of windows that are sent

	episodes *Episodes
	captured map[run]*capture
}

// feed is where the kernels find a batch.
type feed struct {
	key, bin             driver.Memory // events by row and by synapse
	ranges, span, origin driver.Memory // where in them
	targets, weights     driver.Memory
	gather               func() error // that comes first, nil where nothing does
}

// slot is one of two batches that are sent: words in pinned memory and on the device.
type slot struct {
	feed
	pinned   *driver.Pinned[int32]
	words    *driver.Buffer[int32]
	events   int           // there is room for
	sent     *driver.Event // on the uploads
	used     *driver.Event // on the queue
	underway bool
}

// run is what is launched again and again.
type run struct {
	from  *feed
	score bool
}

// capture is a run as the driver takes it in one call.
type capture struct {
	graph *driver.Graph
	age   int // of the scratch
}

// NewDeviceBatch makes room for the batches of a graph.
func (b *Builder) NewDeviceBatch(e *Events, s *Scores) (*DeviceBatch, error) {
	q := &DeviceBatch{d: b.device, e: e, scores: s, captured: map[run]*capture{}}
	b.batch = q
	var err error
	if q.sums, err = driver.Alloc[float64](q.d.c, lossRows*len(s.Terms)); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if err = q.sums.Zero(q.d.queue); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if q.zero, err = driver.Alloc[int32](q.d.c, e.Batch); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if err = q.zero.Zero(q.d.queue); err != nil {
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

// send queues the copy of the prepared events, and of the scores' targets and weights where they are wanted. Its words
// are the keys, at the end of their room, what has a size of its own, and the bins: one run, whose parts stay in place.
func (q *DeviceBatch) send(targets bool) (*slot, error) {
	s := &q.slots[q.step%len(q.slots)]
	if s.underway { // two steps ago: done, unless the host is ahead
		passed, err := s.sent.Passed()
		if err == nil && !passed {
			err = s.sent.Wait()
		}
		if err != nil {
			return nil, err
		}
	}
	e, o, heads := q.e, q.e.device, len(q.scores.Terms)
	rows, n := e.Batch*e.Time, len(o.key)
	if s.words == nil || s.events < n {
		if err := q.room(s, n+n/2+1); err != nil {
			return nil, err
		}
	}
	p, at := s.pinned.Slice(), s.events
	copy(p[at-n:], o.key)
	for i := 0; i < len(o.ranges); i += 3 {
		p[at+i], p[at+i+1], p[at+i+2] = o.ranges[i]+int32(at-n), o.ranges[i+1]+int32(at-n), o.ranges[i+2]
	}
	at += len(o.ranges)
	at += copy(p[at:], o.span)
	if targets {
		copy(p[at:], bits(q.scores.Weights))
		for h, target := range q.scores.Targets {
			copy(p[at+heads+h*rows:], bits(target))
		}
	}
	at += heads + heads*rows
	at += copy(p[at:], o.bin)
	from, err := s.pinned.Part(s.events-n, at)
	if err != nil {
		return nil, err
	}
	words, err := s.words.Part(s.events-n, at)
	if err != nil {
		return nil, err
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
	s.underway = err == nil
	return s, err
}

// room makes a slot's words anew, for so many events.
func (q *DeviceBatch) room(s *slot, events int) error {
	q.forget(&s.feed)
	if err := s.free(); err != nil {
		return err
	}
	e, heads := q.e, len(q.scores.Terms)
	rows := e.Batch * e.Time
	sizes := []int{events, 3 * rows, 2 * e.Inputs * e.Batch, heads, heads * rows, events}
	total := 0
	for _, n := range sizes {
		total += n
	}
	var err error
	if s.pinned, err = driver.Pin[int32](q.d.c, total); err != nil {
		return err
	}
	if s.words, err = driver.Alloc[int32](q.d.c, total); err != nil {
		return err
	}
	at := 0
	for i, to := range []*driver.Memory{&s.key, &s.ranges, &s.span, &s.weights, &s.targets, &s.bin} {
		part, err := s.words.Part(at, at+sizes[i])
		if err != nil {
			return err
		}
		*to, at = part, at+sizes[i]
	}
	s.origin, s.events = q.zero, events
	return nil
}

// bits are numbers as words.
func bits(v []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// Run sends the batch and queues what f launches on it, the sums of the loss's terms too where score says so.
func (q *DeviceBatch) Run(targets, score bool, heads *tensor.Dense, f func() error) error {
	s, err := q.send(targets)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	err = q.queue(&s.feed, score, heads, f, func(queue *driver.Stream) error { return queue.After(s.sent) },
		func(queue *driver.Stream) error { return queue.Record(s.used) })
	q.step++
	return err
}

// queue queues a run of a feed between what comes before and after it on the queue.
func (q *DeviceBatch) queue(from *feed, score bool, heads *tensor.Dense, f func() error, before, after func(*driver.Stream) error) error {
	y, err := q.d.find(heads)
	if err != nil {
		return err
	}
	q.now = from
	launch := func() error {
		if from.gather != nil {
			if err := from.gather(); err != nil {
				return err
			}
		}
		if err := f(); err != nil {
			return err
		}
		if score {
			return q.lossSums(y)
		}
		return nil
	}
	graph, err := q.capture(run{from, score}, launch)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	if graph != nil {
		launch = func() error { q.d.launches++; return graph.Launch(q.d.s) }
	}
	err = q.d.burst(func() error {
		if err := before(q.d.s); err != nil {
			return err
		}
		if err := launch(); err != nil {
			return err
		}
		return after(q.d.s)
	})
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	return nil
}

// capture is the graph of a run, nil where its kernels are to be launched one by one: the first time, in which a library
// may take memory, and where the driver captures nothing.
func (q *DeviceBatch) capture(r run, launch func() error) (*driver.Graph, error) {
	d := q.d
	if d.loose {
		return nil, nil
	}
	c := q.captured[r]
	if c == nil {
		q.captured[r] = &capture{}
		return nil, nil
	}
	if c.graph != nil && c.age == d.age {
		return c.graph, nil
	}
	if c.graph != nil {
		if err := c.graph.Free(); err != nil {
			return nil, err
		}
		c.graph = nil
	}
	launches := d.launches
	g, err := d.queue.Capture(func(s *driver.Stream) error {
		d.s = s
		defer func() { d.s = d.queue }()
		return launch()
	})
	d.launches = launches
	if err != nil {
		if d.c.Lost() != nil {
			return nil, err
		}
		d.loose = true // it works without; an error of the launches themselves comes again there
		return nil, nil
	}
	c.graph, c.age = g, d.age
	return g, nil
}

// forget drops the captured runs of a feed whose addresses change.
func (q *DeviceBatch) forget(f *feed) {
	for r, c := range q.captured {
		if r.from == f {
			if c.graph != nil {
				_ = c.graph.Free() // a lost device has freed it
			}
			delete(q.captured, r)
		}
	}
}

// lossRows are what loss_sums keeps of every head: the last run's sum, and of the runs since the last Drain their sum, the
// weighted one, their number and the first that was not finite.
const lossRows = 5

// lossSums queues the sums of the loss's terms.
func (q *DeviceBatch) lossSums(y *driver.Buffer[float32]) error {
	s, d := q.scores, q.d
	rows, heads := s.Batch*s.Time, len(s.Terms)
	return d.launch("loss_sums", sumBlocks(rows, heads), y, q.now.targets, q.now.weights, d.partial, d.counter, q.sums,
		uint32(rows), uint32(heads), uint32(s.Time), uint32(s.BurnIn))
}

// Loss waits for the last run and gives its weighted loss, leaving the terms in the scores.
func (q *DeviceBatch) Loss() (float32, error) {
	sums := make([]float64, lossRows*len(q.scores.Terms))
	if err := q.sums.Read(q.d.queue, sums); err != nil {
		return 0, fmt.Errorf("ops: %w", err)
	}
	return q.scores.total(sums[:len(q.scores.Terms)]), nil
}

// Drain waits for what is queued and gives the sums, over the runs since the last Drain, of the weighted loss and of
// its terms. bad is the first of those runs, counted from 1, whose loss was not finite, 0 where there is none.
func (q *DeviceBatch) Drain() (total float64, terms []float64, bad int, err error) {
	heads := len(q.scores.Terms)
	sums := make([]float64, lossRows*heads)
	if err = q.sums.Read(q.d.queue, sums); err == nil {
		var past *driver.Buffer[float64]
		if past, err = q.sums.Part(heads, lossRows*heads); err == nil {
			err = past.Zero(q.d.queue)
		}
	}
	if err != nil {
		return 0, nil, 0, fmt.Errorf("ops: %w", err)
	}
	bins := float64(q.scores.Batch * (q.scores.Time - q.scores.BurnIn))
	terms = sums[heads : 2*heads]
	for h := range terms {
		terms[h] /= bins
		total += sums[2*heads+h] / bins
		if b := int(sums[4*heads+h]); b > 0 && (bad == 0 || b < bad) {
			bad = b
		}
	}
	return total, terms, bad, nil
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
	s.words, s.pinned, s.events = nil, nil, 0
	return err
}

func (q *DeviceBatch) close() {
	for r, c := range q.captured {
		if c.graph != nil {
			_ = c.graph.Free() // a lost device has freed it
		}
		delete(q.captured, r)
	}
	for i := range q.slots {
		_ = q.slots[i].free()
		for _, e := range []*driver.Event{q.slots[i].sent, q.slots[i].used} {
			if e != nil {
				_ = e.Free()
			}
		}
	}
	if q.episodes != nil {
		q.episodes.close()
	}
	if q.sums != nil {
		_ = q.sums.Free()
	}
	if q.zero != nil {
		_ = q.zero.Free()
	}
}
