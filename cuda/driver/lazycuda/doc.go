// Package lazycuda lets a program that uses gorgonia.org/cu be built without a CUDA toolkit and start without a
// driver: its cuda.h declares what cu compiles against, and its stub of libcuda finds the driver when Load is
// called. It is empty unless built with the tag gpu (or cuda) on 64-bit Linux.
//
// cu must find cuda.h here, and #cgo lines of one package do not reach another, so such a build needs
//
//	CGO_CFLAGS="-O2 -I$PWD/cuda/driver/lazycuda" go build -tags gpu ./...
//
// libcuda.a beside this file is an empty archive (printf '!<arch>\n'): with it the linker does not look for
// the machine's own libcuda. The header was checked against that of CUDA 11.8.
package lazycuda

import _ "embed"

// Header is cuda.h, for what is compiled against it in tests.
//
//go:embed cuda.h
var Header string
