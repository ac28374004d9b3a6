package ops

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parts is work in independent pieces.
type parts interface{ part(i int) }

// team runs parts on several cores. Which core runs a part, and when, must not change a result.
type team struct {
	work  chan *job
	job   job
	extra int // workers besides the caller
}

type job struct {
	w    parts
	n    int64
	next atomic.Int64
	done sync.WaitGroup
}

func (j *job) run() {
	for i := j.next.Add(1) - 1; i < j.n; i = j.next.Add(1) - 1 {
		j.w.part(int(i))
	}
}

// newTeam starts the workers; 0 threads means all cores.
func newTeam(threads int) *team {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	t := &team{work: make(chan *job), extra: threads - 1}
	for range t.extra {
		go func() {
			for j := range t.work {
				j.run()
				j.done.Done()
			}
		}()
	}
	return t
}

func (t *team) threads() int { return t.extra + 1 }

// run does parts 0 to n-1 and returns when all are done.
func (t *team) run(n int, w parts) {
	helpers := min(t.extra, n-1)
	if helpers <= 0 {
		for i := range n {
			w.part(i)
		}
		return
	}
	j := &t.job
	j.w, j.n = w, int64(n)
	j.next.Store(0)
	j.done.Add(helpers)
	for range helpers {
		t.work <- j
	}
	j.run()
	j.done.Wait()
	j.w = nil
}

// close ends the workers.
func (t *team) close() { close(t.work) }
