// Matrix products c [m][n] += a b for convolutions: a is read in place at any strides, b in panels, packed or in place, c stays
// in registers (Goto & van de Geijn 2008, without the packing of a: a convolution's input is small and reused at once).
// An element's sum runs over p in order whatever the tile, so results do not depend on how rows are split.

enum { PANEL = VBYTES == 64 ? 4 : 2 }; // vectors of a panel's row

#define PANEL_COLUMNS (PANEL * VW)

// Rows of c by nv vectors: c[i][..] += sum over p < k of a[i*ra + p*ca] b[p][..]. rows and nv are constants.
FN void tile(const int rows, const int nv, int k, const float *a, int64_t ra, int64_t ca, const float *b, int64_t ldb,
             float *c, int64_t ldc) {
  V acc[12][4];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < nv; j++) acc[i][j] = LOAD(c + i * ldc + j * VW);
  for (int p = 0; p < k; p++, b += ldb) {
    V v[4];
    for (int j = 0; j < nv; j++) v[j] = LOAD(b + j * VW);
    for (int i = 0; i < rows; i++) {
      float x = a[i * ra + p * ca]; // times a vector: a broadcast from memory, which costs no port of the multipliers
      for (int j = 0; j < nv; j++) acc[i][j] += v[j] * x;
    }
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < nv; j++) STORE(c + i * ldc + j * VW, acc[i][j]);
}

#define TILES(ROWS, NV)                                                                                                \
  for (; m - i >= ROWS; i += ROWS) tile(ROWS, NV, k, a + i * ra, ra, ca, b, ldb, c + i * ldc, ldc);

#define ROWS_OF(NV, LARGE)                                                                                             \
  static __attribute__((noinline)) void rows##NV(int m, int k, const float *a, int64_t ra, int64_t ca, const float *b, \
                                                 int64_t ldb, float *c, int64_t ldc) {                                 \
    int i = 0;                                                                                                         \
    TILES(LARGE, NV) TILES(4, NV) TILES(2, NV) TILES(1, NV)                                                            \
  }
#if VBYTES == 64
ROWS_OF(1, 12)
ROWS_OF(2, 12)
ROWS_OF(3, 8)
ROWS_OF(4, 6)
#else
ROWS_OF(1, 12)
ROWS_OF(2, 6)
#endif

// One panel: columns of c are nv vectors.
FN void panel(int nv, int m, int k, const float *a, int64_t ra, int64_t ca, const float *b, int64_t ldb, float *c,
              int64_t ldc) {
  switch (nv) {
  case 1: rows1(m, k, a, ra, ca, b, ldb, c, ldc); break;
  case 2: rows2(m, k, a, ra, ca, b, ldb, c, ldc); break;
#if VBYTES == 64
  case 3: rows3(m, k, a, ra, ca, b, ldb, c, ldc); break;
  case 4: rows4(m, k, a, ra, ca, b, ldb, c, ldc); break;
#endif
  }
}

FN void pack_panel(const float *b, int64_t rb, int64_t cb, int k, int columns, float *packed) {
  for (int p = 0; p < k; p++, packed += PANEL_COLUMNS)
    for (int j = 0; j < PANEL_COLUMNS; j++) packed[j] = j < columns ? b[p * rb + j * cb] : 0;
}
