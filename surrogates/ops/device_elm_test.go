//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"slices"
	"strings"
	"testing"
)

// Cases of the CPU's bodies run on the GPU's, but one of many windows for time, and those that keep nothing: a GPU does.
func TestELMOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testELMOnGPU(t, func(c elmCase) bool { return !c.keepNothing && c.batch < 10 })
	}
}

func TestELMOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testELMOnGPU(t, func(c elmCase) bool { return c.name == "published" || c.name == "vanilla" })
	}
}

func testELMOnGPU(t *testing.T, of func(elmCase) bool) {
	for _, c := range elmCases {
		if !of(c) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			b, err := NewDeviceBuilder(device(t, DeviceOptions{}), true, Float32)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			testELM(t, c, b, nil)
		})
	}
}

// The same bits in any order of the blocks and threads.
func TestELMOrderOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	for _, c := range elmCases[:1] {
		var want [][]float32
		for _, order := range []string{"", "reverse"} {
			t.Setenv("NETS_TWIN_ORDER", order)
			on := device(t, DeviceOptions{})
			b, err := NewDeviceBuilder(on, true, Float32)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			x := newELMRun(t, c, b)
			x.run(t)
			for i, name := range x.names {
				v, err := on.Read(x.grads[name])
				if err != nil {
					t.Fatal(err)
				}
				v = v[:len(x.weights[name])]
				if order == "" {
					want = append(want, v)
				} else if !slices.Equal(v, want[i]) {
					t.Errorf("%s: the gradient of %s depends on the order of blocks and threads: a barrier is missing", c.name, name)
				}
			}
		}
	}
}

func TestELMRefusedOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	b, err := NewDeviceBuilder(device(t, DeviceOptions{}), true, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	e, err := b.NewEvents(1, 5, 4, 3, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.branchesGPU(e, &Routing{2, []int32{0}, []int32{0}, []float32{1}}); err == nil || !strings.Contains(err.Error(), "3 taps") {
		t.Errorf("events for another operation: %v", err)
	}
	shape := elm{b: b, batch: 1, time: 1}
	shape.Hidden, shape.Memory = 1000, 500
	if _, err := shape.gpu(); err == nil || !strings.Contains(err.Error(), "--device cpu") {
		t.Errorf("a neuron too large: %v", err)
	}
}
