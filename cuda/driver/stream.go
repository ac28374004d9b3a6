package driver

import (
	"errors"
	"sync/atomic"
)

// Stream is a queue of copies and launches that the device works through in order, beside those of other streams.
type Stream struct {
	c     *Context
	h     handle
	freed *atomic.Bool
	burst *burst // where calls are gathered instead of made
}

// burst is a list of calls to come.
type burst struct {
	steps   []step
	capture bool // for a graph, in which nothing may wait for the device
}

type step struct {
	op    string
	f     func() code
	holds []*allocation
}

// run makes the calls up to the first that fails, whose place it gives.
func (b *burst) run() (int, code) {
	for i, x := range b.steps {
		if k := x.f(); k != 0 {
			return i, k
		}
	}
	return 0, 0
}

// NewStream makes a stream that runs beside all others, the default one included.
func (c *Context) NewStream() (*Stream, error) {
	s := &Stream{c: c, freed: new(atomic.Bool)}
	err := c.do("make a stream", func() (k code) { s.h, k = c.raw.newStream(); return k })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Stream) do(op string, f func() code, holds ...*allocation) error {
	if s.freed.Load() {
		return refuse(UsedAfterFree, op, "the stream was freed")
	}
	if s.burst != nil {
		s.burst.steps = append(s.burst.steps, step{op, f, holds})
		return nil
	}
	return s.c.do(op, f)
}

// waits refuses what cannot be part of a graph.
func (s *Stream) waits(op string) error {
	if s.burst != nil && s.burst.capture {
		return refuse(BadArgument, op, "a graph holds launches, sends, fetches, copies and clears only")
	}
	return nil
}

// Burst gathers the calls that f makes on the stream it is given and makes them in one visit to the context's
// thread, in order, stopping at the first that fails. Arguments are checked as they are gathered. Copies to and
// from slices wait for the device there, so keep to pinned memory.
func (s *Stream) Burst(f func(s *Stream) error) error {
	var b burst
	if err := f(&Stream{c: s.c, h: s.h, freed: s.freed, burst: &b}); err != nil {
		return err
	}
	if s.burst != nil {
		s.burst.steps = append(s.burst.steps, b.steps...)
		return nil
	}
	if len(b.steps) == 0 {
		return nil
	}
	var failed int
	var k code
	err := s.do("burst", func() code { failed, k = b.run(); return k })
	if k != 0 {
		return s.c.settle(b.steps[failed].op, k)
	}
	return err
}

// Wait waits on the host until the stream is empty.
func (s *Stream) Wait() error {
	if err := s.waits("wait for a stream"); err != nil {
		return err
	}
	return s.do("wait for a stream", func() code { return s.c.raw.syncStream(s.h) })
}

// After makes what comes next on the stream wait, on the device, for the event.
func (s *Stream) After(e *Event) error {
	if err := errors.Join(e.check("wait for an event", s.c), s.waits("wait for an event")); err != nil {
		return err
	}
	return s.do("wait for an event", func() code { return s.c.raw.waitEvent(s.h, e.h) })
}

// Record puts the event after what is on the stream now.
func (s *Stream) Record(e *Event) error {
	if err := errors.Join(e.check("record an event", s.c), s.waits("record an event")); err != nil {
		return err
	}
	return s.do("record an event", func() code {
		k := s.c.raw.record(e.h, s.h)
		if k == 0 {
			e.recorded.Store(true)
		}
		return k
	})
}

// Free waits for the stream and frees it.
func (s *Stream) Free() error {
	if s.burst != nil {
		return refuse(BadArgument, "free a stream", "not inside a burst")
	}
	if s.freed.Swap(true) {
		return refuse(FreedTwice, "free a stream", "it was freed before")
	}
	return s.c.do("free a stream", func() code {
		if k := s.c.raw.syncStream(s.h); k != 0 {
			return k
		}
		return s.c.raw.freeStream(s.h)
	})
}

// Event is a point in a stream.
type Event struct {
	c               *Context
	h               handle
	freed, recorded atomic.Bool
}

// NewEvent makes an event.
func (c *Context) NewEvent() (*Event, error) {
	e := &Event{c: c}
	err := c.do("make an event", func() (k code) { e.h, k = c.raw.newEvent(); return k })
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Event) check(op string, c *Context) error {
	switch {
	case e.freed.Load():
		return refuse(UsedAfterFree, op, "the event was freed")
	case e.c != c:
		return refuse(BadArgument, op, "the event is of %s, the stream of %s", e.c.Name(), c.Name())
	}
	return nil
}

// Wait waits on the host until the device has passed the event.
func (e *Event) Wait() error {
	if err := e.check("wait for an event", e.c); err != nil {
		return err
	}
	return e.c.do("wait for an event", func() code { return e.c.raw.syncEvent(e.h) })
}

// Passed says without waiting whether the device has passed the event.
func (e *Event) Passed() (bool, error) {
	if err := e.check("query an event", e.c); err != nil {
		return false, err
	}
	passed := false
	err := e.c.do("query an event", func() code {
		const notReady = 600
		k := e.c.raw.queryEvent(e.h)
		if k == notReady {
			return 0
		}
		passed = k == 0
		return k
	})
	return passed, err
}

// Since is the device's time from one event to this one, in ms. Both must have been recorded and passed.
func (e *Event) Since(from *Event) (ms float64, err error) {
	const op = "time between events"
	for _, x := range []*Event{from, e} {
		if err := x.check(op, e.c); err != nil {
			return 0, err
		}
		if !x.recorded.Load() {
			return 0, refuse(BadArgument, op, "an event was never recorded")
		}
	}
	err = e.c.do(op, func() (k code) { ms, k = e.c.raw.elapsed(from.h, e.h); return k })
	return ms, err
}

// Free frees the event.
func (e *Event) Free() error {
	if e.freed.Swap(true) {
		return refuse(FreedTwice, "free an event", "it was freed before")
	}
	return e.c.do("free an event", func() code { return e.c.raw.freeEvent(e.h) })
}
