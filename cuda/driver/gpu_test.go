//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"neq/cuda/driver/fake"
	"neq/cuda/driver/lazycuda"
)

// twins are the CPU twins of testPTX.
const twins = `
#include "twin.h"
#include <stdint.h>
static long threads(const fake_launch *l) { return (long)l->grid[0] * l->block[0]; }
int twin_saxpy(const fake_launch *l, void **arg) { /* y += a x */
  const float *x = *(float **)arg[0];
  float *y = *(float **)arg[1], a = *(float *)arg[2];
  uint32_t n = *(uint32_t *)arg[3];
  if (threads(l) < n) return 719;
  if (!fake_range(x, 4 * n) || !fake_range(y, 4 * n)) return 700;
  for (uint32_t i = 0; i < n; i++) y[i] += a * x[i];
  return 0;
}
typedef struct { int32_t *at; int32_t n, from; double scale; } count;
int twin_count(const fake_launch *l, void **arg) { /* at[i] = (from + i) scale, for a structure after a byte */
  uint8_t plus = *(uint8_t *)arg[0];
  count c = *(count *)arg[1];
  for (int i = 0; i < c.n; i++) c.at[i] = (c.from + i) * c.scale + plus + l->shared;
  return 0;
}
int twin_beyond(const fake_launch *l, void **arg) { (*(char **)arg[0])[*(uint32_t *)arg[1]] = 1; return 0; }
`

const testPTX = `.version 7.0
.target sm_80
.address_size 64
.visible .entry saxpy(
	.param .u64 saxpy_param_0, // x
	.param .u64 saxpy_param_1,
	.param .f32 saxpy_param_2,
	.param .u32 saxpy_param_3
)
{ ret; }
.visible .entry count(.param .u8 p, .param .align 8 .b8 q[24]) { ret; }
.visible .entry beyond(.param .u64 p, .param .u32 at) { ret; }
.visible .entry untwinned() { ret; }
`

var lab = fake.Lab{Twins: map[string]string{"twins": twins}}

func TestMain(m *testing.M) {
	code := m.Run()
	lab.Close()
	os.Exit(code)
}

// device opens the fake GPU with a stream and the test's kernels.
func device(t *testing.T) (*Context, *Stream, *Module) {
	t.Helper()
	c, err := Open(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("test.ptx", testPTX)
	if err != nil {
		t.Fatal(err)
	}
	return c, s, m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err error, k Kind, says string) {
	t.Helper()
	if !errors.Is(err, k) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v; want %q and %q", err, k, says)
	}
}

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	return x
}

// This very program, built with the tag, names no CUDA library, and has started.
func TestNeedsNoCUDA(t *testing.T) {
	f, err := elf.Open("/proc/self/exe")
	must(t, err)
	defer f.Close()
	libs, err := f.ImportedLibraries()
	must(t, err)
	for _, l := range libs {
		if strings.Contains(l, "cuda") || strings.Contains(l, "cublas") || strings.Contains(l, "nv") {
			t.Errorf("the program needs %s", l)
		}
	}
	if !slices.Contains(libs, "libc.so.6") && !slices.ContainsFunc(libs, func(s string) bool { return strings.Contains(s, "musl") }) {
		t.Errorf("not even libc among %q: the list was not read", libs)
	}
	symbols, err := f.ImportedSymbols()
	must(t, err)
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "cu") && len(s.Name) > 2 && s.Name[2] >= 'A' && s.Name[2] <= 'Z' {
			t.Errorf("the program imports %s", s.Name)
		}
	}
}

// Starting the program loads no driver, even where there is one.
func TestStartsWithoutTouchingTheDriver(t *testing.T) {
	if !lab.Within(t, "crash=1", false) {
		return
	}
	if lazycuda.Loaded() {
		t.Error("the driver was loaded before it was asked for")
	}
	if s := Probe(context.Background()); s.Kind != Crashed {
		t.Error(s)
	}
	if lazycuda.Loaded() {
		t.Error("a probe loaded the driver in this process")
	}
}

