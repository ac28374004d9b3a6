//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

func TestMemory(t *testing.T) {
	if !lab.Within(t, "memory=1000000", false) {
		return
	}
	c, s, _ := device(t)
	free, total, err := c.Memory()
	must(t, err)
	if free != 1000000 || total != 1000000 {
		t.Errorf("%d of %d bytes free", free, total)
	}
	x, err := Alloc[float32](c, 1000)
	must(t, err)
	y, err := Alloc[float32](c, 1000)
	must(t, err)
	if held, n := c.Held(); held != 8000 || n != 2 {
		t.Errorf("%d bytes in %d buffers held", held, n)
	}
	in, out := ramp(1000), make([]float32, 1000)
	must(t, x.Write(s, in))
	must(t, y.Copy(s, x))
	must(t, y.Read(s, out))
	if !slices.Equal(in, out) {
		t.Error("a round trip changed the data")
	}
	part, err := y.Part(10, 20)
	must(t, err)
	must(t, part.Zero(s))
	must(t, y.Read(s, out))
	clear(in[10:20])
	if !slices.Equal(in, out) {
		t.Error("clearing a part cleared something else")
	}
	deep, err := part.Part(2, 5)
	must(t, err)
	if deep.Addr() != y.Addr()+12*4 || deep.Len() != 3 || deep.Bytes() != 12 {
		t.Errorf("a part of a part: %d elements %d bytes in", deep.Len(), deep.Addr()-y.Addr())
	}

	wants(t, x.Write(s, in[:999]), BadSize, "999 elements to or from a buffer of 1000")
	wants(t, x.Read(s, nil), BadSize, "0 elements")
	wants(t, x.Copy(s, part), BadSize, "10 elements")
	for _, r := range [][2]int{{-1, 5}, {5, 5}, {0, 1001}, {7, 3}} {
		if _, err := x.Part(r[0], r[1]); !errors.Is(err, BadSize) {
			t.Errorf("part %v: %v", r, err)
		}
	}
	for _, n := range []int{0, -4, math.MaxInt} {
		if _, err := Alloc[float64](c, n); !errors.Is(err, BadSize) {
			t.Errorf("%d elements: %v", n, err)
		}
	}
	wants(t, part.Free(), BadArgument, "free the whole")

	_, err = Alloc[byte](c, 999999)
	wants(t, err, OutOfMemory, "has 992.0 kB free of 1.0 MB, 8000 bytes of them held here")
	must(t, x.Free())
	wants(t, x.Free(), FreedTwice, "freed before")
	wants(t, x.Write(s, in), UsedAfterFree, "was freed")
	wants(t, y.Copy(s, x), UsedAfterFree, "was freed")
	_, err = x.Part(0, 1)
	wants(t, err, UsedAfterFree, "was freed")
	must(t, y.Free())
	wants(t, part.Zero(s), UsedAfterFree, "was freed")
	if free, _, err := c.Memory(); err != nil || free != 1000000 {
		t.Errorf("%d bytes free after all was freed: %v", free, err)
	}
	must(t, s.Free())
	wants(t, s.Free(), FreedTwice, "")
	wants(t, s.Wait(), UsedAfterFree, "")
	must(t, c.Close())
	wants(t, c.Close(), FreedTwice, "")
	_, err = Alloc[byte](c, 1)
	wants(t, err, UsedAfterFree, "was closed")
}

