// The dense causal convolution y[row] = bias + sum over taps of x[row - tap*dilation] w[tap] and its gradients, as
// tiled products whose factors are gathered from where they lie; and what a convolution by cuBLAS needs around it.

// A product of a tile, acc = the tile at (m0, n0) of the product of A [M][K] and B [K][N], expressions in m, k and n, over
// K0 <= k < K1; then THEN, which may use m, n and v, for every element of the thread's part of the tile. Factors come to
// shared memory along their memory's order: along k where A_ALONG_K or B_ALONG_K is 1, else along m or n.
enum { TILE_MN = 64 };

// In float32: a thread has 4 x 4 elements of the tile.
enum { TILE_K = 16 };
#define PRODUCT_FP32(M, N, K0, K1, A_ALONG_K, A, B_ALONG_K, B, THEN)                                                   \
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
  }                                                                                                                    \
  for (int i = 0; i < 4; i++)                                                                                          \
    for (int j = 0; j < 4; j++) {                                                                                      \
      unsigned m = m0 + ty + i, n = n0 + tx + j;                                                                       \
      float v = acc[i][j];                                                                                             \
      if (m < (M) && n < (N)) THEN;                                                                                    \
    }

FN uint32_t word_of(const void *p) { // where four bytes lie, as one load
  uint32_t w;
  __builtin_memcpy(&w, __builtin_assume_aligned(p, 4), 4);
  return w;
}
#define WORD(x) word_of(&(x))

// By tensor cores: factors rounded to nearest even as they come to shared memory, where k runs fastest, as the
// instruction wants them; sums in float32. A warp has 16 x 32 elements of the tile, four products wide. What the next
// round needs is fetched into registers while this one is multiplied. Rows are padded so that a warp's loads meet
// every bank once.
enum { MMA_K = 32, MMA_EACH = TILE_MN * MMA_K / BLOCK_THREADS };
#define PRODUCT_MMA(T, ROW, ROUND, K_STEP, MMA, A0, A2, M, N, K0, K1, A_ALONG_K, A, B_ALONG_K, B, THEN)                \
  SHARED T a_[TILE_MN][ROW] __attribute__((aligned(16)));                                                              \
  SHARED T b_[TILE_MN][ROW] __attribute__((aligned(16)));                                                              \
  float acc[4][4] = {{0}}, fa[MMA_EACH], fb[MMA_EACH];                                                                 \
  const int group = THREAD % 32 / 4, four = THREAD % 4, ty = THREAD / 32 % 4 * 16 + group, tx = THREAD / 128 * 32;     \
  for (unsigned k0 = (K0);; k0 += MMA_K) {                                                                             \
    for (int q = 0; q < MMA_EACH && k0 < (K1); q++) {                                                                  \
      int i = q * BLOCK_THREADS + THREAD;                                                                              \
      unsigned m = m0 + (A_ALONG_K ? i / MMA_K : i % TILE_MN), k = k0 + (A_ALONG_K ? i % MMA_K : i / TILE_MN);         \
      fa[q] = 0;                                                                                                       \
      if (m < (M) && k < (K1)) fa[q] = (A);                                                                            \
      unsigned n = n0 + (B_ALONG_K ? i / MMA_K : i % TILE_MN);                                                         \
      k = k0 + (B_ALONG_K ? i % MMA_K : i / TILE_MN), fb[q] = 0;                                                       \
      if (n < (N) && k < (K1)) fb[q] = (B);                                                                            \
    }                                                                                                                  \
    if (k0 > (K0)) {                                                                                                   \
      for (int k = 0; k < MMA_K; k += K_STEP) {                                                                        \
        const uint32_t a[4] = {WORD(a_[ty][k + A0]), WORD(a_[ty + 8][k + A0]), WORD(a_[ty][k + A2]),                   \
                               WORD(a_[ty + 8][k + A2])};                                                              \
        for (int j = 0; j < 4; j++) {                                                                                  \
          const uint32_t b[2] = {WORD(b_[tx + 8 * j + group][k + A0]), WORD(b_[tx + 8 * j + group][k + A2])};          \
          MMA(acc[j], a, b);                                                                                           \
        }                                                                                                              \
      }                                                                                                                \
      SYNC();                                                                                                          \
    }                                                                                                                  \
    if (k0 >= (K1)) break;                                                                                             \
    for (int q = 0; q < MMA_EACH; q++) {                                                                               \
      int i = q * BLOCK_THREADS + THREAD;                                                                              \
      a_[A_ALONG_K ? i / MMA_K : i % TILE_MN][A_ALONG_K ? i % MMA_K : i / TILE_MN] = ROUND(fa[q]);                     \
      b_[B_ALONG_K ? i / MMA_K : i % TILE_MN][B_ALONG_K ? i % MMA_K : i / TILE_MN] = ROUND(fb[q]);                     \
    }                                                                                                                  \
    SYNC();                                                                                                            \
  }                                                                                                                    \
  for (int j = 0; j < 4; j++)                                                                                          \
    for (int i = 0; i < 4; i++) {                                                                                      \
      unsigned m = m0 + ty + i / 2 * 8, n = n0 + tx + 8 * j + 2 * four + i % 2;                                        \
      float v = acc[j][i];                                                                                             \
      if (m < (M) && n < (N)) THEN;                                                                                    \
    }
