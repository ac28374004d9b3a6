// The dense causal convolution y[row] = bias + sum over taps of x[row - tap*dilation] w[tap] and its gradients, as
// tiled products whose factors are gathered from where they lie; and what a convolution by cuBLAS needs around it.

// acc += the tile at (m0, n0) of the product of A [M][K] and B [K][N], expressions in m, k and n, over K0 <= k < K1.
// A thread has 4 x 4 elements of the tile; factors come to shared memory along their memory's order: along k where
// A_ALONG_K or B_ALONG_K is 1, else along m or n.
enum { TILE_MN = 64, TILE_K = 16 };
#define PRODUCT(M, N, K0, K1, A_ALONG_K, A, B_ALONG_K, B)                                                              \
  SHARED float a_[TILE_K][TILE_MN + 4] __attribute__((aligned(16)));                                                   \
  SHARED float b_[TILE_K][TILE_MN + 4] __attribute__((aligned(16)));                                                   \
  float acc[4][4] = {{0}};                                                                                             \
  const int ty = THREAD / 16 * 4, tx = THREAD % 16 * 4;                                                                \
  for (unsigned k0 = (K0); k0 < (K1); k0 += TILE_K) {                                                                  \
    for (int q = THREAD; q < TILE_K * TILE_MN; q += BLOCK_THREADS) {                                                   \
      int ka = A_ALONG_K ? q % TILE_K : q / TILE_MN, ma = A_ALONG_K ? q / TILE_K : q % TILE_MN;                        \
      int kb = B_ALONG_K ? q % TILE_K : q / TILE_MN, nb = B_ALONG_K ? q / TILE_K : q % TILE_MN;                        \
      float v = 0;                                                                                                     \
      unsigned m = m0 + ma, n = n0 + nb, k = k0 + ka;                                                                  \
      if (m < (M) && k < (K1)) v = (A);                                                                                \
      a_[ka][ma] = v;                                                                                                  \
      v = 0, k = k0 + kb;                                                                                              \
      if (n < (N) && k < (K1)) v = (B);                                                                                \
      b_[kb][nb] = v;                                                                                                  \
    }                                                                                                                  \
    SYNC();                                                                                                            \
    for (int k = 0; k < TILE_K; k++)                                                                                   \
      for (int i = 0; i < 4; i++)                                                                                      \
        for (int j = 0; j < 4; j++) acc[i][j] += a_[k][ty + i] * b_[k][tx + j];                                        \
    SYNC();                                                                                                            \
  }

// Runs THEN, which may use m, n and v, for every element of the thread's part of the tile.
#define ELEMENTS(M, N, THEN)                                                                                           \
  for (int i = 0; i < 4; i++)                                                                                          \
    for (int j = 0; j < 4; j++) {                                                                                      \
      unsigned m = m0 + ty + i, n = n0 + tx + j;                                                                       \
      float v = acc[i][j];                                                                                             \
      if (m < (M) && n < (N)) THEN;                                                                                    \
    }

#define TILE_AT(N)                                                                                                     \
  const unsigned across = ((N) + TILE_MN - 1) / TILE_MN, m0 = BLOCK / across * TILE_MN, n0 = BLOCK % across * TILE_MN;

// x one lag before row m, where the window has begun; y one lag after it, where it has not ended.
FN float before_f(const float *x, unsigned m, unsigned lag_taps, unsigned dilation, unsigned time, unsigned channels,
                  unsigned c) {
  uint64_t lag = (uint64_t)lag_taps * dilation;
  return m % time >= lag ? x[(m - (unsigned)lag) * channels + c] : 0;
}
FN float after_f(const float *y, unsigned m, unsigned lag_taps, unsigned dilation, unsigned time, unsigned channels,
                 unsigned c) {
  uint64_t lag = (uint64_t)lag_taps * dilation;
  return m % time + lag < time ? y[(m + (unsigned)lag) * channels + c] : 0;
}

