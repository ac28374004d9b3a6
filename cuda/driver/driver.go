// Package driver finds an NVIDIA GPU at run time and works with it: contexts, streams, events, device and pinned
// memory, kernels from PTX, and cuBLAS where it is installed.
//
// The program needs neither a CUDA toolkit to be built nor a driver to start. Built with the tag gpu on 64-bit
// Linux it goes through gorgonia.org/cu to the libcuda.so.1 it finds:
//
//	CGO_CFLAGS="-O2 -I$PWD/cuda/driver/lazycuda" go build -tags gpu ./...
//
// Without the tag, Probe says that there is no GPU support in this build and Open fails with NotBuilt; nothing else
// differs. The tag cuda does the same in this package, but gorgonia claims it for its own use of CUDA, which needs
// cuDNN and a toolkit: a program that imports gorgonia is built with gpu.
//
// Probe looks at the driver in a child process, so that a driver that crashes or hangs takes only the child with it.
// The child is this same program, which leaves from this package's init when it finds NEQ_GPU_PROBE set.
//
// A Context makes all its calls on one OS thread of its own. Its methods may be called from any goroutine. A value
// that was freed, of another context, or of the wrong size is refused before the driver sees it.
package driver

import "context"

// Open probes the machine and opens GPU i. The error says in one sentence why there is none and what to do; its
// Kind, for errors.Is, is that of the Status.
func Open(ctx context.Context, i int) (*Context, error) { return Probe(ctx).Open(i) }
