//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package cuda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
)

// The kernels' twins are compiled of cells.cu itself.
var lab fake.Lab

func TestMain(m *testing.M) {
	here, err := filepath.Abs("kernels/cells/twin/cells_twin.c")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lab.Twins = map[string]string{
		"cells":     fmt.Sprintf("#include %q\n", here),
		"cells_f64": fmt.Sprintf("#define NEQ_F64\n#include %q\n", here),
	}
	code := m.Run()
	lab.Close()
	os.Exit(code)
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
	for _, budget := range []int64{1 << 40, 1 << 22, 1 << 20, 1 << 16, 1 << 12, 1, 0} {
		var sizes []int
		for lane := 0; lane < b.Lanes; {
			g := planGPU(&p, b, lane, 0, budget)
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
	wide := planGPU(&p, &Batch{Lanes: 1 << 24, Steps: 1e6, Every: 40, Record: []int{0, 1}, Events: Events{Offset: make([]int64, 1<<24+1)}}, 0, 0, 1<<45)
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
	for _, c := range []struct{ settings, want, name, why, fails string }{
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
			d, why, err := Select(context.Background(), c.want, 1)
			if c.fails != "" {
				if d != nil || err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, %v; want %q", d, err, c.fails)
				}
				return
			}
			if err != nil || !strings.HasPrefix(d.Name(), c.name) || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
				t.Fatalf("%v, %q, %v; want %s, %q", d, why, err, c.name, c.why)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
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
