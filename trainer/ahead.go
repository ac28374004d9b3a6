package trainer

import (
	"time"

	"neq/surrogates/ops"
)

// ahead chooses, fills and sorts the batches of the steps to come in the background, each in one of a few slots, while
// the trainer computes one: it waits only if it computes faster than a core fills.
type ahead struct {
	ready  chan *filled
	free   chan *filled
	stop   chan struct{}
	done   chan struct{}
	waited time.Duration // for a batch, in all
}

// filled is a batch with its windows.
type filled struct {
	rows   []window
	fill   *filler
	events *ops.Events
	err    error // the last batch there is
}

// aheadSlots are a batch in use and one that is filled meanwhile. The events of the one in use are the graph's own.
const aheadSlots = 2

// newAhead starts with a step. Its batches are a pure function of the loader's seed and the step: how far ahead they are
// filled changes nothing.
func newAhead(l *loader, c *Config, step int, events *ops.Events, fill func() *filler) *ahead {
	a := &ahead{make(chan *filled, aheadSlots), make(chan *filled, aheadSlots), make(chan struct{}), make(chan struct{}), 0}
	for range aheadSlots {
		a.free <- &filled{rows: make([]window, c.Batch), fill: fill(), events: events.Twin()}
	}
	go func() {
		defer close(a.done)
		for ; step < c.Steps; step++ {
			for part := range c.batches() {
				select {
				case <-a.stop:
					return
				case f := <-a.free:
					if f.err = l.windows(step, part*c.Batch, f.rows); f.err == nil {
						f.fill.fill(f.rows, f.events)
						f.err = f.events.PrepareAhead()
					}
					a.ready <- f
					if f.err != nil {
						return
					}
				}
			}
		}
	}()
	return a
}

// next waits for the next batch, which is the caller's until it is given back. There are as many as there are steps.
func (a *ahead) next() (*filled, error) {
	select {
	case f := <-a.ready:
		return f, f.err
	default:
	}
	began := time.Now()
	f := <-a.ready
	a.waited += time.Since(began)
	return f, f.err
}

func (a *ahead) giveBack(f *filled) { a.free <- f }

// close ends the background work. A second time it does nothing.
func (a *ahead) close() {
	if a.stop != nil {
		close(a.stop)
		<-a.done
		a.stop = nil
	}
}
