// GRU over time on the CPU, as lstm.h. What is kept of a ms are r, z, n and q, [4 units].

static void gru_row(int n, const float *restrict z, const float *restrict xn, float *restrict gate, float *restrict h) {
  for (int u = 0; u < n; u++) {
    float r = z[u], f = z[n + u], c = xn[u], q = z[2 * n + u];
    h[u] = gru_f(&r, &f, &c, q, h[u]);
    gate[u] = r, gate[n + u] = f, gate[2 * n + u] = c, gate[3 * n + u] = q;
  }
}

// x [rows][time][3 units], bias [units] of n's product, h [rows][units] the state, moved on. y [rows][time][units] and
// gates [rows][kept][4 units] may be NULL. work has (rows + 2) 3 units.
static void gru(const nets_scan *s, const float *x, const float *packed, const float *bias, float *h, float *y,
                float *gates, float *work) {
  unsigned mode = flush_on();
  const int n = s->units, m = 3 * n;
  for (int t = s->from; t < s->to; t++) {
    for (int r = 0; r < s->rows; r++) {
      float *z = work + (int64_t)r * m;
      memcpy(z, x + ((int64_t)r * s->time + t) * m, sizeof(float) * 2 * n);
      memcpy(z + 2 * n, bias, sizeof(float) * n);
    }
    recur(s->rows, n, m, h, packed, work);
    for (int r = 0; r < s->rows; r++) {
      int64_t row = (int64_t)r * s->time + t;
      float *hr = h + (int64_t)r * n;
      gru_row(n, work + (int64_t)r * m, x + row * m + 2 * n,
              gates ? gates + ((int64_t)r * s->kept + t - s->from) * 4 * n : work + (int64_t)s->rows * m, hr);
      if (y) memcpy(y + row * n, hr, sizeof(float) * n);
    }
  }
  flush_restore(mode);
}

static void gru_grad_row(int n, const float *restrict gate, const float *restrict before, const float *restrict dy,
                         float *restrict dh, float *restrict dx, float *restrict dz) {
  for (int u = 0; u < n; u++) {
    float r = gate[u], z = gate[n + u], c = gate[2 * n + u], q = gate[3 * n + u];
    dh[u] = gru_grad_f(&r, &z, &c, &q, before[u], dy[u] + dh[u]);
    dx[u] = r, dx[n + u] = z, dx[2 * n + u] = c;
    dz[u] = r, dz[n + u] = z, dz[2 * n + u] = q;
  }
}

// Back through a stretch whose gates were kept; before [rows][units] is h ahead of the window's first ms. dh is the
// state's gradient, moved back; dx [rows][time][3 units] the input's, dz as long the product's with the weights.
static void gru_grad(const nets_scan *s, const float *dy, const float *packed, const float *gates, const float *y,
                     const float *before, float *dh, float *dx, float *dz, float *work) {
  unsigned mode = flush_on();
  const int n = s->units, m = 3 * n;
  for (int t = s->to - 1; t >= s->from; t--) {
    for (int r = 0; r < s->rows; r++) {
      int64_t row = (int64_t)r * s->time + t;
      gru_grad_row(n, gates + ((int64_t)r * s->kept + t - s->from) * 4 * n, t ? y + (row - 1) * n : before + (int64_t)r * n,
                   dy + row * n, dh + (int64_t)r * n, dx + row * m, work + (int64_t)r * m);
      memcpy(dz + row * m, work + (int64_t)r * m, sizeof(float) * m);
    }
    recur(s->rows, m, n, work, packed, dh);
  }
  flush_restore(mode);
}
