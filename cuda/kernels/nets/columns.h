// Sums over rows and batch normalisation, [rows][channels]. stats is [2][channels]: mean, 1/sqrt(variance + eps).

static void sum_columns(const float *restrict x, int64_t rows, int channels, float *restrict sums) {
  memset(sums, 0, sizeof(float) * channels);
  for (int64_t r = 0; r < rows; r++, x += channels)
    for (int c = 0; c < channels; c++) sums[c] += x[c];
}

static void sum_squares(const float *restrict x, const float *restrict mean, int64_t rows, int channels,
                        float *restrict sums) {
  memset(sums, 0, sizeof(float) * channels);
  for (int64_t r = 0; r < rows; r++, x += channels)
    for (int c = 0; c < channels; c++) {
      float d = x[c] - mean[c];
      sums[c] += d * d;
    }
}

static void norm(const float *restrict x, const float *restrict stats, const float *restrict gamma,
                 const float *restrict beta, int64_t rows, int channels, float *restrict y) {
  const float *inv = stats + channels;
  for (int64_t r = 0; r < rows; r++, x += channels, y += channels)
    for (int c = 0; c < channels; c++) y[c] = (x[c] - stats[c]) * inv[c] * gamma[c] + beta[c];
}

// sums [2][channels]: of dy, and of dy times the normalised x.
static void norm_sums(const float *restrict x, const float *restrict stats, const float *restrict dy, int64_t rows,
                      int channels, float *restrict sums) {
  const float *inv = stats + channels;
  float *dots = sums + channels;
  memset(sums, 0, sizeof(float) * 2 * channels);
  for (int64_t r = 0; r < rows; r++, x += channels, dy += channels)
    for (int c = 0; c < channels; c++) {
      sums[c] += dy[c];
      dots[c] += dy[c] * ((x[c] - stats[c]) * inv[c]);
    }
}

// means [2][channels]: the sums over the rows statistics were taken of, or NULL for rows they were not taken of.
static void norm_grad(const float *restrict x, const float *restrict stats, const float *restrict gamma,
                      const float *restrict dy, const float *restrict means, int64_t rows, int channels,
                      float *restrict dx) {
  const float *inv = stats + channels;
  for (int64_t r = 0; r < rows; r++, x += channels, dy += channels, dx += channels) {
    if (means) {
      const float *dots = means + channels;
      for (int c = 0; c < channels; c++)
        dx[c] = gamma[c] * inv[c] * (dy[c] - means[c] - (x[c] - stats[c]) * inv[c] * dots[c]);
    } else {
      for (int c = 0; c < channels; c++) dx[c] = gamma[c] * inv[c] * dy[c];
    }
  }
}
