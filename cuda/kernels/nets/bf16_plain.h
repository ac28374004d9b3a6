// In plain C: a sum of two products, as the instructions make it, on unrounded products of rounded factors.

FN void products_begin(void) {}
FN void products_end(void) {}

FN float wide_bf16(bf16 x) {
  uint32_t u = (uint32_t)x << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

static void product(int rows, int wide, int segments, int64_t step, int k, const bf16 *a, int64_t lda, const bf16 *b,
                    const float *init, int64_t ldi, float *c, int64_t ldc) {
  int columns = wide ? 32 : 16;
  for (int i = 0; i < rows; i++) memmove(c + i * ldc, init + i * ldi, sizeof(float) * columns);
  for (int s = 0; s < segments; s++, a += step)
    for (int p = 0; p < k; p += 2, b += 2 * COLUMNS)
      for (int i = 0; i < rows; i++) {
        float x0 = wide_bf16(a[i * lda + p]), x1 = wide_bf16(a[i * lda + p + 1]);
        for (int j = 0; j < columns; j++) c[i * ldc + j] += x0 * wide_bf16(b[2 * j]) + x1 * wide_bf16(b[2 * j + 1]);
      }
}
