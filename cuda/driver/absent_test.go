//go:build !((gpu || cuda) && linux && cgo && (amd64 || arm64))

package driver

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// A build without the tag says so, and what to do.
func TestNotBuilt(t *testing.T) {
	s := Probe(context.Background())
	if s.Usable || s.Kind != NotBuilt || !strings.Contains(s.String(), "-tags gpu") {
		t.Error(s)
	}
	if _, err := Open(context.Background(), 0); !errors.Is(err, NotBuilt) {
		t.Error(err)
	}
	if _, err := loadDriver(); !errors.Is(err, NotBuilt) {
		t.Error(err)
	}
}
