package traces

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func predictionExample() PredictionInfo {
	threshold := 0.25
	return PredictionInfo{Model: "filter-10ms", Weights: "ab", Data: "cd", Neuron: "hh", Split: "test", First: 16, Samples: 7, Chunk: 3, Duration: 40,
		Threshold: &threshold, Version: "test"}
}

// predicted is what the tests write for sample i: a probability and a voltage.
func predicted(i, t int) (float32, float32) { return float32(t%10) / 16, float32(-70 + i - t%7) }

func writePredictions(t *testing.T, dir string, o Options, chunks int) {
	t.Helper()
	in := predictionExample()
	w, err := CreatePredictions(dir, in, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range w.Missing() {
		if i == chunks {
			return
		}
		first, n := w.Samples(k)
		p, v := make([]float32, n*in.Duration), make([]float32, n*in.Duration)
		for j := range p {
			p[j], v[j] = predicted(first+j/in.Duration, j%in.Duration)
		}
		if err := w.WriteChunk(k, p, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Stopped after a chunk, or with a chunk damaged, predictions are no Zarr group; resumed they are the same bytes as in one
// go. Files of others stay.
func TestPredictionsResume(t *testing.T) {
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "p")
	writePredictions(t, whole, Options{}, -1)
	want := contents(t, whole)
	writePredictions(t, dir, Options{}, 1)
	if _, err := os.Stat(filepath.Join(dir, ".zgroup")); err == nil {
		t.Error("unfinished predictions open as a Zarr group")
	}
	writePredictions(t, dir, Options{Resume: true}, -1)
	if !maps.Equal(contents(t, dir), want) {
		t.Error("resumed: other files")
	}
	for name, change := range map[string]func([]byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"flipped":   func(b []byte) []byte { b[len(b)-3] ^= 1; return b },
	} {
		path := filepath.Join(dir, "predicted_soma_v", "1.0")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(b), 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := CreatePredictions(dir, predictionExample(), Options{Resume: true})
		if err != nil {
			t.Fatal(err)
		}
		if m := w.Missing(); len(m) != 1 || m[0] != 1 || w.Commit() == nil {
			t.Errorf("%s: chunks %v are missing, want 1", name, m)
		}
		writePredictions(t, dir, Options{Resume: true}, -1)
		if !maps.Equal(contents(t, dir), want) {
			t.Errorf("%s: made again: other files", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	writePredictions(t, dir, Options{Overwrite: true}, -1)
	want["mine.txt"] = "x"
	if !maps.Equal(contents(t, dir), want) {
		t.Error("overwritten: other files")
	}
}

func TestPredictionsRefuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	writePredictions(t, dir, Options{}, -1)
	other := predictionExample()
	other.Weights = "ef"
	var mismatch *Mismatch
	if _, err := CreatePredictions(dir, other, Options{Resume: true}); !errors.As(err, &mismatch) || mismatch.Key != "weights_sha256" ||
		!strings.Contains(err.Error(), "holds predictions of something else") {
		t.Errorf("another model: %v", err)
	}
	var full *NotEmpty
	if _, err := CreatePredictions(dir, other, Options{}); !errors.As(err, &full) {
		t.Errorf("without --resume: %v", err)
	}
	set := whole(t, example())
	if _, err := CreatePredictions(set, other, Options{Overwrite: true}); err == nil || !strings.Contains(err.Error(), "holds no predictions") {
		t.Errorf("over a data set: %v", err)
	}
	path := filepath.Join(dir, predictionsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := CreatePredictions(dir, predictionExample(), Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "--overwrite") {
		t.Errorf("damaged: %v", err)
	}
	w, err := CreatePredictions(filepath.Join(t.TempDir(), "q"), predictionExample(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	nan := make([]float32, 3*40)
	nan[41] = float32(nan[0]-nan[0]) / nan[1]
	if err := w.WriteChunk(0, make([]float32, 120), nan); err == nil || !strings.Contains(err.Error(), "predicted_soma_v of sample 17 is NaN at 1 ms") {
		t.Errorf("NaN: %v", err)
	}
	if err := w.WriteChunk(2, nan, nan); err == nil || !strings.Contains(err.Error(), "120 values, want 40") {
		t.Errorf("a chunk of another length: %v", err)
	}
	for _, bad := range []PredictionInfo{{}, {Samples: 1, Chunk: 1 << 28, Duration: 2}, {Samples: 1 << 30, Chunk: 1, Duration: 1}} {
		if _, err := CreatePredictions(filepath.Join(t.TempDir(), "r"), bad, Options{}); err == nil {
			t.Errorf("%+v was begun", bad)
		}
	}
}

// xarray opens predictions and lays them beside the samples they are of.
func TestPythonOpensPredictions(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import zarr, xarray").Run(); err != nil {
		t.Skip("needs Debian's python3-zarr and python3-xarray")
	}
	dir := filepath.Join(t.TempDir(), "p")
	writePredictions(t, dir, Options{}, -1)
	in := example()
	cmd := exec.Command(debianPython, "-c", `
import sys, json, warnings, xarray
warnings.simplefilter("error", RuntimeWarning)
p, data = xarray.open_zarr(sys.argv[1]), xarray.open_zarr(sys.argv[2])
beside = data.soma_v[p.sample]
print(json.dumps({"sample": p.sample.values.tolist(), "dims": dict(p.sizes), "v": float(p.predicted_soma_v.sel(sample=22, time=5.0)),
  "p": float(p.spike_probability.sel(sample=19, time=13.0)), "nan": bool(p.predicted_soma_v.isnull().any()), "true": float(beside.sel(sample=20)[3]),
  "unit": p.predicted_soma_v.attrs["units"], "model": p.attrs["model"]}))`, dir, whole(t, in))
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Sample      []int
		Dims        map[string]int
		V, P, True  float32
		NaN         bool
		Unit, Model string
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	p, _ := predicted(19, 13)
	_, v := predicted(22, 5)
	if len(got.Sample) != 7 || got.Sample[0] != 16 || got.Dims["time"] != 40 || got.V != v || got.P != p || got.NaN || got.Unit != "mV" || got.Model != "filter-10ms" {
		t.Errorf("%s", b)
	}
	if want := fake(in, 4).SomaV[3]; got.True != want {
		t.Errorf("sample 20 beside its prediction is at %v mV, want %v", got.True, want)
	}
}
