package trainer

import (
	"context"
	"errors"
	"fmt"
)

// InterruptedError says that work stopped because its context ended, after what was done was kept: the same call
// with Resume goes on. It unwraps to the context's error.
type InterruptedError struct {
	What string // "training stopped at step 120 of 2000"
	Err  error
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("trainer: %s: run it again with --resume", e.What)
}

func (e *InterruptedError) Unwrap() error { return e.Err }

// MismatchError says that what is to be resumed was started from something else.
type MismatchError struct {
	Path         string // of what is there
	Key, Was, Is string // configuration key, its value there and now
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("trainer: %s was made with %s: %s, now it is %s: undo the change, or start again with --overwrite", e.Path, e.Key, e.Was, e.Is)
}

func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
