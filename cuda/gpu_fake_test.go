//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
)

// The kernels' twins are compiled of cells.cu itself.
var lab fake.Lab

func TestMain(m *testing.M) {
	cells := fake.Source{Name: "cells", File: "kernels/cells/twin/cells_twin.c", Also: []string{"kernels/*.h", "kernels/cells/*.h", "kernels/cells/*.cu"}}
	wide := cells
	wide.Name, wide.Before = "cells_f64", "#define NEQ_F64\n"
	inputs := fake.Source{Name: "inputs", File: "kernels/inputs/twin/inputs_twin.c", Also: []string{"kernels/inputs/*.h", "kernels/inputs/*.cu"}}
	trees := fake.Source{Name: "trees", File: "kernels/trees/twin/trees_twin.c", Also: []string{"kernels/*.h", "kernels/mechanisms/*.h", "kernels/trees/*.[hc]*"}}
	treesWide := trees
	treesWide.Name, treesWide.Before = "trees_f64", "#define NEQ_F64\n"
	os.Exit(lab.Main(m, cells, wide, inputs, trees, treesWide))
}

// onFakeGPU runs the calling test again where there is a fake GPU, and says whether this is there.
func onFakeGPU(t *testing.T, settings string) bool { t.Helper(); return lab.Within(t, settings, false) }

// fakeGPU opens it.
func fakeGPU(t *testing.T, o GPUOptions) Device {
	t.Helper()
	d, err := NewGPU(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// wholeOnCPU is what a batch gives in float64 on the CPU.
func wholeOnCPU(t *testing.T, p Program, b *Batch) *Batch {
	t.Helper()
	runOn(t, portable, p, b)
	return b
}

// A batch that does not fit is run in parts, with the same result: where the device has little memory, where it is
// told to use little, where others hold what was planned for, and where the host cannot pin much.
func TestGPUParts(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		memory   int64
		most     int // lanes at a time, at most
	}{
		"little":               {"memory=200000", 0, 40},
		"told":                 {"", 150_000, 30},
		"less than told":       {"memory=150000", 2_000_000, 30},
		"little to pin":        {"pinned=45000", 0, 49},
		"two cells at a time":  {"memory=12500", 0, 2},
		"told one or two":      {"", 7_500, 2},
		"all in one, for once": {"", 0, 50},
	} {
		t.Run(name, func(t *testing.T) {
			if !onFakeGPU(t, c.settings) {
				return
			}
			d := fakeGPU(t, GPUOptions{Memory: c.memory})
			for _, name := range []string{"lif", "hh-receptors"} {
				p := programs()[name]
				p.Precision = Float64
				for _, lanes := range []int{50, 50, 7} { // a second time in the room of the first
					b := batch(&p, 0, lanes, 60)
					mustRun(t, d, p, b)
					if err := same(b, wholeOnCPU(t, p, batch(&p, 0, lanes, 60))); err != nil {
						t.Error(err)
					}
				}
			}
			if n := d.(*gpuDevice).room.cursor.Len(); n > c.most || c.most > 1 && n < c.most/4 {
				t.Errorf("there was room for %d lanes at a time, want %d", n, c.most)
			}
		})
	}
}

// The plan keeps to its budget, misses no lane, and its parts are of like size.
func TestGPUPlan(t *testing.T) {
	p := programs()["hh"]
	b := batch(&p, 0, 1000, 50)
	cell, err := cellsProgram(&p, b)
	if err != nil {
		t.Fatal(err)
	}
	prog := cellsGPU{cell}
	for _, budget := range []int64{1 << 40, 1 << 22, 1 << 20, 1 << 16, 1 << 12, 1, 0} {
		var sizes []int
		for lane := 0; lane < b.Lanes; {
			g := planGPU(prog, p.Dt, b, lane, gpuMore{}, budget)
			if g.lanes == 0 {
				if g.least <= budget || len(sizes) > 0 {
					t.Errorf("budget %d: nothing from lane %d on, where a lane takes %d", budget, lane, g.least)
				}
				break
			}
			if g.bytes > budget || g.capacity != g.lanes*g.perLane || g.chunk != min(g.records*b.Every, b.Steps) {
				t.Fatalf("budget %d: %+v", budget, g)
			}
			sizes = append(sizes, g.lanes)
			lane += g.lanes
		}
		if n := len(sizes); n > 1 && 2*sizes[n-1] < sizes[0] {
			t.Errorf("budget %d: parts of %v lanes", budget, sizes)
		}
	}
	wide := planGPU(prog, p.Dt, &Batch{Lanes: 1 << 24, Steps: 1e6, Every: 40, Record: []int{0, 1}, Events: Events{Offset: make([]int64, 1<<24+1)}}, 0, gpuMore{}, 1<<45)
	if wide.lanes > gpuLanes || 4*wide.variables*wide.records*wide.lanes > gpuPinned || wide.chunk != 40*wide.records {
		t.Errorf("%d lanes, %d records, %d steps at a time", wide.lanes, wide.records, wide.chunk)
	}
}

// Where not one cell fits, the error says what it takes; a device too full for a part says so as well.
func TestGPUOutOfMemory(t *testing.T) {
	if !onFakeGPU(t, "memory=30000") {
		return
	}
	p := programs()["hh"]
	d := fakeGPU(t, GPUOptions{Memory: 1000})
	err := d.Run(context.Background(), &p, batch(&p, 0, 3, 60))
	if !errors.Is(err, driver.OutOfMemory) || !strings.Contains(err.Error(), "cuda:0 Fake GPU 0 has room for 1.0 kB, one cell of this batch takes") {
		t.Error(err)
	}
	d = fakeGPU(t, GPUOptions{Memory: 1e9})
	p.Receptors = p.Receptors[:1]
	many := batch(&p, 0, 1, 200)
	for range 6000 {
		many.Events.Step = append(many.Events.Step, int32(many.Steps-1))
		many.Events.Receptor, many.Events.Weight = append(many.Events.Receptor, 0), append(many.Events.Weight, 0)
	}
	many.Events.Offset[1] = int64(len(many.Events.Step))
	err = d.Run(context.Background(), &p, many)
	if !errors.Is(err, driver.OutOfMemory) || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "smaller batch") {
		t.Error(err)
	}
	few := batch(&p, 0, 1, 20) // and goes on with what fits
	p.Precision = Float64
	mustRun(t, d, p, few)
	if err := same(few, wholeOnCPU(t, p, batch(&p, 0, 1, 20))); err != nil {
		t.Error(err)
	}
}

