// The dense causal convolution y[t] = bias + sum over taps of x[t - tap*dilation] w[tap], and its gradients, as matrix
// products over packed weights, without building a matrix of windows.

// Rows of a panel at once: packed ones fill 32 KB and stay in the L1 cache; those read in place lie scattered in it.
enum { DEPTH = 128, DEPTH_DW = 32 };

static int64_t conv_packed(int taps, int rows, int columns) {
  return (int64_t)taps * rows * ((columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS) * PANEL_COLUMNS;
}

// One tap's weights, element (p, j) at w[p*rb + j*cb], as panels [panel][rows][PANEL_COLUMNS].
static void conv_pack(const float *w, int64_t rb, int64_t cb, int rows, int columns, float *packed) {
  for (int j = 0; j < columns; j += PANEL_COLUMNS, packed += (int64_t)rows * PANEL_COLUMNS)
    pack_panel(w + j * cb, rb, cb, rows, columns - j < PANEL_COLUMNS ? columns - j : PANEL_COLUMNS, packed);
}

// c [m][columns] += a b for one panel; columns that do not fill a vector go through a buffer.
static void block(int m, int k, const float *a, int64_t ra, int64_t ca, const float *b, int64_t ldb, int columns,
                  float *c, int64_t ldc) {
  int nv = (columns + VW - 1) / VW;
  if (columns % VW == 0) {
    panel(nv, m, k, a, ra, ca, b, ldb, c, ldc);
    return;
  }
  enum { ROWS = 48 };
  float buffer[ROWS * PANEL_COLUMNS];
  for (int i = 0; i < m; i += ROWS) {
    int n = m - i < ROWS ? m - i : ROWS;
    memset(buffer, 0, sizeof(float) * n * PANEL_COLUMNS);
    for (int r = 0; r < n; r++) memcpy(buffer + r * PANEL_COLUMNS, c + (i + r) * ldc, sizeof(float) * columns);
    panel(nv, n, k, a + i * ra, ra, ca, b, ldb, buffer, PANEL_COLUMNS);
    for (int r = 0; r < n; r++) memcpy(c + (i + r) * ldc, buffer + r * PANEL_COLUMNS, sizeof(float) * columns);
  }
}

// All panels of one tap: c [m][columns] += a [m][depth] times the packed tap, in pieces that stay in the L1 cache.
FN void tap_product(int m, int depth, const float *a, const float *packed, int j, int columns, float *c) {
  int n = columns - j < PANEL_COLUMNS ? columns - j : PANEL_COLUMNS;
  const float *b = packed + (int64_t)j * depth;
  for (int p = 0; p < depth; p += DEPTH)
    block(m, depth - p < DEPTH ? depth - p : DEPTH, a + p, depth, 1, b + (int64_t)p * PANEL_COLUMNS,
          PANEL_COLUMNS, n, c + j, columns);
}

// Rows t0 <= t < t1 of y [time][cout]; packed is w by conv_pack(w[tap], cout, 1, cin, cout).
static void conv_rows(const float *x, const float *packed, const float *bias, int cin, int cout, int taps, int dilation,
                      int t0, int t1, float *y) {
  unsigned mode = flush_on();
  int64_t size = conv_packed(1, cin, cout);
  for (int t = t0; t < t1; t++) memcpy(y + (int64_t)t * cout, bias, sizeof(float) * cout);
  for (int j = 0; j < cout; j += PANEL_COLUMNS)
    for (int k = 0; k < taps; k++) {
      int64_t lag = (int64_t)k * dilation, from = lag > t0 ? lag : t0;
      if (from >= t1) break;
      if (cin == 1 && cout == 1) line_add(x + from - lag, packed[k * size], y + from, t1 - from);
      else tap_product(t1 - from, cin, x + (from - lag) * cin, packed + k * size, j, cout, y + from * cout);
    }
  flush_restore(mode);
}

// Rows t0 <= t < t1 of dx [time][cin]; packed is w by conv_pack(w[tap], 1, cout, cout, cin).
static void conv_dx(const float *packed, const float *dy, int time, int cin, int cout, int taps, int dilation, int t0,
                    int t1, float *dx) {
  unsigned mode = flush_on();
  int64_t size = conv_packed(1, cout, cin);
  memset(dx + (int64_t)t0 * cin, 0, sizeof(float) * (t1 - t0) * cin);
  for (int j = 0; j < cin; j += PANEL_COLUMNS)
    for (int k = 0; k < taps; k++) {
      int64_t lag = (int64_t)k * dilation, to = time - lag < t1 ? time - lag : t1;
      if (to <= t0) break;
      if (cin == 1 && cout == 1) line_add(dy + t0 + lag, packed[k * size], dx + t0, to - t0);
      else tap_product(to - t0, cout, dy + (t0 + lag) * cout, packed + k * size, j, cin, dx + (int64_t)t0 * cin);
    }
  flush_restore(mode);
}

// The panel of columns j of dw [cin][cout] of the tap at a lag, over a batch. Rows of dy that are wider than this lie in a
// few sets of the L1 cache, where they drive each other out: packed they do not.
enum { WIDE = 256 };
static void conv_dw(const float *x, const float *dy, int batch, int time, int cin, int cout, int lag, int j, float *dw) {
  unsigned mode = flush_on();
  int n = cout - j < PANEL_COLUMNS ? cout - j : PANEL_COLUMNS;
  float packed[DEPTH_DW * PANEL_COLUMNS] __attribute__((aligned(64)));
  for (int i = 0; i < cin; i++) memset(dw + (int64_t)i * cout + j, 0, sizeof(float) * n);
  for (int b = 0; b < batch; b++) {
    const float *xb = x + (int64_t)b * time * cin, *db = dy + (int64_t)b * time * cout;
    if (cin == 1 && cout == 1) {
      if (lag < time) dw[0] += line_dot(xb, db + lag, time - lag);
      continue;
    }
    for (int t = lag; t < time; t += DEPTH_DW) {
      int rows = time - t < DEPTH_DW ? time - t : DEPTH_DW;
      const float *d = db + (int64_t)t * cout + j, *a = xb + (int64_t)(t - lag) * cin;
      if (n % VW == 0 && cout <= WIDE) {
        block(cin, rows, a, 1, cin, d, cout, n, dw + j, cout);
      } else {
        pack_panel(d, cout, 1, rows, n, packed);
        block(cin, rows, a, 1, cin, packed, PANEL_COLUMNS, n, dw + j, cout);
      }
    }
  }
  flush_restore(mode);
}