KERNEL(conv_rows, const float *, x, const float *, w, const float *, bias, float *, y, unsigned, rows, unsigned, time,
       unsigned, cin, unsigned, cout, unsigned, taps, unsigned, dilation) {
  NEEDS(x, (int64_t)rows * cin);
  NEEDS(w, (int64_t)taps * cin * cout);
  NEEDS(y, (int64_t)rows * cout);
  TILE_AT(cout)
  PRODUCT(rows, cout, 0, taps * cin, 1, before_f(x, m, k / cin, dilation, time, cin, k % cin), 0, w[k * cout + n])
  ELEMENTS(rows, cout, y[m * cout + n] = v + bias[n])
}

KERNEL(conv_dx, const float *, w, const float *, dy, float *, dx, unsigned, rows, unsigned, time, unsigned, cin,
       unsigned, cout, unsigned, taps, unsigned, dilation) {
  NEEDS(dy, (int64_t)rows * cout);
  NEEDS(w, (int64_t)taps * cin * cout);
  NEEDS(dx, (int64_t)rows * cin);
  TILE_AT(cin)
  PRODUCT(rows, cin, 0, taps * cout, 1, after_f(dy, m, k / cout, dilation, time, cout, k % cout), 1,
          w[(k / cout * cin + n) * cout + k % cout])
  ELEMENTS(rows, cin, dx[m * cin + n] = v)
}

// dw [taps*cin][cout] over a split of the rows: part [split][taps*cin][cout], blocks tile by tile, split by split.
KERNEL(conv_dw, const float *, x, const float *, dy, float *, part, unsigned, rows, unsigned, time, unsigned, cin,
       unsigned, cout, unsigned, taps, unsigned, dilation, unsigned, splits) {
  NEEDS(x, (int64_t)rows * cin);
  NEEDS(dy, (int64_t)rows * cout);
  NEEDS(part, (int64_t)splits * taps * cin * cout);
  const unsigned down = taps * cin, across = (cout + TILE_MN - 1) / TILE_MN, split = BLOCK % splits;
  const unsigned m0 = BLOCK / splits / across * TILE_MN, n0 = BLOCK / splits % across * TILE_MN;
  const unsigned from = (unsigned)((uint64_t)rows * split / splits), to = (unsigned)((uint64_t)rows * (split + 1) / splits);
  PRODUCT(down, cout, from, to, 0, before_f(x, k, m / cin, dilation, time, cin, m % cin), 0, dy[k * cout + n])
  ELEMENTS(down, cout, part[((uint64_t)split * down + m) * cout + n] = v)
}

KERNEL(sum_parts, const float *, part, float *, sum, unsigned, n, int, parts) {
  NEEDS(part, (int64_t)n * parts);
  NEEDS(sum, n);
  EACH(i, n);
  float s = 0;
  for (int p = 0; p < parts; p++) s += part[(uint64_t)p * n + i];
  sum[i] = s;
}

// columns [rows][taps][channels]: every row's window of x, 0 where it begins before the data.
KERNEL(unfold, const float *, x, float *, columns, unsigned, n, unsigned, time, unsigned, channels, unsigned, taps,
       unsigned, dilation) {
  NEEDS(columns, n);
  EACH(i, n);
  columns[i] = before_f(x, i / channels / taps, i / channels % taps, dilation, time, channels, i % channels);
}

// The gradient of unfold: dx is the sum over taps of the elements that came from it.
KERNEL(fold, const float *, columns, float *, dx, unsigned, n, unsigned, time, unsigned, channels, unsigned, taps,
       unsigned, dilation) {
  NEEDS(columns, (int64_t)n * taps);
  NEEDS(dx, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = 0;
  for (unsigned k = 0; k < taps; k++) s += after_f(columns, row, k, dilation, time, taps * channels, k * channels + c);
  dx[i] = s;
}

KERNEL(fill_rows, const float *, bias, float *, y, unsigned, n, unsigned, channels) {
  NEEDS(bias, channels);
  NEEDS(y, n);
  EACH(i, n);
  y[i] = bias[i % channels];
}
