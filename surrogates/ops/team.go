package ops

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// parts is work in independent pieces.
type parts interface{ part(i int) }

// team runs parts on several cores. Which core runs a part, and when, must not change a result.
//
// A step of a small network is some tens of jobs of tens of microseconds, and a sleeping core takes about as long to wake:
// so workers look out for the next job for a while before they sleep, and the caller for the end of one. Each has a
// stretch of the parts that it does first, the same of every job with as many parts, so that what a part of one job wrote
// (a window's rows) is in the cache of the core that reads it in the next; then it helps with the others' stretches.
type team struct {
	extra int // workers besides the caller
	w     parts

	stretches []turns       // of the caller, and of each worker
	job       atomic.Uint64 // grows from job to job
	finished  atomic.Int64  // parts of the job
	idle      atomic.Int64  // workers that sleep, or are about to
	wake      chan struct{}
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
const patience = 200 * time.Microsecond

// newTeam starts the workers; 0 threads means all cores.
func newTeam(threads int) *team {
	cores := runtime.GOMAXPROCS(0)
	if threads <= 0 {
		threads = cores
	}
	t := &team{extra: threads - 1, wake: make(chan struct{}, threads), stretches: make([]turns, threads)}
	if threads <= cores { // more would look out in each other's way
		t.patience = patience
	}
	t.workers.Add(t.extra)
	for i := range t.extra {
		go t.work(1 + i)
	}
	return t
}

func (t *team) threads() int { return t.extra + 1 }

// run does parts 0 to n-1 and returns when all are done.
func (t *team) run(n int, w parts) {
	if t.extra == 0 || n <= 1 || n > maxParts {
		for i := range n {
			w.part(i)
		}
		return
	}
	t.w = w
	t.finished.Store(0)
	threads := t.threads()
	for i := range t.stretches {
		t.stretches[i].word.Store(uint64((i+1)*n/threads)<<partBits | uint64(i*n/threads))
	}
	t.job.Add(1)
	for range min(int(t.idle.Load()), n-1) {
		select {
		case t.wake <- struct{}{}:
		default: // as many are being woken
		}
	}
	t.take(0)
	for began := time.Now(); t.finished.Load() < int64(n); {
		if !look(func() bool { return t.finished.Load() >= int64(n) }) && time.Since(began) > time.Millisecond {
			time.Sleep(20 * time.Microsecond)
		}
	}
	t.w = nil
}

// take does parts of the present job as long as there are any, those of stretch first before the others'. A part that was
// taken keeps its job from ending, so what it needs stays what it was.
func (t *team) take(first int) {
	for i := range t.stretches {
		s := &t.stretches[(first+i)%len(t.stretches)].word
		for {
			v := s.Add(1) - 1
			if uint32(v) >= uint32(v>>partBits) {
				break
			}
			t.w.part(int(uint32(v)))
			t.finished.Add(1)
		}
	}
}

// work is a worker's life.
func (t *team) work(stretch int) {
	defer t.workers.Done()
	var last uint64
	fresh := func() bool { return t.job.Load() != last || t.closed.Load() }
	for {
		seen := fresh()
		for began := time.Now(); !seen && time.Since(began) < t.patience; {
			seen = look(fresh)
		}
		if !seen {
			t.idle.Add(1)
			if !fresh() { // not told between the look and the word that it sleeps
				<-t.wake
			}
			t.idle.Add(-1)
			continue
		}
		if t.closed.Load() {
			return
		}
		last = t.job.Load()
		t.take(stretch)
	}
}

// look looks out for some microseconds, and lets others run.
func look(seen func() bool) bool {
	for range 200 {
		if seen() {
			return true
		}
	}
	runtime.Gosched()
	return seen()
}

// close ends the workers.
func (t *team) close() {
	t.closed.Store(true)
	for range t.extra {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}
