//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"fmt"
	"slices"
	"testing"
)

// Shapes that end within a tile, a warp and a block, and that take several; fewer than the CPU's, for time.
func TestDenseOpsOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	d := device(t, DeviceOptions{})
	for _, c := range []opCase{
		addCase(), depthwiseCase(2, 23, 17, 5, 1), depthwiseCase(1, 90, 1, 2, 70), layerNormCase(2, 7, 37), layerNormCase(1, 70, 3),
		attentionCase(2, 37, 2, 8, 5, true), attentionCase(1, 70, 1, 33, 66, true), attentionCase(2, 12, 1, 6, 40, true), attentionCase(1, 20, 2, 3, 8, false),
		moeCase(2, 9, 6, 11, 4, 2, "silu", 0), moeCase(1, 150, 3, 66, 2, 1, "tanh", 0.5), moeCase(1, 12, 3, 4, 3, 3, "silu", 0.2), moeCase(1, 3, 1, 1, 5, 2, "tanh", 0.1), moeCase(1, 20, 3, 2, 70, 2, "silu", 0.3),
		synapsesCase(21, 5, 7, 21, 3, 4), synapsesCase(70, 3, 16, 70),
	} {
		c.test(t, []opRun{{isa: "gpu", device: d}})
	}
}

// The products of experts in a precision: off by its rounding of factors, 2^-11 or 2^-8 of them at most, and not by none;
// routed as in float32.
func TestExpertsPrecisionOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	d := device(t, DeviceOptions{})
	c := moeCase(1, 90, 20, 70, 3, 2, "silu", 0.1)
	in := c.draw()
	dy := make([]float32, len(c.value(wide(in))))
	for i := range dy {
		dy[i] = float32(i%7) - 3
	}
	y, grads := opRun{device: d}.run(t, c, in, dy)
	exact := append([][]float32{y}, grads...)
	for p, off := range map[Precision]float64{TF32: 1.0 / (1 << 11), BF16: 1.0 / (1 << 8)} {
		y, grads := opRun{device: d, precision: p}.run(t, c, in, dy)
		for i, got := range append([][]float32{y}, grads...) {
			alike(t, fmt.Sprint(p, " tensor ", i), got, wide(exact)[i], 2*off)
			if last := len(grads); i < last && slices.Equal(got, exact[i]) { // the second biases are not of a product
				t.Errorf("%v: tensor %d is that of float32", p, i)
			}
		}
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
