// The kernels of surrogate networks, one table per instruction set. Row-major float32 throughout.
#ifndef NEQ_NETS_H
#define NEQ_NETS_H
#include <stdint.h>

enum { ACT_RELU, ACT_GELU, ACT_SILU, ACT_TANH };

// c [m][n] = beta c + op(a) op(b), transposed where ta, tb; lda, ldb, ldc are row lengths.
typedef void gemm_fn(int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                     float *c, int ldc);

typedef struct {
  double beta1, beta2, eps, clip; // clip multiplies the gradient
  double step_m, step_g, denom;       // w -= (step_m m + step_g g) / (sqrt(v) denom + eps)
} nets_adam;

typedef struct {
  const char *name;
  int lanes;
  // events.h
  void (*event_rows)(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                     const float *bias, float *out, int64_t stride, int t0, int t1);
  void (*event_scatter)(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                        const float *bias, float *out, int64_t stride, int rows);
  void (*event_grad)(const float *dout, const int32_t *row, const int32_t *bin, int n, int taps, int dilation,
                     int channels, int time, float *dw);
  // elementwise.h
  void (*act)(int kind, const float *x, float *y, int64_t n);
  void (*act_grad)(int kind, const float *x, const float *dy, float *dx, int64_t n);
  // columns.h
  void (*sum_columns)(const float *x, int64_t rows, int channels, float *sums);
  void (*sum_squares)(const float *x, const float *mean, int64_t rows, int channels, float *sums);
  void (*norm)(const float *x, const float *stats, const float *gamma, const float *beta, int64_t rows, int channels,
               float *y);
  void (*norm_sums)(const float *x, const float *stats, const float *dy, int64_t rows, int channels, float *sums);
  void (*norm_grad)(const float *x, const float *stats, const float *gamma, const float *dy, const float *means,
                    int64_t rows, int channels, float *dx);
  // heads.h
  void (*heads)(const float *x, const float *w, const float *b, int64_t rows, int channels, int heads, float *y);
  void (*heads_dx)(const float *dy, const float *w, int64_t rows, int channels, int heads, float *dx);
  void (*heads_dw)(const float *dy, const float *x, int64_t rows, int channels, int heads, float *dw);
  double (*spike_loss)(const float *y, const float *target, int64_t rows, int heads, float scale, float *dy);
  double (*square_loss)(const float *y, const float *target, int64_t rows, int heads, float scale, float *dy);
  // adam.h
  void (*adam)(const nets_adam *p, float *w, const float *g, float *m, float *v, int64_t n);
  double (*square_sum)(const float *x, int64_t n);
  // lines.h
  void (*line_add)(const float *x, float a, float *y, int64_t n);
  float (*line_dot)(const float *x, const float *y, int64_t n);
  // gemm.h
  gemm_fn *gemm;
} nets_table;

const nets_table *nets_pick(const char *isa); // "" picks the best the machine has; NULL where it lacks isa

// blas.c
const char *nets_blas(void);  // the library in use, "" for our own kernel
void nets_use_blas(int use);  // 0: our own kernel from now on (tests)
gemm_fn *nets_gemm(const nets_table *t);

// conv.c: dense causal convolution of x [time][cin] with w [taps][cin][cout], lag k of tap k times dilation
void nets_conv_rows(const nets_table *t, const float *x, const float *w, const float *bias, int cin, int cout, int taps,
                    int dilation, int t0, int t1, float *y);
void nets_conv_dx(const nets_table *t, const float *w, const float *dy, int time, int cin, int cout, int taps,
                  int dilation, int t0, int t1, float *dx);
void nets_conv_dw(const nets_table *t, const float *x, const float *dy, int batch, int time, int cin, int cout, int lag,
                  int c0, int c1, float *dw);

void nets_gemm_run(const nets_table *t, int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float beta, float *c, int ldc);
#endif
