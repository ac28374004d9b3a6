//go:build !((gpu || cuda) && linux && cgo && (amd64 || arm64))

package cuda

import (
	"context"
	"errors"
	"strings"
	"testing"

	"neq/cuda/driver"
)

// onFakeGPU skips what needs a fake GPU.
func onFakeGPU(t *testing.T, _ string) bool {
	t.Helper()
	t.Skip(`needs a build with GPU support: CGO_CFLAGS="-O2 -I$PWD/cuda/driver/lazycuda" go test -tags gpu ./cuda`)
	return false
}

func fakeGPU(t *testing.T, _ GPUOptions) Device { t.Fatal("no GPU in this build"); return nil }

// A build without the tag says so: --device cuda stops, auto goes on with the CPU.
func TestWithoutGPUSupport(t *testing.T) {
	if _, err := NewGPU(context.Background(), GPUOptions{}); !errors.Is(err, driver.NotBuilt) || !strings.Contains(err.Error(), "without GPU support") {
		t.Error(err)
	}
	for _, want := range []string{"cuda", "cuda:0", "cuda:3"} {
		if d, _, err := Select(context.Background(), want, 1); d != nil || !errors.Is(err, driver.NotBuilt) {
			t.Errorf("%s: %v, %v", want, d, err)
		}
	}
	d, why, err := Select(context.Background(), "auto", 1)
	if err != nil || len(d) != 1 || !strings.HasPrefix(d[0].Name(), "cpu") || !strings.Contains(why, "without GPU support") {
		t.Errorf("auto: %v, %q, %v", d, why, err)
	}
}
