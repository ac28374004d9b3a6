//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package cuda

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"neq/cuda/driver/fake"
)

// The kernels' twins are compiled of cells.cu itself.
var lab fake.Lab

func TestMain(m *testing.M) {
	here, err := filepath.Abs("kernels/cells/twin/cells_twin.c")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lab.Twins = map[string]string{
		"cells":     fmt.Sprintf("#include %q\n", here),
		"cells_f64": fmt.Sprintf("#define NEQ_F64\n#include %q\n", here),
	}
	code := m.Run()
	lab.Close()
	os.Exit(code)
}

// onFakeGPU runs the calling test again where there is a fake GPU, and says whether this is there.
func onFakeGPU(t *testing.T, settings string) bool { t.Helper(); return lab.Within(t, settings, false) }

// fakeGPU opens it.
func fakeGPU(t *testing.T, o GPUOptions) Device {
	t.Helper()
	d, err := NewGPU(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
