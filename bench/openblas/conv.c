// One layer of the published TCN, 8 windows of 400 ms, 128 channels, 12 taps: our convolution and its gradients beside
// OpenBLAS's sgemm of the same products, in turns, on one core. Figures are of processor time, best of the rounds; those of
// OpenBLAS leave out what its products need around them, except in the last row of each.
#define _POSIX_C_SOURCE 200809L
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "nets.h"

enum { BATCH = 8, TIME = 400, C = 128, TAPS = 12, ROWS = BATCH * TIME, K = TAPS * C,
       REACH = TAPS - 1, ROUNDED = REACH + TIME + 48, DEEP = 416, STRIDE = 32 + DEEP };

static float *x, *y, *w, *packed, *transposed, *windows, *dx, *dw;
static uint16_t *rounded, *pairs, *columns;
static const nets_table *t;
static const nets_bf16 *h;

static double now(void) {
  struct timespec s;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &s);
  return s.tv_sec + 1e-9 * s.tv_nsec;
}

static void unfold(void) { // [row][tap][channel]
  for (int r = 0; r < ROWS; r++)
    for (int k = 0; k < TAPS; k++) {
      float *to = windows + (size_t)r * K + k * C;
      if (r % TIME < k) memset(to, 0, sizeof(float) * C);
      else memcpy(to, x + (size_t)(r - k) * C, sizeof(float) * C);
    }
}

static void ours(void) {
  static const float bias[C];
  for (int k = 0; k < TAPS; k++) t->conv_pack(w + k * C * C, C, 1, C, C, packed + k * C * C);
  for (int b = 0; b < BATCH; b++) t->conv_rows(x + b * TIME * C, packed, bias, C, C, TAPS, 1, 0, TIME, y + b * TIME * C);
}
static void blas_one(void) { cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ROWS, C, K, 1, windows, K, w, C, 0, y, C); }
static void blas_unfolded(void) { unfold(), blas_one(); }
static void blas_taps(void) {
  for (int b = 0; b < BATCH; b++)
    for (int k = 0; k < TAPS; k++)
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, TIME - k, C, C, 1, x + b * TIME * C, C, w + k * C * C, C, k > 0, y + (b * TIME + k) * C, C);
}
static void ours_dx(void) {
  for (int k = 0; k < TAPS; k++) t->conv_pack(w + k * C * C, 1, C, C, C, transposed + k * C * C);
  for (int b = 0; b < BATCH; b++) t->conv_dx(transposed, y + b * TIME * C, TIME, C, C, TAPS, 1, 0, TIME, dx + b * TIME * C);
}
static void blas_dx(void) {
  for (int b = 0; b < BATCH; b++)
    for (int k = 0; k < TAPS; k++)
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, TIME - k, C, C, 1, y + (b * TIME + k) * C, C, w + k * C * C, C, k > 0, dx + b * TIME * C, C);
}
static void ours_dw(void) {
  for (int k = 0; k < TAPS; k++)
    for (int j = 0; j < C; j += t->panel_columns) t->conv_dw(x, y, BATCH, TIME, C, C, k, j, dw + k * C * C);
}
static void blas_dw(void) { cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, K, C, ROWS, 1, windows, K, y, C, 0, dw, C); }
static void blas_dw_taps(void) {
  for (int b = 0; b < BATCH; b++)
    for (int k = 0; k < TAPS; k++)
      cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, C, C, TIME - k, 1, x + b * TIME * C, C, y + (b * TIME + k) * C, C, b > 0, dw + k * C * C, C);
}
static void ours_bf16(void) {
  static const float bias[C];
  for (int k = 0; k < TAPS; k++)
    for (int j = 0; j < C; j += 32) h->round_pairs(w + (TAPS - 1 - k) * C * C + j, C, C, 32, pairs + j * K + k * C * 32);
  for (int b = 0; b < BATCH; b++) {
    uint16_t *a = rounded + b * ROUNDED * C;
    h->round_rows(x + b * TIME * C, TIME, C, C, a + REACH * C);
    h->rows(a, C, 1, 0, K, pairs, bias, C, 0, TIME, y + b * TIME * C);
  }
}
static void ours_bf16_dw(void) {
  for (int b = 0; b < BATCH; b++)
    for (int j = 0; j < C; j += 32) {
      h->round_columns(x + b * TIME * C + j, C, TIME, 32, 32, STRIDE, columns + (b * C + j) * STRIDE);
      h->round_pairs(y + b * TIME * C + j, C, TIME, 32, pairs + (b * C + j) * DEEP);
    }
  for (int i = 0; i < C; i += 32)
    for (int j = 0; j < C; j += 32)
      for (int k = 0; k < TAPS; k += 4)
        h->dw(columns + i * STRIDE, STRIDE, C * STRIDE, pairs + j * DEEP, C * DEEP, BATCH, DEEP, 32, 1, k, k + 4, 32, 32, C, C * C, dw + i * C + j);
}

static struct {
  const char *what, *who;
  void (*run)(void);
  double best;
} rows[] = {
    {"forward", "neq", ours}, {"forward", "neq bf16", ours_bf16}, {"forward", "OpenBLAS, one product", blas_one},
    {"forward", "OpenBLAS, tap by tap", blas_taps}, {"forward", "OpenBLAS, with the unfolding", blas_unfolded},
    {"dx", "neq", ours_dx}, {"dx", "OpenBLAS, tap by tap", blas_dx},
    {"dw", "neq", ours_dw}, {"dw", "neq bf16", ours_bf16_dw}, {"dw", "OpenBLAS, one product, unfolded before", blas_dw},
    {"dw", "OpenBLAS, tap by tap", blas_dw_taps},
};

static void *room(size_t n) {
  void *p = aligned_alloc(64, (n + 4095) / 4096 * 4096);
  if (!p) exit(1);
  memset(p, 0, n);
  return p;
}

int main(void) {
  openblas_set_num_threads(1);
  t = nets_pick(""), h = nets_bf16_pick("");
  x = room(4 * ROWS * C), y = room(4 * ROWS * C), dx = room(4 * ROWS * C), w = room(4 * K * C), dw = room(4 * K * C);
  packed = room(4 * K * C), transposed = room(4 * K * C), windows = room(4ul * ROWS * K);
  rounded = room(2ul * BATCH * ROUNDED * C), pairs = room(2ul * BATCH * DEEP * C), columns = room(2ul * BATCH * C * STRIDE);
  for (int i = 0; i < ROWS * C; i++) x[i] = rand() / (float)RAND_MAX - .5f;
  for (int i = 0; i < K * C; i++) w[i] = rand() / (float)RAND_MAX - .5f;
  enum { KINDS = sizeof rows / sizeof *rows };
  for (int round = 0; round < 15; round++)
    for (int i = 0; i < KINDS; i++) {
      if (!h && strstr(rows[i].who, "bf16")) continue;
      double began = now();
      rows[i].run();
      double took = now() - began;
      if (!round || took < rows[i].best) rows[i].best = took;
    }
  printf("%s; neq: %s, bf16: %s; OpenBLAS's kernels: %s\n", "float32 unless said", t->name, h ? h->name : "none", openblas_get_corename());
  for (int i = 0; i < KINDS; i++)
    if (rows[i].best > 0) printf("%-8s %-40s %8.0f GFLOP/s\n", rows[i].what, rows[i].who, 2. * ROWS * K * C / rows[i].best / 1e9);
}
