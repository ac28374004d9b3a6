// LSTM over time on the CPU: the time loop inside, rows of a batch together. A ms is one product of the rows' h with the
// weights, which stay in the L2 cache as packed panels, and a pass over the units.
#include "recurrent.h"

// c [rows][columns] += a [rows][depth] times packed weights.
FN void recur(int rows, int depth, int columns, const float *a, const float *packed, float *c) {
  for (int j = 0; j < columns; j += PANEL_COLUMNS) tap_product(rows, depth, a, packed, j, columns, c);
}

static void lstm_row(int n, const float *restrict z, float *restrict gate, float *restrict c, float *restrict h) {
  for (int u = 0; u < n; u++) {
    float i = z[u], f = z[n + u], g = z[2 * n + u], o = z[3 * n + u], cell = c[u];
    h[u] = lstm_f(&i, &f, &g, &o, &cell);
    gate[u] = i, gate[n + u] = f, gate[2 * n + u] = g, gate[3 * n + u] = o, c[u] = cell;
  }
}

// x [rows][time][4 units], h and c [rows][units] the state, moved on. y [rows][time][units], gates [rows][kept][4 units]
// and cells [rows][kept][units] may be NULL. work has (rows + 1) 4 units.
static void lstm(const nets_scan *s, const float *x, const float *packed, float *h, float *c, float *y, float *gates,
                 float *cells, float *work) {
  unsigned mode = flush_on();
  const int n = s->units, m = 4 * n;
  for (int t = s->from; t < s->to; t++) {
    for (int r = 0; r < s->rows; r++) memcpy(work + (int64_t)r * m, x + ((int64_t)r * s->time + t) * m, sizeof(float) * m);
    recur(s->rows, n, m, h, packed, work);
    for (int r = 0; r < s->rows; r++) {
      int64_t at = (int64_t)r * s->kept + t - s->from;
      float *hr = h + (int64_t)r * n, *cr = c + (int64_t)r * n;
      lstm_row(n, work + (int64_t)r * m, gates ? gates + at * m : work + (int64_t)s->rows * m, cr, hr);
      if (gates) memcpy(cells + at * n, cr, sizeof(float) * n);
      if (y) memcpy(y + ((int64_t)r * s->time + t) * n, hr, sizeof(float) * n);
    }
  }
  flush_restore(mode);
}

static void lstm_grad_row(int n, const float *restrict gate, const float *restrict c, const float *restrict before,
                          const float *restrict dy, const float *restrict dh, float *restrict dc, float *restrict dz) {
  for (int u = 0; u < n; u++) {
    float i = gate[u], f = gate[n + u], g = gate[2 * n + u], o = gate[3 * n + u], d = dc[u];
    lstm_grad_f(&i, &f, &g, &o, c[u], before[u], dy[u] + dh[u], &d);
    dz[u] = i, dz[n + u] = f, dz[2 * n + u] = g, dz[3 * n + u] = o, dc[u] = d;
  }
}

// Back through a stretch whose gates and cells were kept; before [rows][units] are the cells ahead of it. dh and dc are
// the state's gradient, moved back. packed is the transposed weights, dx [rows][time][4 units] the result.
static void lstm_grad(const nets_scan *s, const float *dy, const float *packed, const float *gates, const float *cells,
                      const float *before, float *dh, float *dc, float *dx, float *work) {
  unsigned mode = flush_on();
  const int n = s->units, m = 4 * n;
  for (int t = s->to - 1; t >= s->from; t--) {
    for (int r = 0; r < s->rows; r++) {
      int64_t at = (int64_t)r * s->kept + t - s->from, row = (int64_t)r * s->time + t;
      lstm_grad_row(n, gates + at * m, cells + at * n, t > s->from ? cells + (at - 1) * n : before + (int64_t)r * n,
                    dy + row * n, dh + (int64_t)r * n, dc + (int64_t)r * n, work + (int64_t)r * m);
      memcpy(dx + row * m, work + (int64_t)r * m, sizeof(float) * m);
    }
    memset(dh, 0, sizeof(float) * s->rows * n);
    recur(s->rows, m, n, work, packed, dh);
  }
  flush_restore(mode);
}
