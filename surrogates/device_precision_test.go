//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"math"
	"slices"
	"testing"

	"neq/surrogates/ops"
)

// Training in TF32 and bfloat16, from float32 master weights that stay float32, comes near float32's loss: factors are off
// by 2^-11 and 2^-9 of themselves, of which an average over many leaves less.
func testPrecisions(t *testing.T) {
	spec := Spec{Family: "tcn", Depth: 3, Width: 12, Kernels: []int{4, 3, 2}, BatchNorm: true}
	run := func(d *ops.Device, p ops.Precision) (float64, [][]float32) {
		n, g := open(t, spec, 6, 0, GraphOptions{Batch: 1, Time: 40, Train: true, Device: d, Precision: p})
		s := solver(t, n, ops.SolverOptions{Device: d})
		train(t, n, g, s, 0, 6)
		sum, err := g.Losses()
		if err != nil {
			t.Fatal(err)
		}
		return sum.Total, weights(t, n, d)
	}
	on := gpu(t, ops.DeviceOptions{})
	want, exact := run(on.device, ops.Float32)
	for p, bound := range map[ops.Precision]float64{ops.TF32: 1e-3, ops.BF16: 1e-2} {
		got, w := run(on.device, p)
		if off := math.Abs(got-want) / want; !(off <= bound) {
			t.Errorf("%v on %s: loss %g, in float32 %g", p, on.device.Name(), got, want)
		}
		same, whole := true, false
		for i := range w {
			same = same && slices.Equal(w[i], exact[i])
			for _, x := range w[i] {
				whole = whole || math.Float32bits(x)&0xffff != 0
			}
		}
		if same || !whole {
			t.Errorf("%v on %s: weights are float32's: %v; they have float32's bits: %v", p, on.device.Name(), same, whole)
		}
	}
}

func TestPrecisionsOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testPrecisions(t)
	}
}

func TestPrecisionsOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testPrecisions(t)
	}
}

func TestPrecisionOnCPU(t *testing.T) {
	n, err := New(small[2].spec, PlainInputs(5), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Graph(GraphOptions{Batch: 1, Time: 10, Precision: ops.TF32}); err == nil {
		t.Error("tf32 on the CPU: no error")
	}
}
