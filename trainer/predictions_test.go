package trainer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

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
		if done != 8 || of != 10 {
			t.Errorf("%d of %d samples, want 8 of 10", done, of)
		}
		cancel()
	}})
	var stopped *InterruptedError
	if !errors.As(err, &stopped) {
		t.Fatalf("cancelled: %v", err)
	}
	if _, err := Predict(context.Background(), model, data, "test", parts, PredictOptions{Resume: true}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(files(t, whole), files(t, parts)) {
		t.Error("resumed: other files")
	}
	if _, err := Predict(context.Background(), model, data, "nope", parts, PredictOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("another split: %v", err)
	}
}
