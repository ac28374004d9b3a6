// Our own matrix product, for machines without OpenBLAS: c = beta c + op(a) op(b), panels packed as in Goto & van de
// Geijn 2008, one register tile of MR rows by NR vectors.

enum { MR = VBYTES == 64 ? 12 : 4, NR = 2, KC = 256, MC = 96, NC = 256 };

FN void tile(int k, const float *ap, const float *bp, float *c, int ldc, int m, int n) {
  V acc[MR][NR];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NR; j++) acc[i][j] = (V){0};
  for (int p = 0; p < k; p++, ap += MR, bp += NR * VW)
    for (int j = 0; j < NR; j++) {
      V b = LOAD(bp + j * VW);
      for (int i = 0; i < MR; i++) acc[i][j] += b * ap[i];
    }
  if (m == MR && n == NR * VW) {
    for (int i = 0; i < MR; i++)
      for (int j = 0; j < NR; j++) STORE(c + (int64_t)i * ldc + j * VW, LOAD(c + (int64_t)i * ldc + j * VW) + acc[i][j]);
    return;
  }
  float edge[MR * NR * VW];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NR; j++) STORE(edge + (i * NR + j) * VW, acc[i][j]);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) c[(int64_t)i * ldc + j] += edge[i * NR * VW + j];
}

static void gemm(int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                 float *c, int ldc) {
  float ap[MC * KC] __attribute__((aligned(64)));
  float bp[KC * NC] __attribute__((aligned(64)));
  int64_t ra = ta ? 1 : lda, ca = ta ? lda : 1, rb = tb ? 1 : ldb, cb = tb ? ldb : 1;
  unsigned mode = flush_on();
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) c[(int64_t)i * ldc + j] = beta == 0 ? 0 : beta * c[(int64_t)i * ldc + j];
  for (int j0 = 0; j0 < n; j0 += NC) {
    int nc = n - j0 < NC ? n - j0 : NC;
    for (int p0 = 0; p0 < k; p0 += KC) {
      int kc = k - p0 < KC ? k - p0 : KC;
      for (int j = 0; j < nc; j += NR * VW)
        for (int p = 0; p < kc; p++)
          for (int q = 0; q < NR * VW; q++)
            bp[(int64_t)j * kc + p * NR * VW + q] = j + q < nc ? b[(p0 + p) * rb + (j0 + j + q) * cb] : 0;
      for (int i0 = 0; i0 < m; i0 += MC) {
        int mc = m - i0 < MC ? m - i0 : MC;
        for (int i = 0; i < mc; i += MR)
          for (int p = 0; p < kc; p++)
            for (int q = 0; q < MR; q++)
              ap[(int64_t)i * kc + p * MR + q] = i + q < mc ? a[(i0 + i + q) * ra + (p0 + p) * ca] : 0;
        for (int j = 0; j < nc; j += NR * VW)
          for (int i = 0; i < mc; i += MR)
            tile(kc, ap + (int64_t)i * kc, bp + (int64_t)j * kc, c + (int64_t)(i0 + i) * ldc + j0 + j, ldc,
                 mc - i < MR ? mc - i : MR, nc - j < NR * VW ? nc - j : NR * VW);
      }
    }
  }
  flush_restore(mode);
}
