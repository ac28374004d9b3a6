// The causal convolution of each channel by itself: y[t] = bias + sum over taps of w[tap] x[t - tap*dilation], and its
// gradients; x [time][channels], w [taps][channels].

// Rows t0 <= t < t1. With lag -1 it is the gradient of x: dx[t] = sum over taps of w[tap] dy[t + tap*dilation].
FN void depthwise(const float *x, const float *w, const float *bias, int time, int channels, int taps, int dilation,
                  const int lag, int t0, int t1, float *y) {
  unsigned mode = flush_on();
  for (int t = t0; t < t1; t++) {
    int64_t reach = (lag > 0 ? t : time - 1 - t) / dilation;
    int last = reach < taps - 1 ? (int)reach : taps - 1, c = 0;
    const int64_t step = -(int64_t)lag * dilation * channels;
    for (; c + VW <= channels; c += VW) {
      V s = {0};
      if (bias) s = LOAD(bias + c);
      const float *p = x + (int64_t)t * channels + c, *q = w + c;
      for (int k = 0; k <= last; k++, p += step, q += channels) s += LOAD(q) * LOAD(p);
      STORE(y + (int64_t)t * channels + c, s);
    }
    for (; c < channels; c++) {
      float s = bias ? bias[c] : 0;
      const float *p = x + (int64_t)t * channels + c, *q = w + c;
      for (int k = 0; k <= last; k++, p += step, q += channels) s += *q * *p;
      y[(int64_t)t * channels + c] = s;
    }
  }
  flush_restore(mode);
}

static void depthwise_rows(const float *x, const float *w, const float *bias, int time, int channels, int taps,
                           int dilation, int t0, int t1, float *y) {
  depthwise(x, w, bias, time, channels, taps, dilation, 1, t0, t1, y);
}

static void depthwise_dx(const float *dy, const float *w, int time, int channels, int taps, int dilation, int t0, int t1,
                         float *dx) {
  depthwise(dy, w, 0, time, channels, taps, dilation, -1, t0, t1, dx);
}

enum { DEPTHWISE_TAPS = 8 };

// n taps from k of dw over rows t0 <= t < t1; n is a constant.
FN void depthwise_taps(const int n, int k, const float *x, const float *dy, int channels, int dilation, int t0, int t1,
                       float *dw) {
  int c = 0;
  for (; c + VW <= channels; c += VW) {
    V s[DEPTHWISE_TAPS] = {{0}};
    for (int j = 0; j < n; j++) { // rows whose lag reaches back before the window
      int64_t lag = (int64_t)(k + j) * dilation, whole = (int64_t)(k + n - 1) * dilation;
      for (int64_t t = lag > t0 ? lag : t0; t < t1 && t < whole; t++)
        s[j] += LOAD(dy + t * channels + c) * LOAD(x + (t - lag) * channels + c);
    }
    int64_t from = (int64_t)(k + n - 1) * dilation;
    for (int64_t t = from > t0 ? from : t0; t < t1; t++) {
      V d = LOAD(dy + t * channels + c);
      const float *p = x + (t - (int64_t)k * dilation) * channels + c;
      for (int j = 0; j < n; j++) s[j] += d * LOAD(p - (int64_t)j * dilation * channels);
    }
    for (int j = 0; j < n; j++) STORE(dw + (int64_t)(k + j) * channels + c, s[j]);
  }
  for (; c < channels; c++)
    for (int j = 0; j < n; j++) {
      int64_t lag = (int64_t)(k + j) * dilation;
      float s = 0;
      for (int64_t t = lag > t0 ? lag : t0; t < t1; t++) s += dy[t * channels + c] * x[(t - lag) * channels + c];
      dw[(int64_t)(k + j) * channels + c] = s;
    }
}

// dw [taps][channels] of rows t0 <= t < t1 of a window.
static void depthwise_dw(const float *x, const float *dy, int channels, int taps, int dilation, int t0, int t1, float *dw) {
  unsigned mode = flush_on();
  int k = 0;
  for (; k + DEPTHWISE_TAPS <= taps; k += DEPTHWISE_TAPS)
    depthwise_taps(DEPTHWISE_TAPS, k, x, dy, channels, dilation, t0, t1, dw);
  for (; k + 2 <= taps; k += 2) depthwise_taps(2, k, x, dy, channels, dilation, t0, t1, dw);
  for (; k < taps; k++) depthwise_taps(1, k, x, dy, channels, dilation, t0, t1, dw);
  flush_restore(mode);
}
