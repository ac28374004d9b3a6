package driver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func text(s string) *string { return &s }

func TestDiagnose(t *testing.T) {
	good := report{Loaded: true, Version: 12040, Listed: true, Done: true,
		Devices: []DeviceInfo{{Name: "A", Usable: true}, {Index: 1, Name: "B", Kind: Busy, Why: "busy"}}}
	start := func(init int) report {
		return report{Loaded: true, Version: 12040, Init: init, Listed: true, Done: true}
	}
	for _, c := range []struct {
		name string
		f    facts
		kind Kind
		says string
	}{
		{"one of two is good", facts{report: good}, 0, "CUDA 12.4"},
		{"no library", facts{report: report{Listed: true, Trouble: "libcuda.so.1: cannot open shared object file: No such file or directory"}}, NoDriver, "no NVIDIA GPU to be seen"},
		{"no library, but a GPU", facts{report: report{Listed: true}, onBus: true}, NoDriver, "install the driver"},
		{"a library that does not load", facts{report: report{Listed: true, Trouble: "libcuda.so.1: invalid ELF header"}}, NoDriver, "invalid ELF header"},
		{"no device", facts{report: start(100)}, NoDevice, "sees no GPU"},
		{"none counted", facts{report: start(0)}, NoDevice, "sees no GPU"},
		{"not in the container", facts{report: start(100), onBus: true}, NoDevice, "--gpus all"},
		{"hidden", facts{report: start(100), visible: text("")}, Hidden, `CUDA_VISIBLE_DEVICES=""`},
		{"hidden by -1", facts{report: start(100), visible: text("-1"), denied: "/dev/nvidia0"}, Hidden, "unset it"},
		{"hidden by a wrong index", facts{report: start(100), visible: text("9")}, Hidden, "names no GPU"},
		{"named, not hidden, denied", facts{report: start(100), visible: text("0"), denied: "/dev/nvidia0"}, NoPermission, "/dev/nvidia0"},
		{"denied", facts{report: start(999), denied: "/dev/nvidiactl"}, NoPermission, "ls -l /dev/nvidiactl"},
		{"unknown at start is not a lost GPU", facts{report: start(999)}, Failed, "CUDA_ERROR_UNKNOWN"},
		{"versions differ", facts{report: start(803)}, DriverMismatch, "restart the machine"},
		{"not ready", facts{report: start(802)}, DriverNotReady, "nvidia-fabricmanager"},
		{"a stub", facts{report: start(34)}, NoDriver, "LD_LIBRARY_PATH"},
		{"a code that has no name", facts{report: start(555)}, Failed, "CUDA error 555"},
		{"old", facts{report: report{Loaded: true, Version: 10020, Listed: true, Done: true}}, DriverTooOld, "CUDA 10.2"},
		{"crashed", facts{report: report{Stage: "cuInit"}, child: "SIGSEGV"}, Crashed, "SIGSEGV, in cuInit"},
		{"hung", facts{report: report{Stage: "GPU 0"}, hung: true, limit: "40s", child: "no answer"}, Hung, "within 40s (GPU 0)"},
		{"no child", facts{child: "fork: resource temporarily unavailable"}, Failed, "fork"},
		{"cuBLAS crashed: the GPU is good", facts{report: func() report { r := good; r.Done = false; return r }(), child: "SIGSEGV"}, 0, "no cuBLAS"},
		{"no device is good", facts{report: report{Loaded: true, Version: 12040, Listed: true, Devices: good.Devices[1:]}}, Busy, "GPU 1 (B): busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := diagnose(c.f)
			if s.Kind != c.kind || s.Usable != (c.kind == 0) || !strings.Contains(s.String(), c.says) {
				t.Errorf("kind %d usable %v: %s; want kind %d and %q", s.Kind, s.Usable, s, c.kind, c.says)
			}
			if err := s.Err(); c.kind != 0 && !errors.Is(err, c.kind) || c.kind == 0 && err != nil {
				t.Errorf("Err: %v", err)
			}
			if _, err := s.Open(0); c.kind != 0 && err == nil {
				t.Error("an unusable GPU opened")
			}
		})
	}
	if _, err := (Status{}).Open(0); !errors.Is(err, Failed) {
		t.Errorf("a machine that was not probed: %v", err)
	}
	if _, err := diagnose(facts{report: good}).Open(1); !errors.Is(err, Busy) {
		t.Errorf("the busy one of two: %v", err)
	}
	for _, i := range []int{-1, 2} {
		if _, err := diagnose(facts{report: good}).Open(i); !errors.Is(err, NoDevice) {
			t.Errorf("GPU %d of 2: %v", i, err)
		}
	}
}

