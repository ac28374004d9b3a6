package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/surrogates"
)

// unfitted writes a model of random weights for a data set of inputs.
func unfitted(t testing.TB, spec surrogates.Spec, info traces.Info) string {
	t.Helper()
	net, err := surrogates.New(spec, inputsOf(&info), 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := newModel(net, info, Normalisation{Mean: -65, SD: 5}).save(atomicfile.Disk{}, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// readDense reads a Zarr array of float32 [sample][time] whose chunks are shuffled bytes under Zstandard.
func readDense(t *testing.T, dir string) []float32 {
	t.Helper()
	var meta struct{ Shape, Chunks []int }
	b, err := os.ReadFile(filepath.Join(dir, ".zarray"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []float32
	for k := 0; len(out) < meta.Shape[0]*meta.Shape[1]; k++ {
		frame, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.0", k)))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := z.DecodeAll(frame, nil)
		n := len(raw) / 4
		if err != nil || n != meta.Chunks[0]*meta.Chunks[1] {
			t.Fatalf("chunk %d of %s: %d values, %v", k, dir, n, err)
		}
		for i := range min(n, meta.Shape[0]*meta.Shape[1]-len(out)) {
			out = append(out, math.Float32frombits(uint32(raw[i])|uint32(raw[n+i])<<8|uint32(raw[2*n+i])<<16|uint32(raw[3*n+i])<<24))
		}
	}
	return out
}

// agree compares predictions on disk with those of Model.Predict.
func agree(t *testing.T, dir, modelDir, dataDir string, byProbability, byVoltage float64) {
	t.Helper()
	m, err := Load(modelDir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := traces.Open(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := split(set, "test")
	if err != nil {
		t.Fatal(err)
	}
	spike, voltage := readDense(t, filepath.Join(dir, "spike_probability")), readDense(t, filepath.Join(dir, "predicted_soma_v"))
	k := 0
	err = e.each(0, func(s *traces.Shard, from, to int) error {
		all, err := m.Predict(context.Background(), set.Info(), s, 1)
		if err != nil {
			return err
		}
		for i, p := range all[from:to] {
			for ms, x := range p.Logit {
				if !(math.Abs(float64(spike[k])-probability(float64(x))) <= byProbability) || !(math.Abs(float64(voltage[k]-p.Voltage[ms])) <= byVoltage) {
					t.Fatalf("sample %d at %d ms: %v and %v mV on disk, want %v and %v", s.First+from+i, ms, spike[k], voltage[k], probability(float64(x)), p.Voltage[ms])
				}
				k++
			}
		}
		return nil
	})
	if err != nil || k != len(spike) || k != len(voltage) || k == 0 {
		t.Errorf("%d values, %d and %d on disk: %v", k, len(spike), len(voltage), err)
	}
}

// Predictions on disk are those Model.Predict gives, whatever the split's place in the shards; stopped after a chunk and
// resumed they are the same files.
func TestPredictions(t *testing.T) {
	c := small() // 58 samples, 8 a shard: the test split begins in the middle of one, and ends in the middle of another
	c.train = 43
	data := c.write(t)
	model := unfitted(t, surrogates.Spec{Family: "fcn", Window: 12, Width: 3}, c.info())
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	got, err := Predict(context.Background(), model, data, "test", whole, PredictOptions{})
	if err != nil || got.Samples != 10 || got.Split != "test" {
		t.Fatalf("%+v %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Predict(ctx, model, data, "test", parts, PredictOptions{Threads: 1, Hook: func(done, of int) {
		if done > 8 || of != 10 {
			t.Errorf("%d of %d samples, after 8 it was to stop", done, of)
		}
		if done == 8 { // of the first chunk
			cancel()
		}
	}})
	var stopped *InterruptedError
	if !errors.As(err, &stopped) {
		t.Fatalf("cancelled: %v", err)
	}
	if !strings.Contains(err.Error(), "8 of 10 samples of test are predicted") {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Predict(context.Background(), model, data, "test", parts, PredictOptions{Resume: true}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(files(t, whole), files(t, parts)) {
		t.Error("resumed: other files")
	}
	agree(t, parts, model, data, 1e-7, 0)
	if _, err := Predict(context.Background(), model, data, "nope", parts, PredictOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("another split: %v", err)
	}
}
