package team

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

type counted struct {
	done []atomic.Int32
	nap  time.Duration
}

func (c *counted) Part(i int) {
	if c.nap > 0 && i%3 == 0 {
		time.Sleep(c.nap)
	}
	c.done[i].Add(1)
}

// TestTeam: every part is done once before run returns, whether workers look out or sleep, with more of them than cores.
func TestTeam(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 7} {
		team := New(threads)
		for job := range 3000 {
			c := &counted{done: make([]atomic.Int32, job%23)}
			if job%500 == 7 {
				c.nap = 300 * time.Microsecond
			}
			if job%300 == 5 {
				time.Sleep(2 * patience) // let them sleep
			}
			team.Run(len(c.done), c)
			for i := range c.done {
				if n := c.done[i].Load(); n != 1 {
					t.Fatalf("%d threads, job %d: part %d of %d was done %d times", threads, job, i, len(c.done), n)
				}
			}
		}
		ended := make(chan struct{})
		go func() { team.Close(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Fatalf("%d threads: workers go on after close", threads)
		}
		team.Close() // again
		alone := &counted{done: make([]atomic.Int32, 5)}
		team.Run(5, alone)
		for i := range alone.done {
			if n := alone.done[i].Load(); n != 1 {
				t.Errorf("%d threads, closed: part %d was done %d times", threads, i, n)
			}
		}
	}
}

// BenchmarkTeam is what a job of nothing costs.
func BenchmarkTeam(b *testing.B) {
	team := New(min(2, runtime.GOMAXPROCS(0)))
	defer team.Close()
	c := &counted{done: make([]atomic.Int32, 2)}
	b.ReportAllocs()
	for b.Loop() {
		team.Run(2, c)
	}
}