// Sends and fetches run when something waits for them and not before; the fake driver is as lazy as it may be.
func TestPinned(t *testing.T) {
	if !lab.Within(t, "pinned=100000", false) {
		return
	}
	c, s, _ := device(t)
	_, err := Pin[float64](c, 100000)
	wants(t, err, OutOfMemory, "no more memory to pin")
	p, err := Pin[int32](c, 100)
	must(t, err)
	q, err := Pin[int32](c, 100)
	must(t, err)
	d, err := Alloc[int32](c, 100)
	must(t, err)
	for i := range p.Slice() {
		p.Slice()[i], q.Slice()[i] = int32(i), -7
	}
	must(t, d.Send(s, p))
	must(t, d.Fetch(s, q))
	if q.Slice()[50] != -7 {
		t.Error("the fake driver did not wait")
	}
	e, err := c.NewEvent()
	must(t, err)
	_, err = e.Since(e)
	wants(t, err, BadArgument, "never recorded")
	must(t, s.Record(e))
	for passed := false; !passed; {
		passed, err = e.Passed()
		must(t, err)
	}
	if !slices.Equal(p.Slice(), q.Slice()) {
		t.Error("a round trip changed the data")
	}

	// A second stream waits, on the device, for the first.
	s2, err := c.NewStream()
	must(t, err)
	must(t, d.Zero(s))
	must(t, s.Record(e))
	must(t, s2.After(e))
	must(t, d.Fetch(s2, q))
	must(t, s2.Wait())
	if q.Slice()[99] != 0 {
		t.Error("the second stream did not wait for the first")
	}
	e2, err := c.NewEvent()
	must(t, err)
	must(t, s2.Record(e2))
	must(t, e2.Wait())
	if ms, err := e2.Since(e); err != nil || ms < 0 || ms > 60000 {
		t.Errorf("%g ms: %v", ms, err)
	}

	part, err := p.Part(90, 100)
	must(t, err)
	wants(t, d.Send(s, part), BadSize, "10 elements")
	dp, err := d.Part(0, 10)
	must(t, err)
	must(t, dp.Send(s, part))
	must(t, d.Fetch(s, q))
	must(t, c.Synchronize())
	if q.Slice()[9] != 99 || q.Slice()[10] != 0 {
		t.Errorf("a part was sent elsewhere: %v", q.Slice()[:12])
	}
	wants(t, part.Free(), BadArgument, "free the whole")
	must(t, d.Fetch(s, q))
	must(t, q.Free()) // which waits for the copy
	wants(t, q.Free(), FreedTwice, "")
	wants(t, d.Fetch(s, q), UsedAfterFree, "")
	if q.Slice() != nil {
		t.Error("freed memory was given out")
	}
	must(t, e.Free())
	wants(t, e.Free(), FreedTwice, "")
	wants(t, s.Record(e), UsedAfterFree, "")
	must(t, c.Close())
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

func TestLoadRefused(t *testing.T) {
	if !lab.Within(t, "isa=74", false) {
		return
	}
	c, _, _ := device(t)
	_, err := c.Load("bad.ptx", strings.Replace(testPTX, "{ ret; }", "{ this is no instruction }", 1))
	wants(t, err, BadPTX, "its compiler says: ptxas fake, line 6; fatal   : Parsing error near 'this'")
	_, err = c.Load("new.ptx", strings.Replace(testPTX, ".version 7.0", ".version 8.4", 1))
	wants(t, err, DriverTooOld, "the driver (CUDA 12.4) is too old for PTX 8.4")
	_, err = c.Load("no.ptx", "hello")
	wants(t, err, BadPTX, "no .version")
	must(t, c.Close())
}

// A kernel that writes one byte past its buffer ends the context, and all later calls say so.
func TestFault(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c, s, m := device(t)
	k, err := m.Kernel("beyond")
	must(t, err)
	x, err := Alloc[byte](c, 100)
	must(t, err)
	must(t, k.Launch(s, Shape{}, x, uint32(99)))
	must(t, s.Wait())
	must(t, k.Launch(s, Shape{}, x, uint32(100)))
	wants(t, s.Wait(), KernelFault, "please report")
	wants(t, x.Zero(s), KernelFault, "the GPU was lost before this")
	_, _, err = c.Memory()
	wants(t, err, KernelFault, "")
	if c.Lost() == nil {
		t.Error("not lost")
	}
	must(t, c.Close()) // what was lost was said
}

// Wherever the device is lost, the program gets one typed error and goes on.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		at, code int
		kind     Kind
	}{
		{1, 719, DeviceLost}, {2, 719, DeviceLost}, {3, 719, DeviceLost}, {5, 719, DeviceLost}, {7, 719, DeviceLost}, {9, 719, DeviceLost},
		{12, 719, DeviceLost}, {13, 719, DeviceLost}, {14, 719, DeviceLost}, {20, 719, DeviceLost},
		{13, 214, DeviceLost}, {13, 999, DeviceLost}, {13, 702, TimedOut}, {13, 700, KernelFault},
	} {
		t.Run(fmt.Sprintf("%d at %d", c.code, c.at), func(t *testing.T) {
			if lab.Within(t, fmt.Sprintf("lost=%d,lostcode=%d", c.at, c.code), false) {
				wants(t, work(), c.kind, "gpu: ")
			}
		})
	}
}

// work is a short run through the interface, without a probe, whose calls would be lost as well.
func work() error {
	st := Status{Devices: []DeviceInfo{{Name: "Fake", MaxThreads: 1024, MaxGrid: [3]int{1 << 30, 1, 1}, MaxBlock: [3]int{1024, 1, 1}, SharedPerBlock: 49152, Usable: true}}, Usable: true}
	c, err := st.Open(0)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewStream()
	if err != nil {
		return err
	}
	m, err := c.Load("test.ptx", testPTX)
	if err != nil {
		return err
	}
	k, err := m.Kernel("saxpy")
	if err != nil {
		return err
	}
	x, err := Alloc[float32](c, 100)
	if err != nil {
		return err
	}
	y, err := Alloc[float32](c, 100)
	if err != nil {
		return err
	}
	for range 4 {
		if err := x.Write(s, ramp(100)); err != nil {
			return err
		}
		if err := y.Zero(s); err != nil {
			return err
		}
		if err := k.Launch(s, Threads(100, 32), x, y, float32(1), int32(100)); err != nil {
			return err
		}
		if err := y.Read(s, make([]float32, 100)); err != nil {
			return err
		}
	}
	return errors.Join(x.Free(), y.Free(), m.Free(), s.Free())
}

func TestWork(t *testing.T) {
	if lab.Within(t, "", false) {
		must(t, work())
	}
}

// Two devices at once, from many goroutines.
func TestTwoDevices(t *testing.T) {
	if !lab.Within(t, "devices=2", false) {
		return
	}
	st := Probe(context.Background())
	a, err := st.Open(0)
	must(t, err)
	b, err := st.Open(1)
	must(t, err)
	sa, err := a.NewStream()
	must(t, err)
	x, err := Alloc[float32](b, 10)
	must(t, err)
	wants(t, x.Zero(sa), BadArgument, "cuda:1 Fake GPU 1")
	e, err := b.NewEvent()
	must(t, err)
	wants(t, sa.After(e), BadArgument, "cuda:1")
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		c := []*Context{a, b}[i%2]
		all.Go(func() {
			errs[i] = func() error {
				s, err := c.NewStream()
				if err != nil {
					return err
				}
				y, err := Alloc[float32](c, 100)
				if err != nil {
					return err
				}
				in, out := ramp(100), make([]float32, 100)
				for range 50 {
					in[3]++
					if err := errors.Join(y.Write(s, in), y.Read(s, out)); err != nil {
						return err
					}
					if !slices.Equal(in, out) {
						return errors.New("a round trip changed the data")
					}
				}
				return errors.Join(y.Free(), s.Free())
			}()
		})
	}
	all.Wait()
	must(t, errors.Join(errs...))
	must(t, a.Close())
	must(t, b.Close())
}
