package trainer

import (
	"sync"
	"time"

	"neq/internal/team"
	"neq/surrogates/ops"
)

// ahead chooses, fills and sorts the batches of the steps to come in the background, each in one of a few slots, while
// the trainer computes one: it waits only if it computes faster than they are filled.
type ahead struct {
	load   *loader
	slots  []*filled // batch i is in slot i modulo their number
	stop   chan struct{}
	done   sync.WaitGroup
	waited time.Duration // for batches, in all
	at     int           // the next that the trainer takes

	lock  sync.Mutex // of what follows, and of the loader
	index int        // the next that is filled
	first int        // step of batch 0
	count int        // batches in all, fewer after an error
	parts int        // batches of a step
}

// filled is a batch with its windows.
type filled struct {
	rows        []window
	fill        *filler
	events      *ops.Events
	err         error // in place of the batch
	empty, full chan struct{}
}

// fillers is how many cores may fill at a time: one keeps up with a few that train.
func fillers() int { return max(1, min(4, team.Cores()/4)) }

// newAhead starts with a step. Its batches are a pure function of the loader's seed and the step: how far ahead they are
// filled, and by how many, changes nothing.
func newAhead(l *loader, c *Config, step int, events *ops.Events, fill func() *filler, workers int) *ahead {
	a := &ahead{load: l, stop: make(chan struct{}), first: step, parts: c.batches(), count: max(0, c.Steps-step) * c.batches()}
	for range workers + 1 {
		f := &filled{rows: make([]window, c.Batch), fill: fill(), events: events.Twin(), empty: make(chan struct{}, 1), full: make(chan struct{}, 1)}
		f.empty <- struct{}{}
		a.slots = append(a.slots, f)
	}
	for range workers {
		a.done.Add(1)
		go func() {
			defer a.done.Done()
			for f := a.choose(); f != nil; f = a.choose() {
				if f.err == nil {
					f.fill.fill(f.rows, f.events)
					f.err = f.events.PrepareAhead()
				}
				f.full <- struct{}{}
			}
		}()
	}
	return a
}

// choose draws the windows of the next batch once its slot is free; nil where there is none to come.
func (a *ahead) choose() *filled {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.index >= a.count {
		return nil
	}
	f := a.slots[a.index%len(a.slots)]
	select {
	case <-a.stop:
		return nil
	case <-f.empty:
	}
	step, part := a.first+a.index/a.parts, a.index%a.parts
	if f.err = a.load.windows(step, part*len(f.rows), f.rows); f.err != nil {
		a.count = 0
	}
	a.index++
	return f
}

// next waits for the next batch, which is the caller's until it is given back. There are as many as the steps take.
func (a *ahead) next() (*filled, error) {
	f := a.slots[a.at%len(a.slots)]
	a.at++
	select {
	case <-f.full:
		return f, f.err
	default:
	}
	began := time.Now()
	<-f.full
	a.waited += time.Since(began)
	return f, f.err
}

func (a *ahead) giveBack(f *filled) { f.empty <- struct{}{} }

// close ends the background work.
func (a *ahead) close() {
	close(a.stop)
	a.done.Wait()
}
