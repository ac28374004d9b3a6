//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"neq/surrogates/ops"
)

// TestFamiliesOnGPU: losses, outputs and gradients of every family's networks are the CPU's, at a first run, at one that
// is replayed as a captured step, and in an inference graph, whose layers share memory.
func TestFamiliesOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	const batch, time = 2, 37
	on := gpu(t, ops.DeviceOptions{})
	weights := LossWeights{Spike: 1, Voltage: 0.5, Auxiliary: []float32{0.3}}
	for _, spec := range every {
		t.Run(spec.Title(), func(t *testing.T) {
			var loss [2][]float32
			var logits [2][]float32
			var grads [2][][]float32
			for i, w := range []where{{}, on} {
				n, err := New(spec, testInputs(23), 1, 5)
				if err != nil {
					t.Fatal(err)
				}
				perturb(n)
				for _, train := range []bool{true, false} {
					g, err := n.Graph(GraphOptions{Batch: batch, Time: time, BurnIn: 8, Train: train, Threads: 2, Device: w.device})
					if err != nil && strings.Contains(err.Error(), "no body for a GPU") {
						t.Skip(err)
					}
					if err != nil {
						t.Fatal(err)
					}
					defer g.Close()
					for seed := range uint64(4) { // the third is captured, the fourth replayed
						drawEvents(g.Events(), 0.1, seed%2)
						l, err := g.Run(drawTargets(batch*time, 1, seed), weights)
						if err != nil {
							t.Fatal(err)
						}
						loss[i] = append(loss[i], l.Total)
					}
					logits[i] = append(logits[i], g.Logit()...)
					if train {
						for _, d := range w.gradients(t, g) {
							grads[i] = append(grads[i], slices.Clone(d))
						}
					}
				}
			}
			same := func(what string, got, want []float32, tolerance float64) {
				t.Helper()
				var w []float64
				for _, v := range want {
					w = append(w, float64(v))
				}
				near(t, what, got, w, tolerance)
			}
			same("loss", loss[1], loss[0], 1e-5)
			same("logit", logits[1], logits[0], 2e-5)
			for i := range grads[0] { // of a bias before a norm the gradient is what thousands of like terms leave
				same(fmt.Sprint("gradient ", i), grads[1][i], grads[0][i], 5e-4)
			}
		})
	}
}
