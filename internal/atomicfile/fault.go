package atomicfile

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// FullAfter is a disk with room for n more bytes: what is over them is cut off and fails with ENOSPC.
func FullAfter(n int64) Fault {
	var left atomic.Int64
	left.Store(n)
	return func(op Op, _ string, n int) (int, error) {
		if op != Write {
			return n, nil
		}
		after := left.Add(-int64(n))
		if after >= 0 {
			return n, nil
		}
		return int(max(0, after+int64(n))), syscall.ENOSPC
	}
}

// notForFolders tells the errors of file systems that cannot fsync a folder (some network ones); there the
// rename is as durable as it gets.
func notForFolders(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}
