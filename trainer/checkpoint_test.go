package trainer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"neq/internal/atomicfile"
	"neq/internal/safetensors"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// interrupted leaves a fit with checkpoints of steps 9 and 10.
func interrupted(t *testing.T) FitOptions {
	t.Helper()
	o := quick()
	o.Config.ValidateEvery, o.Config.CheckpointEvery = 5, 1e-9
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Step == 10 && !p.Validated {
			cancel()
		}
	}}
	var in *InterruptedError
	if _, err := Fit(ctx, o); !errors.As(err, &in) {
		t.Fatal(err)
	}
	o.Hooks, o.Resume = nil, true
	return o
}

func TestDamagedCheckpoints(t *testing.T) {
	o := interrupted(t)
	cp := func(name string) string { return filepath.Join(o.OutDir, checkpointFolder, "step-000000010", name) }
	other, err := surrogates.New(surrogates.Spec{Family: "filter", Window: 50}, surrogates.PlainInputs(11), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := encode(tensorsOf(other))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 4
		return b
	}
	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte
		want       []string
	}{
		{"flipped bit", weightsFile, flip, []string{weightsFile, "damaged", "to go on from step 9"}},
		{"flipped bit", optimiserFile, flip, []string{optimiserFile, "damaged"}},
		{"flipped bit", bestFile, flip, []string{bestFile, "damaged"}},
		{"flipped digit", stateFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"step": 10`), []byte(`"step": 12`), 1) }, []string{stateFile, "checksum"}},
		{"another version", stateFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"format": 1`), []byte(`"format": 9`), 1) }, []string{stateFile, "has format 9, this version reads 1"}},
		{"truncated", weightsFile, func(b []byte) []byte { return b[:len(b)-3] }, []string{weightsFile, "bytes, want"}},
		{"truncated", stateFile, func(b []byte) []byte { return b[:len(b)/2] }, []string{stateFile, "damaged"}},
		{"empty", stateFile, func([]byte) []byte { return nil }, []string{stateFile, "damaged"}},
		{"gone", optimiserFile, nil, []string{optimiserFile, "no such file"}},
	} {
		good, err := os.ReadFile(cp(c.file))
		if err != nil {
			t.Fatal(err)
		}
		if c.change == nil {
			err = os.Remove(cp(c.file))
		} else {
			err = os.WriteFile(cp(c.file), c.change(good), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Fit(context.Background(), o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v, want %q", c.name, c.file, err, want)
			}
		}
		if err := os.WriteFile(cp(c.file), good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Weights of another architecture, with the checksum that is theirs.
	net, err := surrogates.New(o.Spec, surrogates.PlainInputs(11), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	err = decodeWeights("some/weights.safetensors", foreign, net)
	for _, want := range []string{"some/weights.safetensors", `"layer0.weight"`, "[11 50 1]", "[11 60 1]", "another architecture"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("foreign weights: %v, want %q", err, want)
		}
	}
	if b, err := encode([]safetensors.Tensor{{Name: "x", Shape: []int{1}, Data: []float32{1}}}); err != nil || decodeWeights("w", b, net) == nil {
		t.Errorf("weights without a tensor: %v", err)
	}
	// The newest removed, as the error says: the one before it goes on, and ends as if nothing had happened.
	if err := os.RemoveAll(filepath.Join(o.OutDir, checkpointFolder, "step-000000010")); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(o.OutDir, metricsFile), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := Fit(context.Background(), o); err == nil || !strings.Contains(err.Error(), "metrics.jsonl has 10 bytes") {
		t.Errorf("metrics cut: %v", err)
	}
}

func TestGoesOnFromTheCheckpointBefore(t *testing.T) {
	o := interrupted(t)
	if err := os.RemoveAll(filepath.Join(o.OutDir, checkpointFolder, "step-000000010")); err != nil {
		t.Fatal(err)
	}
	mustFit(t, o)
	got := outputOf(t, o.OutDir)
	o.Resume, o.OutDir = false, filepath.Join(t.TempDir(), "whole")
	mustFit(t, o)
	got.same(t, outputOf(t, o.OutDir), "from the checkpoint before")
}

// A disk that fills at any point is an error, leaves nothing that looks whole, and with room again the fit ends as if
// nothing had happened.
func TestFullDisk(t *testing.T) {
	o := quick()
	o.Config.Steps, o.Config.ValidateEvery, o.Config.CheckpointEvery = 6, 3, 1e-9
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "whole")
	mustFit(t, o)
	whole := outputOf(t, o.OutDir)
	for _, room := range []int64{0, 3000, 9500, 45000, 80000} {
		o.OutDir, o.Resume = filepath.Join(t.TempDir(), "full"), true
		o.disk.Fault = atomicfile.FullAfter(room)
		_, err := Fit(context.Background(), o)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d bytes of room: %v", room, err)
		}
		if _, err := Load(o.OutDir); err == nil {
			t.Errorf("%d bytes of room: the model loads", room)
		}
		o.disk.Fault = nil
		mustFit(t, o)
		outputOf(t, o.OutDir).same(t, whole, "after a full disk")
	}
}

func TestDamagedModel(t *testing.T) {
	o := quick()
	o.Config.Steps = 2
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	mustFit(t, o)
	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte
		want       string
	}{
		{"flipped bit", weightsFile, func(b []byte) []byte { b[len(b)-2] ^= 1; return b }, "weights.safetensors: checksum"},
		{"truncated", weightsFile, func(b []byte) []byte { return b[:len(b)-1] }, "weights.safetensors has"},
		{"truncated", modelFile, func(b []byte) []byte { return b[:len(b)-9] }, "model.json is damaged"},
		{"of another version", modelFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"format": 1`), []byte(`"format": 9`), 1) }, "format 9"},
		{"another architecture", modelFile, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"window_ms": 60`), []byte(`"window_ms": 61`), 1)
		}, `"layer0.weight" has shape [11 60 1]`},
		{"no scale", modelFile, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"voltage_sd_mv": `), []byte(`"voltage_sd_mv": -`), 1)
		}, "voltage_sd_mv"},
	} {
		path := filepath.Join(o.OutDir, c.file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, c.change(bytes.Clone(good)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(o.OutDir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.name, c.file, err, c.want)
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzState feeds state.json to the reader of checkpoints: an error or a state, never a panic.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"format":1,"step":3,"best":{"step":2,"score":1,"auc":null},"identity":{"surrogate":{}},"files":{"weights.safetensors":{"bytes":8,"sha256":"x"}},"checksum":""}`))
	f.Add([]byte(`{"format":1,"identity":null,"files":null}`))
	f.Add([]byte(`null`))
	net, err := surrogates.New(surrogates.Spec{Family: "filter", Window: 2}, surrogates.PlainInputs(1), 0, 1)
	if err != nil {
		f.Fatal(err)
	}
	solver, err := ops.NewSolver("adam", ops.SolverOptions{})
	if err != nil {
		f.Fatal(err)
	}
	defer solver.Close()
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(filepath.Join(dir, stateFile), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if s, _, err := readState(dir, identity{}, net, solver); err == nil {
			t.Errorf("a state without weights was read: %+v", s)
		}
	})
}
