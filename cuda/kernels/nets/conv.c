// The dense causal convolution as one matrix product per tap, without building a matrix of windows.
#include <string.h>
#include "nets.h"

void nets_conv_rows(const nets_table *t, const float *x, const float *w, const float *bias, int cin, int cout, int taps,
                    int dilation, int t0, int t1, float *y) {
  gemm_fn *gemm = nets_gemm(t);
  for (int i = t0; i < t1; i++) memcpy(y + (int64_t)i * cout, bias, sizeof(float) * cout);
  for (int k = 0; k < taps; k++) {
    int64_t lag = (int64_t)k * dilation, from = lag > t0 ? lag : t0;
    if (from >= t1) break;
    if (cin == 1 && cout == 1) t->line_add(x + from - lag, w[k], y + from, t1 - from);
    else gemm(0, 0, t1 - from, cout, cin, x + (from - lag) * cin, cin, w + (int64_t)k * cin * cout, cout, 1,
              y + from * cout, cout);
  }
}

void nets_conv_dx(const nets_table *t, const float *w, const float *dy, int time, int cin, int cout, int taps,
                  int dilation, int t0, int t1, float *dx) {
  gemm_fn *gemm = nets_gemm(t);
  for (int k = 0; k < taps; k++) {
    int64_t lag = (int64_t)k * dilation, to = time - lag < t1 ? time - lag : t1;
    if (to <= t0) break;
    if (cin == 1 && cout == 1) {
      if (k == 0) memset(dx + t0, 0, sizeof(float) * (t1 - t0));
      t->line_add(dy + t0 + lag, w[k], dx + t0, to - t0);
    } else gemm(0, 1, to - t0, cin, cout, dy + (t0 + lag) * cout, cout, w + (int64_t)k * cin * cout, cout, k > 0,
                dx + (int64_t)t0 * cin, cin);
  }
}

// Input channels c0 <= c < c1 of the gradient of the tap at a lag.
void nets_conv_dw(const nets_table *t, const float *x, const float *dy, int batch, int time, int cin, int cout, int lag,
                  int c0, int c1, float *dw) {
  gemm_fn *gemm = nets_gemm(t);
  if (lag >= time) {
    memset(dw + (int64_t)c0 * cout, 0, sizeof(float) * (c1 - c0) * cout);
    return;
  }
  if (cin == 1 && cout == 1) {
    double sum = 0;
    for (int b = 0; b < batch; b++)
      sum += t->line_dot(x + (int64_t)b * time, dy + (int64_t)b * time + lag, time - lag);
    dw[0] = sum;
    return;
  }
  for (int b = 0; b < batch; b++)
    gemm(1, 0, c1 - c0, cout, time - lag, x + (int64_t)b * time * cin + c0, cin,
         dy + ((int64_t)b * time + lag) * cout, cout, b > 0, dw + (int64_t)c0 * cout, cout);
}

void nets_gemm_run(const nets_table *t, int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float beta, float *c, int ldc) {
  nets_gemm(t)(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
