//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
)

// withDriver is the program built with the driver, on a fake one of its own.
type withDriver struct{ program, dir string }

// buildWithDriver builds it, and twins of the kernels where they are wanted.
func buildWithDriver(t *testing.T, twins bool) (withDriver, []string) {
	t.Helper()
	w := withDriver{dir: t.TempDir()}
	w.program = filepath.Join(w.dir, "neq")
	if out, err := exec.Command("go", "build", "-tags", "gpu", "-o", w.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := fake.Build(w.dir); err != nil {
		t.Fatal(err)
	}
	if !twins {
		return w, nil
	}
	path, err := filepath.Abs("../../cuda/kernels/nets/nets.cu")
	if err != nil {
		t.Fatal(err)
	}
	nets, err := fake.Twin(w.dir, "nets", "#pragma GCC optimize(\"O2\")\n#define NETS_TWIN\n#include \""+path+"\"\n")
	if err != nil {
		t.Fatal(err)
	}
	return w, []string{nets}
}

// run is neq on the fake driver with settings.
func (w withDriver) run(t *testing.T, dir, settings string, twins []string, args ...string) result {
	t.Helper()
	c := exec.Command(w.program, args...)
	c.Dir, c.Env = dir, append(fake.Environ(w.dir, false, settings, twins...), "CUDA_VISIBLE_DEVICES=0")
	if strings.Contains(settings, "hidden") {
		c.Env = append(c.Env, "CUDA_VISIBLE_DEVICES=")
	}
	if strings.Contains(settings, "absent") {
		c.Env = append(c.Env, "LD_LIBRARY_PATH=")
	}
	return wait(t, start(t, c))
}

// The doctor says what is there, why it is not used, and what to do.
func TestDoctorOnDrivers(t *testing.T) {
	t.Parallel()
	w, _ := buildWithDriver(t, false)
	for _, c := range []struct {
		settings string
		says     []string
	}{
		{"absent", []string{"none is used: there is", "(libcuda.so.1)"}},
		{"init=100", []string{"none is used", "see nvidia-smi"}},
		{"devices=0,hidden", []string{`CUDA_VISIBLE_DEVICES="" hides every GPU`, "-> unset it"}},
		{"version=10020", []string{"the driver is for CUDA 10.2", "install driver 450 or newer"}},
		{"major=7", []string{"compute capability is 7.0", "8.0 (Ampere) or newer", "GPU 0"}},
		{"context=46", []string{"in exclusive use by another process", "nvidia-smi"}},
		{"init=803", []string{"different versions", "restart the machine"}},
		{"crash=1", []string{"the driver ended the probe (SIGSEGV", "install the driver again"}},
		{"devices=2", []string{"GPU driver", "CUDA 12.4", "GPU 0", "GPU 1", "Fake GPU 1, compute 9.0", "cuBLAS", "not found: neq's own matrix product is used",
			"-> libcublas 11, 12 or 13", "to simulate", "the GPUs are not used: ", "to train"}}, // no twins: it cannot compute
	} {
		if c.settings == "absent" && driver.Probe(t.Context()).Usable {
			continue // this machine's own is found
		}
		r := w.run(t, t.TempDir(), c.settings, nil, "doctor")
		for _, s := range c.says {
			if r.code != 0 || !strings.Contains(r.out, s) {
				t.Errorf("%s: want %q: %s", c.settings, s, r.said())
			}
		}
		if strings.Contains(r.out, "driver.") {
			t.Errorf("%s: it speaks Go: %s", c.settings, r.out)
		}
	}
}

// A fit in bfloat16 and its scores, on the program's own GPU.
func TestTrainAndEvalOnGPU(t *testing.T) {
	t.Parallel()
	w, twins := buildWithDriver(t, true)
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	ok := func(r result) result {
		t.Helper()
		if r.code != 0 {
			t.Fatal(r.said())
		}
		return r
	}
	ok(w.run(t, dir, "", twins, "train", "run.yaml", "--data", "data", "--out", "fit", "--device", "cuda", "--precision", "bf16", "--set", "training.steps=10"))
	m, err := os.ReadFile(filepath.Join(dir, "fit", "model.json"))
	if err != nil || !strings.Contains(string(m), `"precision": "bf16"`) {
		t.Errorf("model.json does not say its precision: %v", err)
	}
	var scores [2]struct {
		Fidelity struct {
			AUC  float64 `json:"auc"`
			RMSE float64 `json:"voltage_rmse_mv"`
		}
	}
	for i, device := range []string{"cpu", "cuda:0"} {
		r := ok(w.run(t, dir, "", twins, "eval", "fit", "--data", "data", "--device", device, "--json"))
		if err := json.Unmarshal([]byte(r.out), &scores[i]); err != nil {
			t.Fatal(err)
		}
	}
	a, b := scores[0].Fidelity, scores[1].Fidelity
	if !(math.Abs(a.AUC-b.AUC) <= 1e-3 && math.Abs(a.RMSE-b.RMSE) <= 1e-3) || a.RMSE == 0 { // float32's rounding, few spikes
		t.Errorf("AUC %g and %g, RMSE %g and %g mV on the CPU and the GPU", a.AUC, b.AUC, a.RMSE, b.RMSE)
	}
	r := ok(w.run(t, dir, "", twins, "train", "run.yaml", "--data", "data", "--out", "other", "--device", "cpu", "--precision", "tf32", "--set", "training.steps=2"))
	if strings.Count(r.err, "the CPU trains in float32") != 1 {
		t.Errorf("tf32 on the CPU: %s", r.said())
	}
	if r := w.run(t, dir, "devices=0", twins, "eval", "fit", "--data", "data", "--device", "cuda"); r.code != exitFailed || !strings.Contains(r.err, "--device cuda") {
		t.Errorf("no GPU: %s", r.said())
	}
	if r := w.run(t, dir, "devices=1", twins, "eval", "fit", "--data", "data", "--device", "cuda:9"); r.code != exitFailed || !strings.Contains(r.err, "counted from 0") {
		t.Errorf("GPU 9 of 1: %s", r.said())
	}
}
