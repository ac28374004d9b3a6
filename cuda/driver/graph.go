package driver

import "sync/atomic"

// Graph is a run of launches and copies that the driver takes as one. Its arguments are those of the capture.
type Graph struct {
	c     *Context
	h     handle
	holds []*allocation
	freed atomic.Bool
}

// Capture makes a graph of the calls that f makes on the stream it is given: launches, sends, fetches, copies,
// clears and products. They do not run until the graph is launched. What they use must live as long as the graph. A
// product is to have been made once before, outside: at its first cuBLAS may take memory, which a capture forbids.
func (s *Stream) Capture(f func(s *Stream) error) (*Graph, error) {
	const op = "capture a graph"
	if s.burst != nil {
		return nil, refuse(BadArgument, op, "not inside a burst or another graph")
	}
	b := burst{capture: true}
	if err := f(&Stream{c: s.c, h: s.h, freed: s.freed, burst: &b}); err != nil {
		return nil, err
	}
	if len(b.steps) == 0 {
		return nil, refuse(BadArgument, op, "it has no calls")
	}
	g := &Graph{c: s.c}
	for _, x := range b.steps {
		g.holds = append(g.holds, x.holds...)
	}
	var failed int
	var inside, k code
	err := s.do(op, func() code {
		g.h, k = s.c.raw.capture(s.h, func() code { failed, inside = b.run(); return inside })
		return k
	})
	if inside != 0 {
		return nil, s.c.settle(b.steps[failed].op, inside)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Launch queues the graph on a stream.
func (g *Graph) Launch(s *Stream) error {
	const op = "launch a graph"
	switch {
	case g.freed.Load():
		return refuse(UsedAfterFree, op, "the graph was freed")
	case s.c != g.c:
		return refuse(BadArgument, op, "the graph is of %s, the stream of %s", g.c.Name(), s.c.Name())
	}
	if err := s.waits(op); err != nil {
		return err
	}
	for _, a := range g.holds {
		if err := a.check(op, g.c); err != nil {
			return err
		}
	}
	return s.use(op, func() code {
		if g.freed.Load() {
			return gone
		}
		return g.c.raw.launchGraph(g.h, s.h)
	}, g.holds...)
}

// Free waits for the device and frees the graph.
func (g *Graph) Free() error {
	if g.freed.Swap(true) {
		return refuse(FreedTwice, "free a graph", "it was freed before")
	}
	return g.c.do("free a graph", func() code {
		if k := g.c.raw.synchronize(); k != 0 {
			return k
		}
		return g.c.raw.freeGraph(g.h)
	})
}
