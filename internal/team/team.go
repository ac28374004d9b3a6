// Package team splits work over cores: one job at a time, in parts, by workers that are there for the next one at once.
package team

/*
#include "bell.h"
*/
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Parts is work in independent pieces.
type Parts interface{ Part(i int) }

// Team runs parts on several cores. Which core runs a part, and when, must not change a result.
//
// A step of a small network is some tens of jobs of tens of microseconds, and a sleeping core takes about as long to wake:
// so workers look out for the next job for a while before they sleep, and the caller for the end of one. Each has a
// stretch of the parts that it does first, the same of every job with as many parts, so that what a part of one job wrote
// (a window's rows) is in the cache of the core that reads it in the next; then it helps with the others' stretches.
type Team struct {
	extra int // workers besides the caller
	w     Parts
	manners

	stretches []turns      // of the caller, and of each worker
	finished  atomic.Int64 // parts of the job
	bell      *C.struct_bell
	closed    atomic.Bool
	workers   sync.WaitGroup
	patience  time.Duration // before a worker sleeps
}

// turns is a stretch's end and its next part in one word, so that who takes a part knows that there is one. In a cache
// line of its own.
type turns struct {
	word atomic.Uint64
	_    [56]byte
}

const (
	partBits = 32
	maxParts = 1<<partBits - 1<<16 // room for those who ask for a part when there is none
)

// patience is longer than what lies between the jobs of a step, and short beside a step that is worth several cores.
const patience = 20 * time.Millisecond

// manners is when a goroutine last gave way. To do so costs some microseconds, and the waking of a thread.
type manners struct{ last time.Time }

func (m *manners) giveWay() {
	if now := time.Now(); now.Sub(m.last) > 5*time.Millisecond {
		runtime.Gosched()
		m.last = now
	}
}

// cores is how many the process may use, by its processors, a container's limit or GOMAXPROCS in the environment.
var cores = runtime.GOMAXPROCS(0)

// Cores is how many cores there are to compute on.
func Cores() int { return cores }

// New starts a team of so many threads, of which the caller of Run is one; 0 is all cores.
func New(threads int) *Team {
	if threads <= 0 {
		threads = Cores()
	}
	t := &Team{extra: threads - 1, bell: new(C.struct_bell), stretches: make([]turns, threads)}
	C.bell_init(t.bell)
	if threads <= Cores() { // more would look out in each other's way
		t.patience = patience
	}
	t.workers.Add(t.extra)
	for i := range t.extra {
		go t.work(1 + i)
	}
	return t
}

// Threads is how many parts can run at once.
func (t *Team) Threads() int { return t.extra + 1 }

// Run does parts 0 to n-1 and returns when all are done.
//
// Now and then it gives way to others first, as workers do after a job: a goroutine that calls C for over 10 ms without that
// loses its place to Go's scheduler in every call, and the scheduler's watch (sysmon) takes a tenth of a core.
func (t *Team) Run(n int, w Parts) {
	t.giveWay()
	if t.extra == 0 || n <= 1 || n > maxParts {
		for i := range n {
			w.Part(i)
		}
		return
	}
	t.w = w
	t.finished.Store(0)
	threads := t.Threads()
	for i := range t.stretches {
		t.stretches[i].word.Store(uint64((i+1)*n/threads)<<partBits | uint64(i*n/threads))
	}
	C.bell_ring(t.bell)
	t.take(0)
	for began := time.Now(); t.finished.Load() < int64(n); {
		if !t.look(n) && time.Since(began) > time.Millisecond {
			time.Sleep(20 * time.Microsecond)
		}
	}
	t.w = nil
}

func (t *Team) look(n int) bool {
	for range 200 {
		if t.finished.Load() >= int64(n) {
			return true
		}
	}
	return false
}

// take does parts of the present job as long as there are any, those of stretch first before the others'. A part that was
// taken keeps its job from ending, so what it needs stays what it was.
func (t *Team) take(first int) {
	for i := range t.stretches {
		s := &t.stretches[(first+i)%len(t.stretches)].word
		for {
			v := s.Add(1) - 1
			if uint32(v) >= uint32(v>>partBits) {
				break
			}
			t.w.Part(int(uint32(v)))
			t.finished.Add(1)
		}
	}
}

// work is a worker's life.
func (t *Team) work(stretch int) {
	defer t.workers.Done()
	var own manners
	for heard := C.uint64_t(0); ; {
		heard = C.bell_await(t.bell, heard, C.int64_t(t.patience))
		if t.closed.Load() {
			return
		}
		t.take(stretch)
		own.giveWay()
	}
}

// Close ends the workers. What is run afterwards the caller does alone.
func (t *Team) Close() {
	if t.closed.Swap(true) {
		return
	}
	C.bell_ring(t.bell)
	t.workers.Wait()
	C.bell_destroy(t.bell)
}
