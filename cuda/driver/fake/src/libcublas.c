/* cuBLAS for tests: the calls that package driver makes, on the fake driver's memory and streams. Status 7 is
   CUBLAS_STATUS_INVALID_VALUE, 15 CUBLAS_STATUS_NOT_SUPPORTED. FAKE_CUBLAS_CREATE=N: what cublasCreate returns. */
#include "twin.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { R_32F = 0, R_16BF = 14, COMPUTE_32F = 68, FAST_TF32 = 77 };
typedef struct { void *stream; int made; } handle;
typedef struct {
  int ta, tb, m, n, k, lda, ldb, ldc, in, out, how, batch;
  float alpha, beta;
  const char *a, *b;
  char *c;
  long long sa, sb, sc;
} job;

static float load(const char *p, long long i, int type) {
  if (type == R_32F) return ((const float *)p)[i];
  uint32_t u = (uint32_t)((const uint16_t *)p)[i] << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
static uint32_t bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
static void store(char *p, long long i, int type, float f) {
  if (type == R_32F) ((float *)p)[i] = f;
  else ((uint16_t *)p)[i] = (bits(f) + 0x7fff + (bits(f) >> 16 & 1)) >> 16;
}
static float tf32(float f) { /* round to nearest even at 10 bits */
  uint32_t u = bits(f);
  u = (u + 0xfff + (u >> 13 & 1)) & ~0x1fffu;
  memcpy(&f, &u, 4);
  return f;
}
static size_t width(int type) { return type == R_32F ? 4 : 2; }
static long long span(int rows, int cols, int ld) { return (long long)(cols - 1) * ld + rows; }
static int run(void *data) {
  job j = *(job *)data;
  long long na = span(j.ta ? j.k : j.m, j.ta ? j.m : j.k, j.lda), nb = span(j.tb ? j.n : j.k, j.tb ? j.k : j.n, j.ldb), nc = span(j.m, j.n, j.ldc);
  int more = j.batch - 1;
  if (!fake_range(j.a, (na + more * j.sa) * width(j.in)) || !fake_range(j.b, (nb + more * j.sb) * width(j.in)) ||
      !fake_range(j.c, (nc + more * j.sc) * width(j.out)))
    return fprintf(stderr, "fake cuBLAS: outside a buffer\n"), 700;
  for (int q = 0; q < j.batch; q++)
    for (int col = 0; col < j.n; col++)
      for (int row = 0; row < j.m; row++) {
        double sum = 0;
        for (int i = 0; i < j.k; i++) {
          float x = load(j.a, q * j.sa + (j.ta ? i + (long long)row * j.lda : row + (long long)i * j.lda), j.in);
          float y = load(j.b, q * j.sb + (j.tb ? col + (long long)i * j.ldb : i + (long long)col * j.ldb), j.in);
          if (j.how == FAST_TF32) x = tf32(x), y = tf32(y);
          sum += (double)x * y;
        }
        long long at = q * j.sc + row + (long long)col * j.ldc;
        store(j.c, at, j.out, j.alpha * (float)sum + (j.beta ? j.beta * load(j.c, at, j.out) : 0));
      }
  return 0;
}
static int start(handle *h, job j) {
  if (!h || h->made != 1) return 1;
  if (j.m < 0 || j.n < 0 || j.k < 0 || j.batch < 1 || j.lda < (j.ta ? j.k : j.m) || j.ldb < (j.tb ? j.n : j.k) || j.ldc < j.m ||
      (j.ta | j.tb) & ~1 || (j.in != R_32F && j.in != R_16BF) || (j.out != R_32F && j.out != R_16BF))
    return 7;
  if ((j.how != COMPUTE_32F && j.how != FAST_TF32) || (j.in == R_32F && j.out != R_32F) || (j.how == FAST_TF32 && j.in != R_32F)) return 15;
  return fake_enqueue(h->stream, run, &j, sizeof j) ? 13 : 0;
}
int cublasCreate_v2(handle **h) {
  const char *s = getenv("FAKE_CUBLAS_CREATE");
  if (s && atoi(s)) return atoi(s);
  *h = calloc(1, sizeof **h);
  (*h)->made = 1;
  return 0;
}
int cublasDestroy_v2(handle *h) { if (!h || h->made != 1) return 1; h->made = 2; return 0; }
int cublasGetProperty(int which, int *v) { if (which < 0 || which > 2) return 7; *v = which == 0 ? 12 : which == 1 ? 4 : 5; return 0; }
int cublasSetStream_v2(handle *h, void *s) { h->stream = s; return 0; }
int cublasSgemm_v2(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, const void *a, int lda, const void *b, int ldb,
                   const float *beta, void *c, int ldc) {
  return start(h, (job){ta, tb, m, n, k, lda, ldb, ldc, R_32F, R_32F, COMPUTE_32F, 1, *alpha, *beta, a, b, c, 0, 0, 0});
}
int cublasGemmEx(handle *h, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int at, int lda, const void *b, int bt,
                 int ldb, const void *beta, void *c, int ct, int ldc, int how, int algo) {
  if (at != bt || algo != -1) return 15;
  return start(h, (job){ta, tb, m, n, k, lda, ldb, ldc, at, ct, how, 1, *(float *)alpha, *(float *)beta, a, b, c, 0, 0, 0});
}
int cublasGemmStridedBatchedEx(handle *h, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int at, int lda, long long sa,
                               const void *b, int bt, int ldb, long long sb, const void *beta, void *c, int ct, int ldc, long long sc,
                               int batch, int how, int algo) {
  if (at != bt || algo != -1) return 15;
  return start(h, (job){ta, tb, m, n, k, lda, ldb, ldc, at, ct, how, batch, *(float *)alpha, *(float *)beta, a, b, c, sa, sb, sc});
}
