//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"testing"

	"neq/surrogates/ops"
)

func TestCheckDeviceOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	if err := CheckDevice(gpu(t, ops.DeviceOptions{}).device); err != nil {
		t.Error(err)
	}
}
