//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package lazycuda

// #cgo LDFLAGS: -L${SRCDIR} -lcuda -ldl
// int lazycuda_load(void);
// int lazycuda_loaded(void);
// const char *lazycuda_trouble(void);
// const char *lazycuda_path(void);
import "C"

// Load opens the driver and initialises it, once in a process, and returns what its cuInit said: 0, or a
// CUresult, 100 also where there is no driver. A broken driver may crash or hang in here.
func Load() int { return int(C.lazycuda_load()) }

// Loaded says, after Load, whether there is a driver, initialised or not.
func Loaded() bool { return C.lazycuda_loaded() != 0 }

// Trouble says why Load found no driver, "" where it found one.
func Trouble() string { return C.GoString(C.lazycuda_trouble()) }

// Path is the file that Load opened.
func Path() string { return C.GoString(C.lazycuda_path()) }
