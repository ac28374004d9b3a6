//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

// #include <cuda.h>
// static CUresult launch(CUfunction f, const unsigned *dim, unsigned shared, CUstream s, char *values,
//                        const uint32_t *offset, int n) {
//   void *at[512];
//   if (n > 512) return CUDA_ERROR_INVALID_VALUE;
//   for (int i = 0; i < n; i++) at[i] = values + offset[i];
//   return cuLaunchKernel(f, dim[0], dim[1], dim[2], dim[3], dim[4], dim[5], shared, s, at, 0);
// }
// // A graph ready to run of what was captured. Drivers before 11.4 have the older call only.
// static CUresult end_capture(CUstream s, CUgraphExec *e) {
//   CUgraph g = 0;
//   CUresult r = cuStreamEndCapture(s, &g);
//   if (r) return r;
//   r = cuGraphInstantiateWithFlags(e, g, 0);
//   if (r == CUDA_ERROR_NOT_SUPPORTED) r = cuGraphInstantiate(e, g, 0, 0, 0);
//   cuGraphDestroy(g);
//   return r;
// }
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"neq/cuda/driver/lazycuda"
)

// cuRaw is the driver through gorgonia.org/cu. cu has no pinned memory, opt-in shared memory, captured graphs, nor
// kernels that take structures by value: those calls are made here.
type cuRaw struct{}

// found is the driver that load opened.
type found struct {
	raw           cuRaw
	loaded        bool
	trouble, path string
	init          code
}

// load opens the driver in this process.
func load() found {
	k := code(lazycuda.Load())
	return found{loaded: lazycuda.Loaded(), trouble: lazycuda.Trouble(), path: lazycuda.Path(), init: k}
}

// loadDriver opens the driver after a probe found it good.
func loadDriver() (raw, error) {
	d := load()
	if !d.loaded {
		return nil, refuse(NoDriver, "load the driver", "%s", d.trouble)
	}
	return d.raw, fail("start the driver", d.init)
}

// as finds cu's own error, whose type it does not export, in err.
func as[T interface {
	~int
	error
}](_ T, err error) code {
	if err == nil {
		return 0
	}
	var t T
	if errors.As(err, &t) {
		return code(t)
	}
	return 999
}

func result(err error) code { return as(cu.Success, err) }

func (cuRaw) version() int { return cu.Version() }

func (cuRaw) devices() (int, code) {
	n, err := cu.NumDevices()
	return n, result(err)
}

func (cuRaw) device(i int) (DeviceInfo, code) {
	d := DeviceInfo{Index: i}
	dev, err := cu.GetDevice(i)
	if err != nil {
		return d, result(err)
	}
	if d.Name, err = dev.Name(); err != nil {
		return d, result(err)
	}
	if d.Total, err = dev.TotalMem(); err != nil {
		return d, result(err)
	}
	const sharedOptIn cu.DeviceAttribute = 97 // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu does not name
	for _, a := range []struct {
		which cu.DeviceAttribute
		to    *int
	}{
		{cu.ComputeCapabilityMajor, &d.Major}, {cu.ComputeCapabilityMinor, &d.Minor}, {cu.MultiprocessorCount, &d.Multiprocessors},
		{cu.ClockRate, &d.ClockKHz}, {cu.L2CacheSize, &d.L2}, {cu.MaxThreadsPerBlock, &d.MaxThreads},
		{cu.MaxSharedMemoryPerBlock, &d.SharedPerBlock}, {sharedOptIn, &d.SharedOptIn}, {cu.WarpSize, &d.Warp},
		{cu.MaxGridDimX, &d.MaxGrid[0]}, {cu.MaxGridDimY, &d.MaxGrid[1]}, {cu.MaxGridDimZ, &d.MaxGrid[2]},
		{cu.MaxBlockDimX, &d.MaxBlock[0]}, {cu.MaxBlockDimY, &d.MaxBlock[1]}, {cu.MaxBlockDimZ, &d.MaxBlock[2]},
	} {
		if *a.to, err = dev.Attribute(a.which); err != nil {
			return d, result(err)
		}
	}
	return d, 0
}

func (cuRaw) makeContext(i int) (handle, code) {
	dev, err := cu.GetDevice(i)
	if err != nil {
		return nil, result(err)
	}
	// A thread that sleeps while the GPU works leaves the processor to the loader.
	h, err := dev.MakeContext(cu.SchedBlockingSync)
	return h, result(err)
}

func (cuRaw) destroyContext(h handle) code {
	c := h.(cu.CUContext)
	return result(c.Destroy())
}

func (cuRaw) synchronize() code { return result(cu.Synchronize()) }

func (cuRaw) memory() (free, total int64, k code) {
	free, total, err := cu.MemInfo()
	return free, total, result(err)
}

func (cuRaw) alloc(n int64) (uint64, code) {
	p, err := cu.MemAlloc(n)
	return uint64(p), result(err)
}

func (cuRaw) free(addr uint64) code { return result(cu.MemFree(cu.DevicePtr(addr))) }

func (cuRaw) pin(n int64) (unsafe.Pointer, code) {
	var p unsafe.Pointer
	k := C.cuMemHostAlloc(&p, C.size_t(n), 0)
	return p, code(k)
}

func (cuRaw) unpin(p unsafe.Pointer) code { return result(cu.MemFreeHost(p)) }