#define PRODUCT_BF16(...) PRODUCT_MMA(uint16_t, MMA_K + 8, round_bf16, 16, MMA_BF16, 2 * four, 2 * four + 8, __VA_ARGS__)
#define PRODUCT_TF32(...) PRODUCT_MMA(float, MMA_K + 4, round_tf32, 8, MMA_TF32, four, four + 4, __VA_ARGS__)

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

// The three products of a convolution in one arithmetic. dw [taps*cin][cout] is over a split of the rows: part
// [split][taps*cin][cout], blocks tile by tile, split by split.
#define CONV_KERNELS(SUFFIX, PRODUCT)                                                                                  \
  KERNEL(conv_rows##SUFFIX, const float *, x, const float *, w, const float *, bias, float *, y, unsigned, rows,       \
         unsigned, time, unsigned, cin, unsigned, cout, unsigned, taps, unsigned, dilation) {                          \
    NEEDS(x, (int64_t)rows *cin);                                                                                      \
    NEEDS(w, (int64_t)taps *cin *cout);                                                                                \
    NEEDS(y, (int64_t)rows *cout);                                                                                     \
    TILE_AT(cout)                                                                                                      \
    PRODUCT(rows, cout, 0, taps *cin, 1, before_f(x, m, k / cin, dilation, time, cin, k % cin), 0, w[k * cout + n],    \
            y[m * cout + n] = v + bias[n])                                                                             \
  }                                                                                                                    \
  KERNEL(conv_dx##SUFFIX, const float *, w, const float *, dy, float *, dx, unsigned, rows, unsigned, time, unsigned,  \
         cin, unsigned, cout, unsigned, taps, unsigned, dilation) {                                                    \
    NEEDS(dy, (int64_t)rows *cout);                                                                                    \
    NEEDS(w, (int64_t)taps *cin *cout);                                                                                \
    NEEDS(dx, (int64_t)rows *cin);                                                                                     \
    TILE_AT(cin)                                                                                                       \
    PRODUCT(rows, cin, 0, taps *cout, 1, after_f(dy, m, k / cout, dilation, time, cout, k % cout), 1,                  \
            w[(k / cout * cin + n) * cout + k % cout], dx[m * cin + n] = v)                                            \
  }                                                                                                                    \
  KERNEL(conv_dw##SUFFIX, const float *, x, const float *, dy, float *, part, unsigned, rows, unsigned, time,          \
         unsigned, cin, unsigned, cout, unsigned, taps, unsigned, dilation, unsigned, splits) {                        \
    NEEDS(x, (int64_t)rows *cin);                                                                                      \
    NEEDS(dy, (int64_t)rows *cout);                                                                                    \
    NEEDS(part, (int64_t)splits *taps *cin *cout);                                                                     \
    const unsigned down = taps * cin, across = (cout + TILE_MN - 1) / TILE_MN, split = BLOCK % splits;                 \
    const unsigned m0 = BLOCK / splits / across * TILE_MN, n0 = BLOCK / splits % across * TILE_MN;                     \
    const unsigned from = (unsigned)((uint64_t)rows * split / splits);                                                 \
    const unsigned to = (unsigned)((uint64_t)rows * (split + 1) / splits);                                             \
    PRODUCT(down, cout, from, to, 0, before_f(x, k, m / cin, dilation, time, cin, m % cin), 0, dy[k * cout + n],       \
            part[((uint64_t)split * down + m) * cout + n] = v)                                                         \
  }
CONV_KERNELS(, PRODUCT_FP32)
CONV_KERNELS(_tf32, PRODUCT_TF32)
CONV_KERNELS(_bf16, PRODUCT_BF16)

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

KERNEL(unfold_bf16, const float *, x, uint16_t *, columns, unsigned, n, unsigned, time, unsigned, channels, unsigned,
       taps, unsigned, dilation) {
  NEEDS(columns, n);
  EACH(i, n);
  columns[i] = round_bf16(before_f(x, i / channels / taps, i / channels % taps, dilation, time, channels, i % channels));
}

KERNEL(to_bf16, const float *, x, uint16_t *, y, unsigned, n) {
  NEEDS(x, n);
  NEEDS(y, n);
  EACH(i, n);
  y[i] = round_bf16(x[i]);
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
