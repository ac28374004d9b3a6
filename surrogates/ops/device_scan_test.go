//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func TestScansOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	on := []opRun{{isa: "gpu", device: device(t, DeviceOptions{})}}
	for _, c := range append(scanCases(), lstmCase(5, 60, 70), gruCase(5, 60, 70), ssmCase(2, 70, 3, 40, -1)) {
		c.test(t, on)
	}
}

func TestScansInAnyOrderOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	on := opRun{device: device(t, DeviceOptions{})}
	for _, c := range []opCase{lstmCase(5, 9, 20), gruCase(5, 9, 20), ssmCase(3, 70, 5, 3, -1)} {
		t.Setenv("NETS_TWIN_ORDER", "")
		in := c.draw()
		dy := make([]float32, len(c.value(wide(in))))
		for i := range dy {
			dy[i] = float32(i%7) - 3
		}
		y, grads := on.run(t, c, in, dy)
		t.Setenv("NETS_TWIN_ORDER", "reverse")
		y2, grads2 := on.run(t, c, in, dy)
		if !slices.Equal(y, y2) {
			t.Errorf("%s: outputs depend on the order of threads: a barrier is missing", c.name)
		}
		for i := range grads {
			if !slices.Equal(grads[i], grads2[i]) {
				t.Errorf("%s: the gradient of %s depends on the order of threads: a barrier is missing", c.name, c.inputs[i].name)
			}
		}
	}
}

func TestWideScansOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	b, err := NewDeviceBuilder(device(t, DeviceOptions{}), true, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := G.NewGraph()
	of := func(shape ...int) *G.Node { return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...)) }
	if _, err := b.LSTM(of(1, 2, 4*600), of(600, 4*600)); err == nil || !strings.Contains(err.Error(), "600 units: on a GPU at most 512") {
		t.Errorf("an LSTM of 600 units: %v", err)
	}
}
