// On vectors (AVX512-BF16): a pair of a row, broadcast, times 16 columns' pairs into 16 float32 sums.

FN void products_begin(void) {}
FN void products_end(void) {}

FN void dots(const int rows, const int vectors, int segments, int64_t step, int k, const bf16 *a, int64_t lda,
             const bf16 *b, const float *init, int64_t ldi, float *c, int64_t ldc) {
  __m512 acc[12][2];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++) acc[i][j] = _mm512_loadu_ps(init + i * ldi + 16 * j);
  for (int s = 0; s < segments; s++, a += step)
    for (int p = 0; p < k; p += 2, b += 2 * COLUMNS) {
      __m512bh v[2];
      for (int j = 0; j < vectors; j++) v[j] = (__m512bh)_mm512_loadu_si512(b + 32 * j);
      for (int i = 0; i < rows; i++) {
        int32_t pair;
        memcpy(&pair, a + i * lda + p, 4);
        __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
        for (int j = 0; j < vectors; j++) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, v[j]);
      }
    }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++) _mm512_storeu_ps(c + i * ldc + 16 * j, acc[i][j]);
}

#define DOTS(ROWS)                                                                                                     \
  for (; rows - i >= ROWS; i += ROWS)                                                                                  \
    if (wide) dots(ROWS, 2, segments, step, k, a + i * lda, lda, b, init + i * ldi, ldi, c + i * ldc, ldc);                                 \
    else dots(ROWS, 1, segments, step, k, a + i * lda, lda, b, init + i * ldi, ldi, c + i * ldc, ldc);

static void product(int rows, int wide, int segments, int64_t step, int k, const bf16 *a, int64_t lda, const bf16 *b,
                    const float *init, int64_t ldi, float *c, int64_t ldc) {
  int i = 0;
  DOTS(8) DOTS(4) DOTS(1)
}
