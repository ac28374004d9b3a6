//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"slices"
	"testing"
)

func testDenseOnGPU(t *testing.T, o DeviceOptions, cases []opCase) {
	d := device(t, o)
	for _, c := range cases {
		c.test(t, []opRun{{isa: "gpu", device: d}})
	}
}

func TestDenseOpsOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testDenseOnGPU(t, DeviceOptions{}, denseCases())
	}
}

// Blocks and threads in the reverse order give the same bits: no barrier is missing.
func TestDenseOpsOnGPUInAnyOrder(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	d := device(t, DeviceOptions{})
	for _, c := range []opCase{layerNormCase(1, 5, 37), depthwiseCase(1, 9, 3, 4, 2), attentionCase(1, 40, 2, 3, 35, true), moeCase(1, 30, 5, 6, 3, 2, "silu", 0.1)} {
		in := c.draw()
		dy := make([]float32, len(c.value(wide(in))))
		for i := range dy {
			dy[i] = float32(i%7) - 3
		}
		t.Setenv("NETS_TWIN_ORDER", "")
		y, grads := opRun{device: d}.run(t, c, in, dy)
		t.Setenv("NETS_TWIN_ORDER", "reverse")
		y2, grads2 := opRun{device: d}.run(t, c, in, dy)
		if !slices.Equal(y, y2) {
			t.Errorf("%s: the output depends on the order of blocks and threads", c.name)
		}
		for i := range grads {
			if !slices.Equal(grads[i], grads2[i]) {
				t.Errorf("%s: the gradient of %s depends on the order of blocks and threads", c.name, c.inputs[i].name)
			}
		}
	}
}
