package atomicfile

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestLockFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, c := range []struct{ first, second, free bool }{{false, false, false}, {false, true, false}, {true, false, false}, {true, true, true}} {
		unlock, err := LockFolder(dir, c.first)
		if err != nil {
			t.Fatal(err)
		}
		again, err := LockFolder(dir, c.second)
		if (err == nil) != c.free || err != nil && !errors.Is(err, ErrInUse) {
			t.Errorf("shared %v, then shared %v: %v", c.first, c.second, err)
		}
		if err == nil {
			again()
		}
		unlock()
	}
	if _, err := LockFolder(filepath.Join("/dev/null", "x"), false); err == nil {
		t.Error("locked a folder inside a device")
	}
}
