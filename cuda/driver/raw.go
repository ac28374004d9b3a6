package driver

import "unsafe"

// handle is an object of the driver as the implementation of raw holds it.
type handle any

// raw is the driver's interface as this package uses it. Calls between makeContext and destroyContext come from
// one OS thread. Sizes are in bytes.
type raw interface {
	version() int // 12040 is 12.4
	devices() (int, code)
	device(i int) (DeviceInfo, code)

	makeContext(i int) (handle, code) // and makes it current
	destroyContext(h handle) code
	synchronize() code
	memory() (free, total int64, k code)

	alloc(n int64) (uint64, code)
	free(addr uint64) code
	pin(n int64) (unsafe.Pointer, code)
	unpin(p unsafe.Pointer) code
	toDevice(dst uint64, src unsafe.Pointer, n int64, stream handle) code
	toHost(dst unsafe.Pointer, src uint64, n int64, stream handle) code
	onDevice(dst, src uint64, n int64, stream handle) code
	fill(dst uint64, value byte, n int64, stream handle) code

	newStream() (handle, code)
	freeStream(h handle) code
	syncStream(h handle) code
	waitEvent(stream, event handle) code
	newEvent() (handle, code)
	freeEvent(h handle) code
	record(event, stream handle) code
	syncEvent(h handle) code
	queryEvent(h handle) code
	elapsed(from, to handle) (float64, code) // ms

	load(image string) (h handle, log string, k code)
	unload(h handle) code
	function(module handle, name string) (handle, code)
	attribute(function handle, which int) (int, code)
	allowShared(function handle, n int) code
	launch(function handle, grid, block [3]int, shared int, stream handle, values []uint64, offsets []uint32) code

	capture(stream handle, f func() code) (handle, code) // f's calls, as a graph
	launchGraph(graph, stream handle) code
	freeGraph(h handle) code

	blas(library string) (blasCalls, string, error) // with a context current
}

// blasCalls are cuBLAS's, column-major, on a handle of its own. Status 0 is success.
type blasCalls interface {
	product(p product, stream handle) int
	close()
}

// product is a strided batch of column-major products C = alpha op(A) op(B) + beta C.
type product struct {
	transA, transB            bool
	m, n, k, batch            int
	alpha, beta               float32
	a, b, c                   uint64
	lda, ldb, ldc             int
	strideA, strideB, strideC int64
	half                      bool // A and B are bfloat16
	halfC                     bool
	tf32                      bool
}

// Attributes of a function, by the driver's numbers.
const (
	attrMaxThreads = 0
	attrShared     = 1
	attrLocal      = 3
	attrRegisters  = 4
)
