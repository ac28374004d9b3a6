// OpenBLAS is found at run time, not required: one binary works with and without it.
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include "nets.h"

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
static void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static const char *name = "";
static int off;

static void find(void) {
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0", "libopenblas.dylib"};
  setenv("OPENBLAS_NUM_THREADS", "1", 0); // before it starts threads of its own: ours split the batch
  for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
    void *h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!h) continue;
    void (*threads)(int) = (void (*)(int))dlsym(h, "openblas_set_num_threads");
    sgemm = (void (*)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *,
                      int))dlsym(h, "cblas_sgemm");
    if (threads && sgemm) {
      threads(1);
      name = names[i];
      return;
    }
    sgemm = 0;
    dlclose(h);
  }
}

static void once(void) {
  static pthread_once_t o = PTHREAD_ONCE_INIT;
  pthread_once(&o, find);
}

static void blas_gemm(int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                      float *c, int ldc) {
#if defined(__x86_64__) // denormals flushed, as in our own kernels
  unsigned mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(mode | 0x8040);
#endif
  sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(mode);
#endif
}

const char *nets_blas(void) {
  once();
  return off ? "" : name;
}

void nets_use_blas(int use) { off = !use; }

gemm_fn *nets_gemm(const nets_table *t) {
  once();
  return sgemm && !off ? blas_gemm : t->gemm;
}
