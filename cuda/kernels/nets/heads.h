// The heads y [rows][heads] = x [rows][channels] w[heads][channels]' + b, and the losses on their columns.

static void heads(const float *x, const float *w, const float *b, int64_t rows, int channels, int nheads, float *y) {
  for (int64_t r = 0; r < rows; r++, x += channels, y += nheads)
    for (int h = 0; h < nheads; h++) {
      const float *p = w + (int64_t)h * channels;
      float s = b[h];
      int c = 0;
      if (channels >= VW) {
        V acc = {0};
        for (; c + VW <= channels; c += VW) acc += LOAD(x + c) * LOAD(p + c);
        s += lanes_sum(acc);
      }
      for (; c < channels; c++) s += x[c] * p[c];
      y[h] = s;
    }
}

static void heads_dx(const float *restrict dy, const float *restrict w, int64_t rows, int channels, int nheads,
                     float *restrict dx) {
  if (channels == 1) {
    for (int64_t r = 0; r < rows; r++, dy += nheads) {
      float s = 0;
      for (int h = 0; h < nheads; h++) s += dy[h] * w[h];
      dx[r] = s;
    }
    return;
  }
  for (int64_t r = 0; r < rows; r++, dy += nheads, dx += channels) {
    for (int c = 0; c < channels; c++) dx[c] = dy[0] * w[c];
    for (int h = 1; h < nheads; h++)
      for (int c = 0; c < channels; c++) dx[c] += dy[h] * w[(int64_t)h * channels + c];
  }
}

static void heads_dw(const float *restrict dy, const float *restrict x, int64_t rows, int channels, int nheads,
                     float *restrict dw) {
  memset(dw, 0, sizeof(float) * nheads * channels);
  for (int64_t r = 0; r < rows; r++, dy += nheads, x += channels)
    for (int h = 0; h < nheads; h++)
      for (int c = 0; c < channels; c++) dw[(int64_t)h * channels + c] += dy[h] * x[c];
}

enum { BLOCK = 256 };

// Binary cross-entropy with logits, summed over rows. Its gradient times scale goes to dy where that is not NULL.
static double spike_loss(const float *restrict y, const float *restrict target, int64_t rows, int nheads, float scale,
                         float *restrict dy) {
  unsigned mode = flush_on();
  double total = 0;
  float x[BLOCK], l[BLOCK], d[BLOCK];
  for (int64_t r = 0; r < rows; r += BLOCK) {
    int n = rows - r < BLOCK ? rows - r : BLOCK;
    for (int i = 0; i < n; i++) x[i] = y[(r + i) * nheads];
    for (int i = 0; i < n; i++) {
      float slope;
      l[i] = spike_f(x[i], target[r + i], &slope);
      d[i] = slope * scale;
    }
    float sum = 0;
    for (int i = 0; i < n; i++) sum += l[i];
    total += sum;
    if (dy)
      for (int i = 0; i < n; i++) dy[(r + i) * nheads] = d[i];
  }
  flush_restore(mode);
  return total;
}

// Squared error, summed over rows; its gradient times scale goes to dy where that is not NULL.
static double square_loss(const float *restrict y, const float *restrict target, int64_t rows, int nheads, float scale,
                          float *restrict dy) {
  double total = 0;
  for (int64_t r = 0; r < rows; r += BLOCK) {
    int n = rows - r < BLOCK ? rows - r : BLOCK;
    float sum = 0;
    for (int i = 0; i < n; i++) {
      float d = y[(r + i) * nheads] - target[r + i];
      sum += d * d;
      if (dy) dy[(r + i) * nheads] = 2.0f * d * scale;
    }
    total += sum;
  }
  return total;
}