func (cuRaw) toDevice(dst uint64, src unsafe.Pointer, n int64, s handle) code {
	return result(cu.MemcpyHtoDAsync(cu.DevicePtr(dst), src, n, s.(cu.Stream)))
}

func (cuRaw) toHost(dst unsafe.Pointer, src uint64, n int64, s handle) code {
	return result(cu.MemcpyDtoHAsync(dst, cu.DevicePtr(src), n, s.(cu.Stream)))
}

func (cuRaw) onDevice(dst, src uint64, n int64, s handle) code {
	return result(cu.MemcpyDtoDAsync(cu.DevicePtr(dst), cu.DevicePtr(src), n, s.(cu.Stream)))
}

func (cuRaw) fill(dst uint64, value byte, n int64, s handle) code {
	return result(cu.MemsetD8Async(cu.DevicePtr(dst), value, n, s.(cu.Stream)))
}

func (cuRaw) newStream() (handle, code) {
	s, err := cu.MakeStream(cu.NonBlocking)
	return s, result(err)
}

func (cuRaw) freeStream(h handle) code {
	s := h.(cu.Stream)
	return result(s.Destroy())
}

func (cuRaw) syncStream(h handle) code { return result(h.(cu.Stream).Synchronize()) }

func (cuRaw) waitEvent(s, e handle) code { return result(s.(cu.Stream).Wait(e.(cu.Event), 0)) }

func (cuRaw) newEvent() (handle, code) {
	e, err := cu.MakeEvent(cu.BlockingSyncEvent)
	return e, result(err)
}

func (cuRaw) freeEvent(h handle) code {
	e := h.(cu.Event)
	return result(cu.DestroyEvent(&e))
}

func (cuRaw) record(e, s handle) code { return result(e.(cu.Event).Record(s.(cu.Stream))) }

func (cuRaw) syncEvent(h handle) code { return result(h.(cu.Event).Synchronize()) }

func (cuRaw) queryEvent(h handle) code { return result(h.(cu.Event).Query()) }

func (cuRaw) elapsed(from, to handle) (float64, code) {
	ms, err := from.(cu.Event).Elapsed(to.(cu.Event))
	return ms, result(err)
}

func (cuRaw) load(image string) (handle, string, code) {
	// cu passes the log's address on as a number, so nothing but this pins the buffer's life.
	log := make([]byte, 16<<10)
	m, err := cu.LoadDataEx(image, &cu.JITErrorLogBuffer{Buffer: log})
	runtime.KeepAlive(log)
	text, _, _ := bytes.Cut(log, []byte{0})
	return m, string(text), result(err)
}

func (cuRaw) unload(h handle) code { return result(h.(cu.Module).Unload()) }

func (cuRaw) function(m handle, name string) (handle, code) {
	f, err := m.(cu.Module).Function(name)
	return f, result(err)
}

func (cuRaw) attribute(h handle, which int) (int, code) {
	v, err := h.(cu.Function).Attribute(cu.FunctionAttribute(which))
	return v, result(err)
}

// symbol is the driver's handle inside cu's, whose only field it is and which it does not export.
func symbol(h handle) C.CUfunction {
	f := h.(cu.Function)
	return *(*C.CUfunction)(unsafe.Pointer(&f))
}

func (cuRaw) allowShared(h handle, n int) code {
	return code(C.cuFuncSetAttribute(symbol(h), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(n)))
}

func (cuRaw) launch(h handle, grid, block [3]int, shared int, s handle, values []uint64, offsets []uint32) code {
	var dim [6]C.uint
	for i := range 3 {
		dim[i], dim[3+i] = C.uint(grid[i]), C.uint(block[i])
	}
	var at *C.uint32_t
	if len(offsets) > 0 {
		at = (*C.uint32_t)(unsafe.Pointer(&offsets[0]))
	}
	return code(C.launch(symbol(h), &dim[0], C.uint(shared), queue(s),
		(*C.char)(unsafe.Pointer(&values[0])), at, C.int(len(offsets))))
}

// queue is the driver's handle inside cu's stream.
func queue(h handle) C.CUstream {
	s := h.(cu.Stream)
	return *(*C.CUstream)(unsafe.Pointer(&s))
}

func (cuRaw) capture(s handle, f func() code) (handle, code) {
	const threadLocal = 1 // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads go on as they like
	if k := C.cuStreamBeginCapture(queue(s), threadLocal); k != 0 {
		return nil, code(k)
	}
	k := f()
	var e C.CUgraphExec
	if end := C.end_capture(queue(s), &e); k == 0 {
		k = code(end)
	}
	return e, k
}

func (cuRaw) launchGraph(g, s handle) code { return code(C.cuGraphLaunch(g.(C.CUgraphExec), queue(s))) }

func (cuRaw) freeGraph(g handle) code { return code(C.cuGraphExecDestroy(g.(C.CUgraphExec))) }

func (cuRaw) blas(library string) (blasCalls, string, error) { return openBLAS(library) }

// findBLAS says which cuBLAS there is.
func findBLAS() string {
	for _, name := range blasLibraries {
		if v, err := blasVersion(name); err == nil {
			return fmt.Sprintf("cuBLAS %s (%s)", v, name)
		}
	}
	return ""
}