func TestProbe(t *testing.T) {
	dir, _ := lab.Built(t)
	junk := filepath.Join(t.TempDir(), "libcuda.so.1")
	must(t, os.WriteFile(junk, []byte("no library"), 0o644))
	dev := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dev, "nvidiactl"), nil, 0o644))
	pci := t.TempDir()
	must(t, os.Mkdir(filepath.Join(pci, "0000:01:00.0"), 0o755))
	must(t, os.WriteFile(filepath.Join(pci, "0000:01:00.0", "vendor"), []byte("0x10de\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(pci, "0000:01:00.0", "class"), []byte("0x030200\n"), 0o644))
	denied := func(string) error { return os.ErrPermission }

	for _, c := range []struct {
		name, settings string
		p              prober
		visible        string
		kind           Kind
		says           string
	}{
		{name: "one GPU", says: "CUDA 12.4; 0: Fake GPU 0, compute 9.0, 67.1 MB, 67.1 MB free; no cuBLAS"},
		{name: "two", settings: "devices=2,major=8,minor=6,version=13000", says: "CUDA 13.0; 0: Fake GPU 0, compute 8.6, 67.1 MB, 67.1 MB free; 1: Fake GPU 1"},
		{name: "none", settings: "init=100", kind: NoDevice, says: "sees no GPU"},
		{name: "none counted", settings: "devices=0", kind: NoDevice, says: "sees no GPU"},
		{name: "hidden", settings: "init=100", visible: "-1", kind: Hidden, says: "CUDA_VISIBLE_DEVICES"},
		{name: "wrongly named", settings: "init=100", visible: "17", kind: Hidden, says: `"17" names no GPU`},
		{name: "old driver", settings: "version=10020", kind: DriverTooOld, says: "the driver is for CUDA 10.2, neq's kernels need 11.0"},
		{name: "old PTX compiler", settings: "isa=69", kind: DriverTooOld, says: "too old for the kernels"},
		{name: "old GPU", settings: "major=7,minor=5", kind: DeviceTooOld, says: "compute capability is 7.5"},
		{name: "no PTX compiler", settings: "jit=221", kind: NoDriver, says: "libnvidia-ptxjitcompiler"},
		{name: "denied", settings: "init=100", p: prober{dev: dev, access: denied}, kind: NoPermission, says: filepath.Join(dev, "nvidiactl")},
		{name: "denied, as unknown", settings: "init=999", p: prober{dev: dev, access: denied}, kind: NoPermission, says: "join the group"},
		{name: "not let in", settings: "init=100", p: prober{pci: pci}, kind: NoDevice, says: "--gpus all"},
		{name: "versions differ", settings: "init=803", kind: DriverMismatch, says: "restart the machine"},
		{name: "starting", settings: "init=802", kind: DriverNotReady, says: "fabricmanager"},
		{name: "stub", settings: "init=34", kind: NoDriver, says: "link-time stub"},
		{name: "exclusive", settings: "context=46", kind: Busy, says: "GPU 0 (Fake GPU 0): in exclusive use"},
		{name: "full", settings: "context=2", kind: OutOfMemory, says: "out of memory"},
		{name: "hangs", settings: "hang=1", p: prober{limit: 300 * time.Millisecond}, kind: Hung, says: "(cuInit)"},
		{name: "hangs on a GPU", settings: "hang=2", p: prober{limit: 500 * time.Millisecond}, kind: Hung, says: "(GPU 0)"},
		{name: "crashes", settings: "crash=1", kind: Crashed, says: "SIGSEGV, in cuInit"},
		{name: "exits", settings: "exit=3", kind: Crashed, says: "exit status 3, in cuInit"},
		{name: "no library", p: prober{env: []string{"LD_LIBRARY_PATH="}}, kind: NoDriver, says: "no NVIDIA driver"},
		{name: "no library, a GPU", p: prober{env: []string{"LD_LIBRARY_PATH="}, pci: pci}, kind: NoDriver, says: "install the driver"},
		{name: "junk", p: prober{env: []string{"LD_LIBRARY_PATH=" + filepath.Dir(junk)}}, kind: NoDriver, says: "does not load"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "no library") && lazyDriverHere() {
				t.Skip("this machine has a driver: needs one without")
			}
			p := prober{dev: t.TempDir(), pci: t.TempDir(), access: func(string) error { return nil }, limit: 20 * time.Second}
			if c.p.dev != "" {
				p.dev, p.access = c.p.dev, c.p.access
			}
			if c.p.pci != "" {
				p.pci = c.p.pci
			}
			if c.p.limit != 0 {
				p.limit = c.p.limit
			}
			t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
			if c.visible == "" {
				os.Unsetenv("CUDA_VISIBLE_DEVICES")
			}
			p.env = append(fake.Environ(dir, false, c.settings), c.p.env...)
			s := p.probe(context.Background())
			if s.Kind != c.kind || s.Usable != (c.kind == 0) || !strings.Contains(s.String(), c.says) {
				t.Errorf("kind %d (%v), usable %v: %s; want %d (%v) and %q", s.Kind, s.Kind, s.Usable, s, c.kind, c.kind, c.says)
			}
			if s.Usable && s.Library != filepath.Join(dir, "driver", "libcuda.so.1") {
				t.Errorf("library %q", s.Library)
			}
		})
	}
}

