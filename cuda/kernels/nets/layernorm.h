// Layer normalisation (Ba, Kiros & Hinton 2016): every row of [rows][channels] by its own mean and variance.

// Sums of a row: of x - shift, or of its square.
FN float row_sum(const float *x, int n) {
  V s = {0};
  int c = 0;
  for (; c + VW <= n; c += VW) s += LOAD(x + c);
  float sum = lanes_sum(s);
  for (; c < n; c++) sum += x[c];
  return sum;
}

FN float row_squares(const float *x, float shift, int n) {
  V s = {0};
  int c = 0;
  for (; c + VW <= n; c += VW) {
    V d = LOAD(x + c) - shift;
    s += d * d;
  }
  float sum = lanes_sum(s);
  for (; c < n; c++) sum += (x[c] - shift) * (x[c] - shift);
  return sum;
}

FN void row_stats(const float *x, int n, float epsilon, float *mean, float *inv) {
  *mean = row_sum(x, n) / n;
  *inv = 1.0f / root_f(row_squares(x, *mean, n) / n + epsilon);
}

static void layer_norm(const float *restrict x, const float *restrict gamma, const float *restrict beta, int64_t rows,
                       int channels, float epsilon, float *restrict y) {
  for (int64_t r = 0; r < rows; r++, x += channels, y += channels) {
    float mean, inv;
    row_stats(x, channels, epsilon, &mean, &inv);
    for (int c = 0; c < channels; c++) y[c] = (x[c] - mean) * inv * gamma[c] + beta[c];
  }
}

// dx = inv (g - mean of g - n mean of (g n)), g = gamma dy, n the normalised x.
static void layer_norm_dx(const float *restrict x, const float *restrict gamma, const float *restrict dy, int64_t rows,
                          int channels, float epsilon, float *restrict dx) {
  unsigned mode = flush_on();
  for (int64_t r = 0; r < rows; r++, x += channels, dy += channels, dx += channels) {
    float mean, inv;
    row_stats(x, channels, epsilon, &mean, &inv);
    V a = {0}, b = {0};
    int c = 0;
    for (; c + VW <= channels; c += VW) {
      V g = LOAD(gamma + c) * LOAD(dy + c);
      a += g;
      b += g * ((LOAD(x + c) - mean) * inv);
    }
    float sum = lanes_sum(a), dot = lanes_sum(b);
    for (; c < channels; c++) {
      float g = gamma[c] * dy[c];
      sum += g;
      dot += g * ((x[c] - mean) * inv);
    }
    sum /= channels, dot /= channels;
    for (c = 0; c < channels; c++) dx[c] = inv * (gamma[c] * dy[c] - sum - (x[c] - mean) * inv * dot);
  }
  flush_restore(mode);
}

// sums [2][channels] over rows: of dy (beta's gradient), and of dy times the normalised x (gamma's).
static void layer_norm_sums(const float *restrict x, const float *restrict dy, int64_t rows, int channels,
                            float epsilon, float *restrict sums) {
  float *dots = sums + channels;
  memset(sums, 0, sizeof(float) * 2 * channels);
  for (int64_t r = 0; r < rows; r++, x += channels, dy += channels) {
    float mean, inv;
    row_stats(x, channels, epsilon, &mean, &inv);
    for (int c = 0; c < channels; c++) {
      sums[c] += dy[c];
      dots[c] += dy[c] * ((x[c] - mean) * inv);
    }
  }
}
