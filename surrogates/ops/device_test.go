//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, fake.Source{Name: "nets", File: "../../cuda/kernels/nets/nets.cu", Before: "#pragma GCC optimize(\"O2\")\n#define NETS_TWIN\n"}))
}

func device(t *testing.T, o DeviceOptions) *Device {
	t.Helper()
	c, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDevice(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if bytes, n := c.Held(); n > 0 && c.Lost() == nil {
			t.Errorf("%d buffers of %d bytes are left on the device", n, bytes)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestSolverOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testSolver(t, bench{device(t, DeviceOptions{})})
	}
}

func TestAdamWOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testAdamW(t, bench{device(t, DeviceOptions{})})
	}
}

func TestSolverAccumulatesOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testSolverAccumulates(t, bench{device(t, DeviceOptions{})})
	}
}

func TestSolverRestoreOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testSolverRestore(t, bench{device(t, DeviceOptions{})})
	}
}

// A checkpoint moves between devices: steps made on one after the other are those of either.
func TestSolverMovesBetweenDevices(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	names := []string{"a", "b", "c"}
	on := bench{device(t, DeviceOptions{})}
	for _, kind := range []string{"adam", "nadam"} {
		whole, moving := tensors(1), tensors(1)
		s := newSolver(t, kind, SolverOptions{Names: names, ClipNorm: 3})
		a := newSolver(t, kind, SolverOptions{Names: names, ClipNorm: 3, Device: on.device})
		on.place(t, moving)
		for i := range 12 {
			if err := s.Step(whole, tensors(uint64(i)), 0.01); err != nil {
				t.Fatal(err)
			}
			if i == 4 || i == 8 { // to the CPU and back
				to := newSolver(t, kind, SolverOptions{Names: names, ClipNorm: 3})
				if i == 8 {
					to = newSolver(t, kind, SolverOptions{Names: names, ClipNorm: 3, Device: on.device})
				}
				if err := a.ReadBack(); err != nil {
					t.Fatal(err)
				}
				if err := to.Restore(a.State()); err != nil {
					t.Fatal(err)
				}
				a = to
				if i == 4 {
					on.back(t, moving)
				} else if err := on.device.Upload(moving...); err != nil {
					t.Fatal(err)
				}
			}
			grads := tensors(uint64(i))
			if i < 4 || i >= 8 {
				on.place(t, grads)
			}
			if err := a.Step(moving, grads, 0.01); err != nil {
				t.Fatal(err)
			}
		}
		on.back(t, moving)
		for i := range whole {
			for j, w := range floats(whole[i]) { // 12 steps of 0.01, rounded apart in their last bits
				if x := floats(moving[i])[j]; math.Abs(float64(x-w)) > 2e-6 {
					t.Fatalf("%s: weight %d of %s is %v, on the CPU %v", kind, j, names[i], x, w)
				}
			}
		}
	}
}

// A gradient that is not finite stops all later steps, is reported by name and step, and leaves State as read back.
func TestSolverRefusesOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		on := bench{device(t, DeviceOptions{})}
		s := newSolver(t, "adam", SolverOptions{ClipNorm: 1, Names: []string{"a", "b", "c"}, Device: on.device})
		params := on.place(t, tensors(1))
		for i := range 3 {
			if err := s.Step(params, on.place(t, tensors(uint64(i))), 0.1); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.ReadBack(); err != nil {
			t.Fatal(err)
		}
		on.back(t, params)
		var want [][]float32
		for _, p := range params {
			want = append(want, slices.Clone(floats(p)))
		}
		grads := tensors(2)
		floats(grads[2])[pieceSize+3] = float32(bad)
		on.place(t, grads)
		good := on.place(t, tensors(3))
		err := s.Step(params, grads, 0.1) // queued: what is wrong shows later
		for i := 0; err == nil && i < 2*reportEvery; i++ {
			if err = s.Step(params, good, 0.1); err == nil {
				err = on.device.Wait()
			}
		}
		if err == nil || !strings.Contains(err.Error(), "gradient of c is not finite at step 4") {
			t.Errorf("%v: %v", bad, err)
		}
		if e := s.ReadBack(); e == nil || e.Error() != err.Error() {
			t.Errorf("read back: %v", e)
		}
		on.back(t, params)
		for i, p := range params {
			if !slices.Equal(floats(p), want[i]) {
				t.Errorf("%v: %d moved with or after the bad gradient", bad, i)
			}
		}
		if s.Steps() != 3 {
			t.Errorf("%d steps, want 3", s.Steps())
		}
	}
}

func TestNoBodyForGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	d := device(t, DeviceOptions{})
	b, err := NewDeviceBuilder(d, true, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := G.NewGraph()
	host := []*tensor.Dense{tensor.New(tensor.WithShape(2, 3), tensor.WithBacking(make([]float32, 6)))}
	bench{d}.place(t, host)
	x := G.NewTensor(g, tensor.Float32, 2, G.WithShape(2, 3), G.WithValue(d.Resident(host[0])))
	if _, err := b.apply("scan", x.Shape(), nil, nil, nil, nil, x); err == nil || !strings.Contains(err.Error(), "scan has no body for a GPU: train this network with --device cpu") {
		t.Errorf("an op without a GPU body: %v", err)
	}
	if err := OnDevice(g); err != nil {
		t.Errorf("a graph of a weight alone: %v", err)
	}
	G.Must(G.Square(x))
	if err := OnDevice(g); err == nil || !strings.Contains(err.Error(), "no body for a GPU") {
		t.Errorf("a graph with gorgonia's own op: %v", err)
	}
	if _, err := d.tensor(tensor.Shape{1 << 20, 1 << 12}); err == nil || !strings.Contains(err.Error(), "smaller batch") {
		t.Errorf("a tensor of 2^32 elements: %v", err)
	}
}
