// Transposed blocks: columns become rows, VW by VW in registers, in log2(VW) rounds of exchanges between rows that are
// 1, 2, 4, .. apart.

#if VBYTES == 64
#define EXCHANGES(X)                                                                                                   \
  X(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),                                                    \
    (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))                                                       \
  X(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),                                                     \
    (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))                                                      \
  X(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),                                                     \
    (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))                                                      \
  X(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),                                                       \
    (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#elif VBYTES == 32
#define EXCHANGES(X)                                                                                                   \
  X(1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))                                                       \
  X(2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))                                                       \
  X(4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
#else
#define EXCHANGES(X) X(1, (0, 4, 2, 6), (1, 5, 3, 7)) X(2, (0, 1, 4, 5), (2, 3, 6, 7))
#endif
#define LANES_OF(...) __VA_ARGS__
#define EXCHANGE(FAR, LOW, HIGH)                                                                                       \
  _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) if (!(i & FAR)) {                                              \
    V a = r[i], b = r[i + FAR];                                                                                        \
    r[i] = __builtin_shufflevector(a, b, LANES_OF LOW);                                                                \
    r[i + FAR] = __builtin_shufflevector(a, b, LANES_OF HIGH);                                                         \
  }

// y[j][i] = scale x[i][j] of VW by VW.
FN void turn_block(const float *x, int64_t x_row, float scale, float *y, int64_t y_row) {
  V r[VW];
  _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) r[i] = LOAD(x + i * x_row) * scale;
  EXCHANGES(EXCHANGE)
  _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) STORE(y + i * y_row, r[i]);
}

// y[j][i] = scale x[i][j] of rows by columns.
static void turn(const float *x, int64_t x_row, int rows, int columns, float scale, float *y, int64_t y_row) {
  for (int i = 0; i < rows; i += VW)
    for (int j = 0; j < columns; j += VW) {
      const float *from = x + i * x_row + j;
      float *to = y + j * y_row + i;
      if (i + VW <= rows && j + VW <= columns) {
        turn_block(from, x_row, scale, to, y_row);
        continue;
      }
      int m = rows - i < VW ? rows - i : VW, n = columns - j < VW ? columns - j : VW;
      for (int b = 0; b < n; b++)
        for (int a = 0; a < m; a++) to[b * y_row + a] = scale * from[a * x_row + b];
    }
}
