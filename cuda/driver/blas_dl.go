//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

// #include <cuda.h>
// #include <dlfcn.h>
// #include <stdio.h>
// // cuBLAS's binary interface (version 2 of its calls), as it is from 11 to 13: handles and streams are pointers,
// // everything else int, long long or pointers.
// typedef struct {
//   void *handle;
//   int (*destroy)(void *), (*stream)(void *, CUstream);
//   int (*sgemm)(void *, int, int, int, int, int, const float *, const void *, int, const void *, int, const float *, void *, int);
//   int (*ex)(void *, int, int, int, int, int, const void *, const void *, int, int, const void *, int, int, const void *,
//             void *, int, int, int, int);
//   int (*batched)(void *, int, int, int, int, int, const void *, const void *, int, int, long long, const void *, int, int,
//                  long long, const void *, void *, int, int, long long, int, int, int);
// } cublas;
// static void *cublas_open(const char *name, char *why, int room) {
//   void *l = dlopen(name, RTLD_NOW | RTLD_LOCAL);
//   if (!l) {
//     char path[256];
//     snprintf(path, sizeof path, "/usr/local/cuda/lib64/%s", name);
//     const char *e = dlerror();
//     snprintf(why, room, "%s", e ? e : name);
//     l = dlopen(path, RTLD_NOW | RTLD_LOCAL);
//   }
//   return l;
// }
// // 0, a status of cuBLAS, or -1 where a call is missing.
// static int cublas_make(void *l, cublas *b) {
//   int (*create)(void **);
//   struct { const char *name; void **to; } all[] = {
//     {"cublasCreate_v2", (void **)&create}, {"cublasDestroy_v2", (void **)&b->destroy},
//     {"cublasSetStream_v2", (void **)&b->stream}, {"cublasSgemm_v2", (void **)&b->sgemm},
//     {"cublasGemmEx", (void **)&b->ex}, {"cublasGemmStridedBatchedEx", (void **)&b->batched}};
//   for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
//     if (!(*all[i].to = dlsym(l, all[i].name))) return -1;
//   return create(&b->handle);
// }
// static int cublas_property(void *l, int which) {
//   int v = -1;
//   int (*get)(int, int *);
//   *(void **)&get = dlsym(l, "cublasGetProperty");
//   return get && !get(which, &v) ? v : -1;
// }
// static void cublas_close(cublas *b) { b->destroy(b->handle); }
// enum { R_32F = 0, R_16BF = 14, COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77, ALGO_DEFAULT = -1 };
// static int cublas_product(cublas *b, CUstream s, int ta, int tb, int m, int n, int k, float alpha, CUdeviceptr A, int lda,
//                           long long sa, CUdeviceptr B, int ldb, long long sb, float beta, CUdeviceptr C, int ldc, long long sc,
//                           int batch, int half, int halfc, int tf32) {
//   int r = b->stream(b->handle, s);
//   if (r) return r;
//   const void *pa = (void *)A, *pb = (void *)B;
//   void *pc = (void *)C;
//   int in = half ? R_16BF : R_32F, out = halfc ? R_16BF : R_32F, how = tf32 && !half ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
//   if (batch > 1)
//     return b->batched(b->handle, ta, tb, m, n, k, &alpha, pa, in, lda, sa, pb, in, ldb, sb, &beta, pc, out, ldc, sc, batch, how, ALGO_DEFAULT);
//   if (half || tf32) return b->ex(b->handle, ta, tb, m, n, k, &alpha, pa, in, lda, pb, in, ldb, &beta, pc, out, ldc, how, ALGO_DEFAULT);
//   return b->sgemm(b->handle, ta, tb, m, n, k, &alpha, pa, lda, pb, ldb, &beta, pc, ldc);
// }
import "C"

import (
	"fmt"
	"unsafe"
)

// cuBLAS is a handle of a cuBLAS library.
type cuBLAS struct{ b *C.cublas }

// dlopen opens a library, which stays open.
func dlopen(name string) (unsafe.Pointer, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	why := make([]byte, 512)
	l := C.cublas_open(c, (*C.char)(unsafe.Pointer(&why[0])), C.int(len(why)))
	if l == nil {
		return nil, fmt.Errorf("%s", C.GoString((*C.char)(unsafe.Pointer(&why[0]))))
	}
	return l, nil
}

// openBLAS makes a handle with the current context.
func openBLAS(name string) (blasCalls, string, error) {
	l, err := dlopen(name)
	if err != nil {
		return nil, "", err
	}
	b := (*C.cublas)(C.calloc(1, C.sizeof_cublas))
	if s := C.cublas_make(l, b); s != 0 {
		C.free(unsafe.Pointer(b))
		if s < 0 {
			return nil, "", fmt.Errorf("%s lacks a call", name)
		}
		return nil, "", fmt.Errorf("%s: cublasCreate: status %d", name, int(s))
	}
	v, err := blasVersion(name)
	if err != nil {
		v = "of unknown version"
	}
	return &cuBLAS{b}, fmt.Sprintf("cuBLAS %s (%s)", v, name), nil
}

// blasVersion asks a library for its version without a handle.
func blasVersion(name string) (string, error) {
	l, err := dlopen(name)
	if err != nil {
		return "", err
	}
	major, minor, patch := C.cublas_property(l, 0), C.cublas_property(l, 1), C.cublas_property(l, 2)
	if major < 0 || minor < 0 || patch < 0 {
		return "", fmt.Errorf("%s does not say its version", name)
	}
	return fmt.Sprintf("%d.%d.%d", major, minor, patch), nil
}

func (c *cuBLAS) product(p product, stream handle) int {
	flag := func(b bool) C.int {
		if b {
			return 1
		}
		return 0
	}
	return int(C.cublas_product(c.b, queue(stream), flag(p.transA), flag(p.transB), C.int(p.m), C.int(p.n), C.int(p.k),
		C.float(p.alpha), C.CUdeviceptr(p.a), C.int(p.lda), C.longlong(p.strideA), C.CUdeviceptr(p.b), C.int(p.ldb), C.longlong(p.strideB),
		C.float(p.beta), C.CUdeviceptr(p.c), C.int(p.ldc), C.longlong(p.strideC), C.int(p.batch), flag(p.half), flag(p.halfC), flag(p.tf32)))
}

func (c *cuBLAS) close() {
	C.cublas_close(c.b)
	C.free(unsafe.Pointer(c.b))
}
