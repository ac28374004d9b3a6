//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
	"neq/surrogates/ops"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	source, err := filepath.Abs("../cuda/kernels/nets/nets.cu")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lab.Twins = map[string]string{"nets": "#define NETS_TWIN\n#include \"" + source + "\"\n"}
	code := m.Run()
	lab.Close()
	os.Exit(code)
}

// gpu opens the fake GPU.
func gpu(t *testing.T, o ops.DeviceOptions) where {
	t.Helper()
	c, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ops.OpenDevice(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if bytes, n := c.Held(); n > 0 && c.Lost() == nil {
			t.Errorf("%d buffers of %d bytes are left on the device", n, bytes)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return where{name: "gpu", device: d}
}

// Every case of the CPU's bodies runs on the GPU's.
func TestDenseOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testDense(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestDenseOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testDense(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestGradientsOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testGradients(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestGradientsOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testGradients(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}
