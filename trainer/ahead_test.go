package trainer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"neq/data/traces"
	"neq/surrogates/ops"
)

// aheadOf is an ahead over a source, from a step on.
func aheadOf(t *testing.T, src source, change func(*Config), step, workers int) (*ahead, *Config) {
	t.Helper()
	l, c := loaderOf(t, src, change)
	b, err := ops.NewBuilder(1, true, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	e, err := b.NewEvents(c.Batch, 20+c.Window, l.data.info.Inputs, 5, 1, 8)
	if err != nil {
		t.Fatal(err)
	}
	fill := func() *filler {
		return newFiller(Normalisation{SD: 1}, nil, c.Batch, 20, c.Window, l.data.info.Duration)
	}
	a := newAhead(l, c, step, e, fill, workers)
	t.Cleanup(func() {
		a.close()
		l.wait()
	})
	return a, c
}

// Batches come in the order of the steps, with the windows and events of each, whatever the number of those who fill.
func TestAheadIsInOrder(t *testing.T) {
	for _, workers := range []int{1, 3} {
		a, c := aheadOf(t, memory{synthetic: small()}, func(c *Config) { c.Steps, c.Batch, c.Accumulate = 40, 3, 2 }, 7, workers)
		plain, _ := loaderOf(t, memory{synthetic: small()}, func(c *Config) { c.Batch, c.Accumulate = 3, 2 })
		f := newFiller(Normalisation{SD: 1}, nil, c.Batch, 20, c.Window, 500)
		rows, e := make([]window, c.Batch), &ops.Events{}
		for i := range (40 - 7) * 2 {
			got, err := a.next()
			if err != nil {
				t.Fatal(err)
			}
			if err := plain.windows(7+i/2, i%2*3, rows); err != nil {
				t.Fatal(err)
			}
			f.fill(rows, e)
			for r, w := range got.rows {
				if w.start != rows[r].start || w.local != rows[r].local || w.shard.First != rows[r].shard.First {
					t.Fatalf("%d workers: batch %d, row %d: %d of sample %d, want %d of %d", workers, i, r, w.start, w.local, rows[r].start, rows[r].local)
				}
			}
			if !slices.Equal(got.events.Bin, e.Bin) || !slices.Equal(got.events.Synapse, e.Synapse) || !slices.Equal(got.fill.target.Spike, f.target.Spike) || !slices.Equal(got.fill.target.Voltage, f.target.Voltage) {
				t.Fatalf("%d workers: batch %d holds other events or targets", workers, i)
			}
			a.giveBack(got)
		}
		if a.choose() != nil {
			t.Error("there are more batches than steps")
		}
	}
}

// broken is data whose shards cannot be read any more.
type broken struct {
	memory
	left *atomic.Int64
}

var errBroken = errors.New("the disk is gone")

func (b broken) Shard(k int) (*traces.Shard, error) {
	if b.left.Add(-1) < 0 {
		return nil, errBroken
	}
	return b.memory.Shard(k)
}

// A shard that cannot be read is the error of the batch that needs it, not of those before.
func TestAheadFails(t *testing.T) {
	var left atomic.Int64
	left.Store(4)
	a, _ := aheadOf(t, broken{memory{synthetic: small()}, &left}, func(c *Config) { c.Steps, c.ShardsInMemory = 1000, 2 }, 0, 2)
	for i := range 1000 {
		f, err := a.next()
		if err != nil {
			if !errors.Is(err, errBroken) || i < 3 {
				t.Errorf("batch %d: %v", i, err)
			}
			return
		}
		a.giveBack(f)
	}
	t.Error("no batch failed")
}

// Waiting is counted where the loader is slower than who takes its batches, and metrics say how much it was.
func TestWaitingIsMeasured(t *testing.T) {
	hold := make(chan struct{})
	a, _ := aheadOf(t, slow{memory{synthetic: small()}, hold}, func(c *Config) { c.Steps = 2 }, 0, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := a.next(); err != nil {
			t.Error(err)
		}
	}()
	close(hold)
	<-done
	if a.waited <= 0 {
		t.Error("no waiting was counted")
	}
	o := quick()
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	mustFit(t, o)
	if b := outputRaw(t, o.OutDir); !strings.Contains(b, `"loader_wait":`) {
		t.Errorf("metrics without loader_wait: %s", b)
	}
}

// slow is data whose shards come when they are let go.
type slow struct {
	memory
	hold chan struct{}
}

func (s slow) Shard(k int) (*traces.Shard, error) {
	<-s.hold
	return s.memory.Shard(k)
}

func outputRaw(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
