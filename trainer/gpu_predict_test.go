//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package trainer

import (
	"context"
	"path/filepath"
	"testing"

	"neq/surrogates"
)

// Predictions of a GPU (the fake one) are the CPU's, up to float32 sums in another order, and begun on one they go on on
// the other.
func TestPredictOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c := small()
	data := c.write(t)
	dir := unfitted(t, surrogates.Spec{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{9, 3}}, c.info())
	out := filepath.Join(t.TempDir(), "gpu")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := Predict(ctx, dir, data, "test", out, PredictOptions{GPU: openFake(t), Hook: func(done, _ int) {
		if done == 8 { // of the first chunk
			cancel()
		}
	}}); err == nil {
		t.Fatal("it was not interrupted")
	}
	if _, err := Predict(context.Background(), dir, data, "test", out, PredictOptions{Resume: true}); err != nil {
		t.Fatal(err)
	}
	agree(t, out, dir, data, 1e-5, 1e-3)
}
