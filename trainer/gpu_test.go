//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package trainer

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, fake.Source{Name: "nets", File: "../cuda/kernels/nets/nets.cu", Before: "#pragma GCC optimize(\"O2\")\n#define NETS_TWIN\n"}))
}

// A fit on the GPU (the fake one) that is interrupted there, goes on on the CPU and ends on the GPU, is the fit the CPU
// makes, up to what float32 sums in another order leave after 40 steps of Nadam.
func TestFitMovesBetweenDevices(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	gpu, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if bytes, n := gpu.Held(); n > 0 {
			t.Errorf("%d buffers of %d bytes are left on the device", n, bytes)
		}
		if err := gpu.Close(); err != nil {
			t.Error(err)
		}
	}()
	o := quick()
	o.Config.Steps, o.Config.ValidateEvery, o.Config.Window, o.Config.Batch = 40, 10, 100, 4
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "cpu")
	want, err := Fit(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.OutDir = filepath.Join(t.TempDir(), "gpu")
	for i, stop := range []int{13, 27, 0} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o.GPU = nil
		if i != 1 {
			o.GPU = gpu
		}
		o.Hooks = []func(Progress){func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		}}
		_, err := Fit(ctx, o)
		var in *InterruptedError
		if stop > 0 && !errors.As(err, &in) || stop == 0 && err != nil {
			t.Fatalf("stop at %d: %v", stop, err)
		}
		o.Resume = true
	}
	a, err := Load(want.Dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load(o.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	worst, moved := 0.0, 0.0
	for i, w := range a.Network.Weights() {
		for j, x := range values(w) {
			worst = max(worst, math.Abs(float64(x-values(b.Network.Weights()[i])[j])))
			moved = max(moved, math.Abs(float64(x)))
		}
	}
	if worst > 2e-3 || moved < 0.1 {
		t.Errorf("weights up to %g are %g apart", moved, worst)
	}
	x, y := losses(t, want.Dir), losses(t, o.OutDir)
	if len(x) == 0 || len(x) != len(y) {
		t.Fatalf("%d and %d lines of losses", len(x), len(y))
	}
	for i := range x {
		if math.Abs(x[i]-y[i]) > 1e-3*x[i] {
			t.Errorf("line %d: loss %g and %g", i, x[i], y[i])
		}
	}
	if d := math.Abs(a.Validation.AUC - b.Validation.AUC); d > 2e-3 {
		t.Errorf("validation AUC %g and %g", a.Validation.AUC, b.Validation.AUC)
	}
}

// A GPU that is lost in the middle of a fit ends it with a clear error, and the CPU goes on from the last checkpoint.
func TestFitOnALostGPU(t *testing.T) {
	if !lab.Within(t, "lost=1000", false) {
		return
	}
	gpu, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gpu.Close()
	o := quick()
	o.Config.Steps, o.Config.Window, o.Config.Batch, o.Config.CheckpointEvery = 100, 50, 2, 1e-9
	o.DataDir, o.OutDir, o.GPU = small().write(t), filepath.Join(t.TempDir(), "fit"), gpu
	if _, err := Fit(context.Background(), o); !errors.Is(err, driver.DeviceLost) {
		t.Fatalf("error %v, want a lost device", err)
	}
	if list, err := filepath.Glob(filepath.Join(o.OutDir, checkpointFolder, stepPrefix+"*")); err != nil || len(list) == 0 {
		t.Fatalf("no checkpoint was left: %v", err)
	}
	o.GPU, o.Resume = nil, true
	if _, err := Fit(context.Background(), o); err != nil {
		t.Error(err)
	}
}

func TestOpenGPUs(t *testing.T) {
	if !lab.Within(t, "devices=2", false) {
		return
	}
	for want, n := range map[string]int{"auto": 2, "cuda": 2, "cuda:1": 1, "cpu": 0} {
		gpus, why, err := OpenGPUs(t.Context(), want)
		if err != nil || len(gpus) != n || (want == "auto") && why == "" {
			t.Errorf("%s: %d GPUs, %q, %v", want, len(gpus), why, err)
		}
		for _, c := range gpus {
			if bytes, n := c.Held(); n > 0 {
				t.Errorf("%s: the check left %d buffers of %d bytes", want, n, bytes)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, want := range []string{"cuda:7", "cuda:-1", "gpu"} {
		if _, _, err := OpenGPUs(t.Context(), want); err == nil {
			t.Errorf("%s: no error", want)
		}
	}
}

// Without a driver auto is the CPU, and says why; cuda never falls back.
func TestOpenGPUsWithoutOne(t *testing.T) {
	if driver.Probe(t.Context()).Usable {
		t.Skip("this machine has a GPU")
	}
	if gpus, why, err := OpenGPUs(t.Context(), "auto"); err != nil || gpus != nil || why == "" {
		t.Errorf("auto: %v, %q, %v", gpus, why, err)
	}
	if _, _, err := OpenGPUs(t.Context(), "cuda"); err == nil {
		t.Error("cuda fell back")
	}
}