// Every kind and every code has its words.
func TestKinds(t *testing.T) {
	for k := NotBuilt; k <= FreedTwice; k++ {
		if kindText[k] == "" {
			t.Errorf("kind %d has no text", k)
		}
	}
	for c, x := range codes {
		if x.kind == 0 || x.text == "" {
			t.Errorf("code %d has no kind or text", c)
		}
	}
	err := fail("allocate 4.0 GB", 2)
	if !errors.Is(err, OutOfMemory) || !strings.Contains(err.Error(), "allocate 4.0 GB: out of memory") || !strings.Contains(err.Error(), "CUDA_ERROR_OUT_OF_MEMORY") {
		t.Error(err)
	}
	if err := fail("multiply", blasCode(7)); !strings.Contains(err.Error(), "cuBLAS status 7") {
		t.Error(err)
	}
}

func TestKernelParams(t *testing.T) {
	ps, err := kernelParams(`.version 7.8
.target sm_80
// .entry not_this(.param .u64 x)
.visible .entry a(
	.param .u64 .ptr .global .align 4 a_param_0, // a pointer
	.param .align 16 .b8 a_param_1[112],
	.param .f32 a_param_2, .param .u8 a_param_3
)
.maxntid 256, 1, 1
{ ret; }
.entry b { ret; }
.visible .entry c() { ret; }`)
	if err != nil {
		t.Fatal(err)
	}
	want := []param{{'u', 8, 8}, {'a', 112, 16}, {'f', 4, 4}, {'u', 1, 1}}
	if len(ps) != 3 || len(ps["a"]) != len(want) || len(ps["b"]) != 0 || len(ps["c"]) != 0 {
		t.Fatalf("%v", ps)
	}
	for i, p := range ps["a"] {
		if p != want[i] {
			t.Errorf("parameter %d: %+v, want %+v", i, p, want[i])
		}
	}
	if major, minor := isa(".version 7.8\n"); major != 7 || minor != 8 {
		t.Errorf("isa %d.%d", major, minor)
	}
	for _, bad := range []string{"", "hello", ".version 7.0\n.entry a(.param x)", ".version 7.0\n.entry a(.reg .u64 x)", ".version 7.0\n.entry a(.param .align 3 .b8 x[4])", ".version 7.0\n.entry a(.param .b8 x[99999999])"} {
		if _, err := kernelParams(bad); !errors.Is(err, BadPTX) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The PTX in the tree is within what this package promises and reads.
func TestTree(t *testing.T) {
	files, _ := filepath.Glob("../kernels/ptx/*.ptx")
	if len(files) == 0 {
		t.Fatal("no PTX in ../kernels/ptx")
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := kernelParams(string(b))
		if err != nil || len(ps) != strings.Count(string(b), ".visible .entry ") {
			t.Errorf("%s: %d kernels, %v", f, len(ps), err)
		}
		if major, minor := isa(string(b)); major != 7 || minor != 0 {
			t.Errorf("%s is PTX %d.%d; leastDriver stands for 7.0", f, major, minor)
		}
		for name, p := range ps {
			if len(p) == 0 {
				t.Errorf("%s: %s has no parameters", f, name)
			}
		}
	}
}

func FuzzKernelParams(f *testing.F) {
	f.Add(".version 7.0\n.entry a(.param .u64 x, .param .align 8 .b8 y[112])")
	f.Fuzz(func(t *testing.T, s string) {
		ps, err := kernelParams(s)
		if err != nil {
			return
		}
		for name, list := range ps {
			for _, p := range list {
				if p.bytes < 1 || p.align < 1 || name == "" {
					t.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

func TestPack(t *testing.T) {
	type pair struct {
		A uint64
		B int32
		C float32
	}
	x := &Buffer[float32]{a: &allocation{addr: 0x1000, bytes: 64}, n: 16}
	part, err := x.Part(4, 8)
	if err != nil {
		t.Fatal(err)
	}
	v := pair{part.Addr(), -1, 0.5}
	params := []param{{'u', 8, 8}, {'u', 4, 4}, {'a', 16, 8}, {'f', 4, 4}, {'u', 1, 1}, {'b', 8, 8}}
	p, err := pack(params, []any{x, int32(-2), ByValue(&v, part), float32(1), uint8(3), float64(2)})
	if err != nil {
		t.Fatal(err)
	}
	if at := p.offsets; at[0] != 0 || at[1] != 8 || at[2] != 16 || at[3] != 32 || at[4] != 36 || at[5] != 40 {
		t.Errorf("offsets %v", at)
	}
	// Little-endian words: 0x1000 | -2 | pair | 1.0f and 3 | 2.0.
	want := []uint64{0x1000, 0xfffffffe, 0x1010, 0x3f000000ffffffff, 0x33f800000, 0x4000000000000000}
	for i, w := range want {
		if p.values[i] != w {
			t.Errorf("word %d is %#x, want %#x", i, p.values[i], w)
		}
	}
	if len(p.holds) != 2 || p.holds[0] != x.a || p.holds[1] != x.a {
		t.Errorf("holds %v", p.holds)
	}
	type pointer struct{ P *int }
	type sized struct{ N int }
	var none *Buffer[float32]
	for name, c := range map[string]struct {
		p param
		a any
	}{
		"int": {params[1], 3}, "wide": {params[1], int64(3)}, "float for integer": {params[1], float32(3)}, "integer for float": {params[3], int32(3)},
		"buffer for number": {params[1], x}, "buffer for float": {param{'f', 8, 8}, x}, "nil buffer": {params[0], none}, "nil": {params[0], nil},
		"bool": {params[4], true}, "structure of another size": {param{'a', 24, 8}, ByValue(&v)}, "number for structure": {param{'a', 8, 8}, uint64(1)},
		"pointers in a structure": {param{'a', 8, 8}, ByValue(&pointer{})}, "int in a structure": {param{'a', 8, 8}, ByValue(&sized{})}, "text": {params[0], "x"},
	} {
		if _, err := pack([]param{c.p}, []any{c.a}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := pack(params, []any{x}); err == nil {
		t.Error("too few arguments were taken")
	}
}

func TestThreads(t *testing.T) {
	d := DeviceInfo{MaxThreads: 1024, MaxGrid: [3]int{1<<31 - 1, 65535, 65535}, MaxBlock: [3]int{1024, 1024, 64}, SharedPerBlock: 49152, SharedOptIn: 100000}
	k := &Kernel{MaxThreads: 512, Shared: 1000}
	for _, c := range []struct {
		x    Shape
		good bool
	}{
		{Threads(1000, 256), true}, {Threads(1, 512), true}, {Threads(1, 513), false}, {Threads(-1, 256), false}, {Threads(10, -1), false},
		{Shape{Grid: [3]int{1, 65536}}, false}, {Shape{Block: [3]int{1, 1, 65}}, false}, {Shape{Block: [3]int{32, 32}}, false},
		{Shape{Shared: 99000}, true}, {Shape{Shared: 99001}, false}, {Shape{Shared: -1}, false},
	} {
		x := c.x
		if err := x.fits(d, k); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.x, err)
		}
	}
	if x := Threads(1000, 256); x.Grid[0] != 4 {
		t.Errorf("%d blocks of 256 for 1000", x.Grid[0])
	}
}