// lazyDriverHere says whether the machine has a driver of its own.
func lazyDriverHere() bool {
	l, err := dlopen("libcuda.so.1")
	return err == nil && l != nil
}

// A cancelled context ends a probe that hangs.
func TestProbeCancelled(t *testing.T) {
	dir, _ := lab.Built(t)
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	began := time.Now()
	s := prober{dev: t.TempDir(), pci: t.TempDir(), limit: time.Minute, env: fake.Environ(dir, false, "hang=1")}.probe(ctx)
	if s.Kind != Hung || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %s", time.Since(began), s)
	}
	for end := time.Now().Add(5 * time.Second); children(t) != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the child %s was left behind", children(t))
		}
	}
}

// children are the process numbers of this process's children.
func children(t *testing.T) string {
	t.Helper()
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	if len(lists) == 0 {
		t.Fatal("no /proc/self/task/*/children")
	}
	var all string
	for _, l := range lists {
		b, _ := os.ReadFile(l) // a thread may have ended
		all += string(b)
	}
	return strings.TrimSpace(all)
}

func TestOpenSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		name, settings string
		kind           Kind
	}{{"none", "init=100", NoDevice}, {"crash", "crash=1", Crashed}, {"busy", "context=46", Busy}, {"second", "devices=1", NoDevice}} {
		t.Run(c.name, func(t *testing.T) {
			if !lab.Within(t, c.settings, false) {
				return
			}
			i := 0
			if c.name == "second" {
				i = 1
			}
			_, err := Open(context.Background(), i)
			wants(t, err, c.kind, "gpu: ")
		})
	}
}

func TestKernels(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c, s, m := device(t)
	if names := strings.Join(m.Kernels(), " "); names != "beyond count saxpy untwinned" {
		t.Errorf("kernels %s", names)
	}
	saxpy, err := m.Kernel("saxpy")
	must(t, err)
	if saxpy.Registers != 64 || saxpy.MaxThreads != 512 {
		t.Errorf("%d registers, %d threads", saxpy.Registers, saxpy.MaxThreads)
	}
	const n = 1000
	x, err := Alloc[float32](c, n)
	must(t, err)
	y, err := Alloc[float32](c, n)
	must(t, err)
	must(t, x.Write(s, ramp(n)))
	must(t, y.Zero(s))
	must(t, saxpy.Launch(s, Threads(n, 256), x, y, float32(2), int32(n)))
	must(t, saxpy.Launch(s, Threads(n, 256), x, y, float32(0.5), uint32(n)))
	out := make([]float32, n)
	must(t, y.Read(s, out))
	for i, v := range out {
		if v != 2.5*float32(i) {
			t.Fatalf("y[%d] = %g", i, v)
		}
	}

	// A structure by value after a byte, a burst, and more shared memory than by default.
	count, err := m.Kernel("count")
	must(t, err)
	z, err := Alloc[int32](c, 10)
	must(t, err)
	type counting struct {
		At      uint64
		N, From int32
		Scale   float64
	}
	v := counting{z.Addr(), 10, 5, 2}
	got, err := Pin[int32](c, 10)
	must(t, err)
	must(t, s.Burst(func(s *Stream) error {
		if err := count.Launch(s, Shape{Shared: 100000}, uint8(7), ByValue(&v, z)); err != nil {
			return err
		}
		v.From = 1000 // the value was taken already
		return z.Fetch(s, got)
	}))
	must(t, s.Wait())
	if g := got.Slice(); g[0] != 100017 || g[9] != 100035 {
		t.Errorf("count gives %v", g)
	}

	for name, c := range map[string]struct {
		err  error
		kind Kind
		says string
	}{
		"too few":        {saxpy.Launch(s, Threads(n, 256), x, y, float32(2)), BadArgument, "3 arguments, the kernel takes 4"},
		"wrong type":     {saxpy.Launch(s, Threads(n, 256), x, y, 2.0, int32(n)), BadArgument, "argument 3 of 4: float64 for .f32"},
		"block too big":  {saxpy.Launch(s, Threads(n, 1024), x, y, float32(2), int32(n)), BadArgument, "at most 512 with the 64 registers"},
		"grid too high":  {saxpy.Launch(s, Shape{Grid: [3]int{1, 70000}}, x, y, float32(2), int32(n)), BadArgument, "grid"},
		"shared too big": {saxpy.Launch(s, Shape{Shared: 300000}, x, y, float32(2), int32(n)), BadArgument, "at most 232448"},
		"structure":      {count.Launch(s, Shape{}, uint8(1), ByValue(&struct{ A uint64 }{})), BadArgument, "8 bytes by value for 24 bytes by value"},
	} {
		t.Run(name, func(t *testing.T) { wants(t, c.err, c.kind, c.says) })
	}
	_, err = m.Kernel("saxpi")
	wants(t, err, NoKernel, "only beyond, count, saxpy")
	u, err := m.Kernel("untwinned")
	must(t, err)
	wants(t, u.Launch(s, Shape{}), Failed, "NOT_SUPPORTED")

	// What was freed is refused when it is asked for, and when its turn comes.
	wants(t, s.Burst(func(s *Stream) error {
		if err := z.Zero(s); err != nil {
			return err
		}
		return z.Free()
	}), UsedAfterFree, "before its turn")
	wants(t, count.Launch(s, Shape{}, uint8(1), ByValue(&v, z)), UsedAfterFree, "launch count")
	must(t, m.Free())
	wants(t, m.Free(), FreedTwice, "")
	wants(t, saxpy.Launch(s, Threads(n, 256), x, y, float32(2), int32(n)), UsedAfterFree, "unloaded")
	if err := c.Lost(); err != nil {
		t.Errorf("a refused call ended the context: %v", err)
	}
	must(t, c.Close())
}

