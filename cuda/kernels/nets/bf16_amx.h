// On tiles (Intel AMX): 16 rows of 64 bytes, multiplied pair by pair of bfloat16 into 16 x 16 float32 sums. A block of
// 32 x 32 keeps four sums and loads four factors for four products. Threads share no tiles: goroutines move between
// threads, so that every call of a kernel sets tiles up and gives them back.

typedef struct {
  uint8_t palette, start, zero[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} tile_config;

FN void products_begin(void) {
  static const tile_config config __attribute__((aligned(64))) = {
      .palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&config);
}
FN void products_end(void) { _tile_release(); }


FN void tiles(const int tall, const int wide, int segments, int64_t step, int k, const bf16 *a, int64_t lda,
              const bf16 *b, const float *init, int64_t ldi, float *c, int64_t ldc) {
  const size_t sa = lda * sizeof(bf16), sb = COLUMNS * 2 * sizeof(bf16), si = ldi * sizeof(float),
               sc = ldc * sizeof(float);
  _tile_loadd(0, init, si);
  if (wide) _tile_loadd(1, init + 16, si);
  if (tall) _tile_loadd(2, init + 16 * ldi, si);
  if (tall && wide) _tile_loadd(3, init + 16 * ldi + 16, si);
  for (int s = 0; s < segments; s++, a += step)
    for (int p = 0; p < k; p += 32, b += 32 * COLUMNS) {
      _tile_loadd(6, b, sb);
      _tile_loadd(4, a + p, sa);
      _tile_dpbf16ps(0, 4, 6);
      if (wide) {
        _tile_loadd(7, b + 32, sb);
        _tile_dpbf16ps(1, 4, 7);
      }
      if (tall) {
        _tile_loadd(5, a + p + 16 * lda, sa);
        _tile_dpbf16ps(2, 5, 6);
      }
      if (tall && wide) _tile_dpbf16ps(3, 5, 7);
    }
  _tile_stored(0, c, sc);
  if (wide) _tile_stored(1, c + 16, sc);
  if (tall) _tile_stored(2, c + 16 * ldc, sc);
  if (tall && wide) _tile_stored(3, c + 16 * ldc + 16, sc);
}

static void product(int rows, int wide, int segments, int64_t step, int k, const bf16 *a, int64_t lda, const bf16 *b,
                    const float *init, int64_t ldi, float *c, int64_t ldc) {
  if (rows > 16 && wide) tiles(1, 1, segments, step, k, a, lda, b, init, ldi, c, ldc);
  else if (rows > 16) tiles(1, 0, segments, step, k, a, lda, b, init, ldi, c, ldc);
  else if (wide) tiles(0, 1, segments, step, k, a, lda, b, init, ldi, c, ldc);
  else tiles(0, 0, segments, step, k, a, lda, b, init, ldi, c, ldc);
}