// Wherever in a run the device is lost, the run ends with one sentence that says so, and so do those after it; the
// program goes on.
func TestGPULost(t *testing.T) {
	for _, c := range []struct {
		at, code int
		kind     driver.Kind
	}{{30, 719, driver.DeviceLost}, {60, 719, driver.DeviceLost}, {72, 719, driver.DeviceLost}, {85, 719, driver.DeviceLost},
		{99, 719, driver.DeviceLost}, {121, 719, driver.DeviceLost}, {85, 214, driver.DeviceLost}, {85, 702, driver.TimedOut}, {85, 700, driver.KernelFault}} {
		t.Run(fmt.Sprintf("%d at %d", c.code, c.at), func(t *testing.T) {
			if !onFakeGPU(t, fmt.Sprintf("lost=%d,lostcode=%d", c.at, c.code)) {
				return
			}
			d, err := NewGPU(context.Background(), GPUOptions{})
			if err == nil {
				p := programs()["hh"]
				err = d.Run(context.Background(), &p, batch(&p, 0, 10, 400))
				if again := d.Run(context.Background(), &p, batch(&p, 0, 10, 400)); !errors.Is(again, c.kind) {
					t.Errorf("the next run: %v", again)
				}
				if err := d.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			}
			if !errors.Is(err, c.kind) || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%v; want %v, in one line", err, c.kind)
			}
			t.Log(err)
		})
	}
}

