// The causal convolution over spike events. W is [synapse][lag][channel]; an event of synapse s at bin b adds
// W[s][t-b] to row t of the output. Both directions are gathers into registers: an output row sums the rows of W of
// the events in its window, a row of W's gradient sums the output gradient's rows after the events of its synapse.

#define GATHER(NV)                                                                                                     \
  static inline __attribute__((always_inline)) void gather##NV(const float *base, const int32_t *key, int n,           \
                                                               int64_t add, int64_t channels, const float *init,      \
                                                               float *out) {                                          \
    V acc[NV];                                                                                                         \
    for (int j = 0; j < NV; j++) acc[j] = init ? LOAD(init + j * VW) : (V){0};                                         \
    for (int e = 0; e < n; e++) {                                                                                      \
      const float *p = base + (key[e] + add) * channels;                                                               \
      for (int j = 0; j < NV; j++) acc[j] += LOAD(p + j * VW);                                                         \
    }                                                                                                                  \
    for (int j = 0; j < NV; j++) STORE(out + j * VW, acc[j]);                                                          \
  }
GATHER(8)
GATHER(4)
GATHER(2)
GATHER(1)

// out[c] = init[c] + sum over e < n of base[(key[e] + add) channels + c]
FN void gather_row(const float *base, const int32_t *key, int n, int64_t add, int channels, const float *init,
                   float *out) {
  int c = 0;
  for (; c + 8 * VW <= channels; c += 8 * VW) gather8(base + c, key, n, add, channels, init ? init + c : 0, out + c);
  if (c + 4 * VW <= channels) gather4(base + c, key, n, add, channels, init ? init + c : 0, out + c), c += 4 * VW;
  if (c + 2 * VW <= channels) gather2(base + c, key, n, add, channels, init ? init + c : 0, out + c), c += 2 * VW;
  if (c + VW <= channels) gather1(base + c, key, n, add, channels, init ? init + c : 0, out + c), c += VW;
  for (; c < channels; c++) {
    float s = init ? init[c] : 0;
    for (int e = 0; e < n; e++) s += base[(key[e] + add) * channels + c];
    out[c] = s;
  }
}

// Rows t0 <= t < t1 of one sequence from its events, sorted by bin; key = synapse*taps - bin. With bias the rows start
// from it, without they are added to.
static void event_rows(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                       const float *bias, float *out, int64_t stride, int t0, int t1) {
  unsigned mode = flush_on();
  int lo = 0, hi = 0;
  for (int size = n; size > 0;) { // first event with bin > t0 - taps
    int half = size / 2;
    if (bin[lo + half] <= t0 - taps) lo += half + 1, size -= half + 1;
    else size = half;
  }
  hi = lo;
  for (int t = t0; t < t1; t++) {
    while (lo < n && bin[lo] <= t - taps) lo++;
    while (hi < n && bin[hi] <= t) hi++;
    float *row = out + t * stride;
    if (bias || hi > lo) gather_row(w, key + lo, hi - lo, t, channels, bias ? bias : row, row);
  }
  flush_restore(mode);
}

// The same for few channels and rows 0 <= t < rows: an event adds its synapse's block, contiguous when stride is
// channels.
static void event_scatter(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                          const float *bias, float *out, int64_t stride, int rows) {
  unsigned mode = flush_on();
  if (bias)
    for (int t = 0; t < rows; t++)
      for (int c = 0; c < channels; c++) out[t * stride + c] = bias[c];
  for (int e = 0; e < n; e++) {
    int lags = rows - bin[e] < taps ? rows - bin[e] : taps;
    const float *p = w + ((int64_t)key[e] + bin[e]) * channels;
    float *o = out + bin[e] * stride;
    if (stride == channels) {
      int i = 0, m = lags * channels;
      for (; i + VW <= m; i += VW) STORE(o + i, LOAD(o + i) + LOAD(p + i));
      for (; i < m; i++) o[i] += p[i];
    } else {
      for (int k = 0; k < lags; k++)
        for (int c = 0; c < channels; c++) o[k * stride + c] += p[k * channels + c];
    }
  }
  flush_restore(mode);
}

// dw [taps][channels] of one synapse from its events, sorted by bin; row = batch row * time + bin.
static void event_grad(const float *dout, const int32_t *row, const int32_t *bin, int n, int taps, int dilation,
                       int channels, int time, float *dw) {
  unsigned mode = flush_on();
  if (channels >= VW) {
    for (int k = 0; k < taps; k++) {
      while (n > 0 && bin[n - 1] + k * dilation >= time) n--;
      gather_row(dout, row, n, (int64_t)k * dilation, channels, 0, dw + (int64_t)k * channels);
    }
  } else {
    memset(dw, 0, sizeof(float) * taps * channels);
    for (int e = 0; e < n; e++) {
      int lags = (time - bin[e] + dilation - 1) / dilation;
      if (lags > taps) lags = taps;
      const float *p = dout + (int64_t)row[e] * channels;
      if (dilation == 1) {
        int i = 0, m = lags * channels;
        for (; i + VW <= m; i += VW) STORE(dw + i, LOAD(dw + i) + LOAD(p + i));
        for (; i < m; i++) dw[i] += p[i];
      } else {
        for (int k = 0; k < lags; k++)
          for (int c = 0; c < channels; c++) dw[k * channels + c] += p[(int64_t)k * dilation * channels + c];
      }
    }
  }
  flush_restore(mode);
}