func TestGraph(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c, s, m := device(t)
	saxpy, err := m.Kernel("saxpy")
	must(t, err)
	x, err := Alloc[float32](c, 100)
	must(t, err)
	y, err := Alloc[float32](c, 100)
	must(t, err)
	out, err := Pin[float32](c, 100)
	must(t, err)
	must(t, x.Write(s, ramp(100)))
	must(t, y.Zero(s))
	g, err := s.Capture(func(s *Stream) error {
		if err := saxpy.Launch(s, Threads(100, 32), x, y, float32(1), int32(100)); err != nil {
			return err
		}
		if err := saxpy.Launch(s, Threads(100, 32), x, y, float32(2), int32(100)); err != nil {
			return err
		}
		return y.Fetch(s, out)
	})
	must(t, err)
	must(t, s.Wait())
	must(t, y.Read(s, out.Slice()))
	if out.Slice()[5] != 0 {
		t.Error("the capture ran")
	}
	for i := range 3 {
		must(t, g.Launch(s))
		must(t, s.Wait())
		if got, want := out.Slice()[5], float32(15*(i+1)); got != want {
			t.Errorf("run %d: %g, want %g", i, got, want)
		}
	}
	must(t, s.Burst(func(s *Stream) error { return errors.Join(g.Launch(s), g.Launch(s)) }))
	must(t, s.Wait())
	if out.Slice()[5] != 75 {
		t.Errorf("after five runs %g, want 75", out.Slice()[5])
	}

	e, err := c.NewEvent()
	must(t, err)
	for name, f := range map[string]func(s *Stream) error{
		"read":    func(s *Stream) error { return y.Read(s, make([]float32, 100)) },
		"write":   func(s *Stream) error { return y.Write(s, make([]float32, 100)) },
		"wait":    func(s *Stream) error { return s.Wait() },
		"record":  func(s *Stream) error { return s.Record(e) },
		"after":   func(s *Stream) error { return s.After(e) },
		"graph":   func(s *Stream) error { return g.Launch(s) },
		"nested":  func(s *Stream) error { _, err := s.Capture(nil); return err },
		"nothing": func(s *Stream) error { return nil },
	} {
		if _, err := s.Capture(f); !errors.Is(err, BadArgument) {
			t.Errorf("%s in a graph: %v", name, err)
		}
	}
	u, err := m.Kernel("untwinned")
	must(t, err)
	_, err = s.Capture(func(s *Stream) error { return u.Launch(s, Shape{}) })
	wants(t, err, Failed, "launch untwinned")
	must(t, s.Wait()) // the stream is as good as before
	must(t, x.Free())
	wants(t, g.Launch(s), UsedAfterFree, "launch a graph")
	must(t, g.Free())
	wants(t, g.Free(), FreedTwice, "")
	wants(t, g.Launch(s), UsedAfterFree, "the graph was freed")
	must(t, c.Close())
}
