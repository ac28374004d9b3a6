package atomicfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another process holds a folder's lock.
var ErrInUse = errors.New("in use by another neq: wait for it to end, or choose another folder")

// LockFolder makes a folder, where it is not there, and locks it until unlock is called or the process ends: alone,
// or together with others that share it. Where a file system knows no locks, nothing is locked.
func LockFolder(dir string, shared bool) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%s is %w", dir, ErrInUse)
	}
	return func() { f.Close() }, nil
}