func TestSelect(t *testing.T) {
	for _, c := range []struct{ settings, want, names, why, fails string }{
		{"devices=2", "cuda", "cuda:0 Fake GPU 0; cuda:1 Fake GPU 1", "", ""},
		{"devices=2", "auto", "cuda:0 Fake GPU 0; cuda:1 Fake GPU 1", "a GPU was found", ""},
		{"", "auto", "cuda:0 Fake GPU 0", "a GPU was found", ""},
		{"", "cuda", "cuda:0 Fake GPU 0", "", ""},
		{"", "cpu", "cpu ", "", ""},
		{"devices=2", "cuda:1", "cuda:1 Fake GPU 1", "", ""},
		{"devices=2", "cuda:2", "", "", "there are 2, counted from 0"},
		{"devices=0", "auto", "cpu ", "sees no GPU", ""},
		{"devices=0", "cuda", "", "", "sees no GPU"},
		{"crash=1", "auto", "cpu ", "SIGSEGV", ""},
		{"crash=1", "cuda", "", "", "SIGSEGV"},
		{"context=46", "auto", "cpu ", "in exclusive use", ""},
		{"context=2", "cuda:0", "", "", "out of memory"},
		{"version=10020", "auto", "cpu ", "the driver is for CUDA 10.2", ""},
	} {
		t.Run(c.settings+" "+c.want, func(t *testing.T) {
			if !onFakeGPU(t, c.settings) {
				return
			}
			devices, why, err := Select(context.Background(), c.want, 1)
			var names []string
			for _, d := range devices {
				names = append(names, d.Name())
				defer d.Close()
			}
			if c.fails != "" {
				if devices != nil || err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, %v; want %q", names, err, c.fails)
				}
				return
			}
			if err != nil || !strings.HasPrefix(strings.Join(names, "; "), c.names) || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
				t.Fatalf("%v, %q, %v; want %s, %q", names, why, err, c.names, c.why)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		if onFakeGPU(t, "hang=1") {
			ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer stop()
			if _, _, err := Select(ctx, "auto", 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
	})
}

func TestNewGPURefuses(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	for want, o := range map[string]GPUOptions{"-1 threads": {Threads: -1}, "-5 bytes": {Memory: -5}, "counted from 0": {Index: 3}, "GPU -1": {Index: -1}} {
		if d, err := NewGPU(context.Background(), o); d != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, %v; want %q", o, d, err, want)
		}
	}
}

// A driver that does not take the kernels' PTX says so at the first run.
func TestGPURefusesThePTX(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	d := fakeGPU(t, GPUOptions{})
	t.Setenv("FAKE_CUDA", "isa=69")
	p := programs()["lif"]
	if err := d.Run(context.Background(), &p, batch(&p, 0, 3, 5)); !errors.Is(err, driver.DriverTooOld) || !strings.Contains(err.Error(), "install a newer one") {
		t.Error(err)
	}
}

// Batches that wait run together where they are alike, each with the result it has alone; where a cell of one fails
// or its context ends, it alone gets the error.
func TestGPUJoins(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	d := fakeGPU(t, GPUOptions{Threads: 2}).(*gpuDevice)
	d.turn <- struct{}{} // so that all of them wait
	p := programs()["hh-receptors"]
	p.Precision = Float64
	other := p
	other.Dt = 0.02
	type waiting struct {
		p       Program
		b, want *Batch
		ctx     context.Context
		fails   func(error) bool
		err     error
	}
	var all []*waiting
	for i := range 12 {
		all = append(all, &waiting{p: p, b: batch(&p, 10*i, i+1, 60), want: batch(&p, 10*i, i+1, 60), ctx: context.Background()})
	}
	all[2].p = other
	all[2].b, all[2].want = batch(&other, 0, 4, 60), batch(&other, 0, 4, 60)
	all[3].b.Record, all[3].want.Record = []int{1}, []int{1}
	all[4].b.Events, all[4].want.Events = Events{}, Events{}
	all[5].b.Current[0].Amp[3] = float32(math.NaN())
	all[5].fails = func(err error) bool { var bad *LaneError; return errors.As(err, &bad) && bad.Lane == 3 }
	all[8].b.Current[0].Amp[0] = float32(math.NaN())
	all[8].fails = func(err error) bool { var bad *LaneError; return errors.As(err, &bad) && bad.Lane == 0 }
	ended := &after{Context: context.Background()}
	ended.n.Store(3) // it ends in the middle of the first run
	all[9].ctx, all[9].fails = ended, func(err error) bool { return errors.Is(err, context.Canceled) }
	gone, cancel := context.WithCancel(context.Background())
	all[10].ctx, all[10].fails = gone, func(err error) bool { return errors.Is(err, context.Canceled) }
	var wg sync.WaitGroup
	queued := func(n int) {
		for range 2000 {
			d.mu.Lock()
			m := len(d.queue)
			d.mu.Unlock()
			if m == n {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Error("batches do not wait")
	}
	for i, w := range all {
		wg.Go(func() { w.err = d.Run(w.ctx, &w.p, w.b) })
		queued(i + 1)
	}
	cancel() // while it waits
	queued(len(all) - 1)
	<-d.turn
	wg.Wait()
	for i, w := range all {
		if w.fails != nil {
			if !w.fails(w.err) {
				t.Errorf("batch %d: %v", i, w.err)
			}
			continue
		}
		runOn(t, portable, w.p, w.want)
		if w.err != nil {
			t.Errorf("batch %d: %v", i, w.err)
		} else if err := same(w.b, w.want); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	if n, want := d.room.cursor.Len(), 1+2+5+6+7+8+9+10+12; n != want {
		t.Errorf("%d lanes ran together at most, want %d", n, want)
	}
	if n := Fill(d); n != 132*1024 {
		t.Errorf("%d lanes fill the fake GPU", n)
	}
}
