// Sums of two, depthwise convolutions, layer normalisation: bound by memory.

KERNEL(sum, const float *, x, const float *, y, float *, total, unsigned, n) {
  NEEDS(x, n);
  NEEDS(y, n);
  NEEDS(total, n);
  EACH(i, n);
  total[i] = x[i] + y[i];
}

// y[t] = bias + sum over taps of w[tap] x[t - tap*dilation] in each channel; and dx[t] = sum of w[tap] dy[t + tap*dilation].
KERNEL(depthwise_rows, const float *, x, const float *, w, const float *, bias, float *, y, unsigned, n, unsigned, time,
       unsigned, channels, unsigned, taps, unsigned, dilation) {
  NEEDS(x, n);
  NEEDS(w, taps * channels);
  NEEDS(bias, channels);
  NEEDS(y, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = bias[c];
  for (unsigned k = 0; k < taps; k++) s += w[k * channels + c] * before_f(x, row, k, dilation, time, channels, c);
  y[i] = s;
}

KERNEL(depthwise_dx, const float *, w, const float *, dy, float *, dx, unsigned, n, unsigned, time, unsigned, channels,
       unsigned, taps, unsigned, dilation) {
  NEEDS(dy, n);
  NEEDS(w, taps * channels);
  NEEDS(dx, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = 0;
  for (unsigned k = 0; k < taps; k++) s += w[k * channels + c] * after_f(dy, row, k, dilation, time, channels, c);
  dx[i] = s;
}

KERNEL(depthwise_dw, const float *, x, const float *, dy, double *, partial, unsigned *, counter, float *, dw, unsigned,
       rows, unsigned, time, unsigned, channels, unsigned, taps, unsigned, dilation) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(dy, (int64_t)rows * channels);
  NEEDS(dw, taps * channels);
  SUM_ROWS(rows, taps * channels,
           dy[row * channels + column % channels] *
               before_f(x, row, column / channels, dilation, time, channels, column % channels),
           dw[column] = (float)total)
}

// y and stats [rows][2], mean and 1/sqrt(variance + epsilon): a warp a row.
KERNEL(layer_norm, const float *, x, const float *, gamma, const float *, beta, float *, stats, float *, y, unsigned,
       rows, unsigned, channels, float, epsilon) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(y, (int64_t)rows * channels);
  NEEDS(stats, 2 * (int64_t)rows);
  const unsigned row = BLOCK * (BLOCK_THREADS / 32) + THREAD / 32, lane = THREAD % 32;
  const unsigned n = row < rows ? channels : 0;
  const float *p = x + (uint64_t)row * channels;
  float sum = 0, squares = 0;
  for (unsigned c = lane; c < n; c += 32) sum += p[c];
  float mean = WARP_SUM(sum) / channels;
  for (unsigned c = lane; c < n; c += 32) squares += square_f(p[c] - mean);
  float inv = 1.0f / ROOT_F(WARP_SUM(squares) / channels + epsilon);
  for (unsigned c = lane; c < n; c += 32) y[(uint64_t)row * channels + c] = (p[c] - mean) * inv * gamma[c] + beta[c];
  if (lane == 0 && n) stats[2 * row] = mean, stats[2 * row + 1] = inv;
}

KERNEL(layer_norm_dx, const float *, x, const float *, stats, const float *, gamma, const float *, dy, float *, dx,
       unsigned, rows, unsigned, channels) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(dy, (int64_t)rows * channels);
  NEEDS(stats, 2 * (int64_t)rows);
  NEEDS(dx, (int64_t)rows * channels);
  const unsigned row = BLOCK * (BLOCK_THREADS / 32) + THREAD / 32, lane = THREAD % 32;
  const unsigned n = row < rows ? channels : 0;
  const uint64_t at = (uint64_t)row * channels;
  const float mean = n ? stats[2 * row] : 0, inv = n ? stats[2 * row + 1] : 0;
  float sum = 0, dot = 0;
  for (unsigned c = lane; c < n; c += 32) {
    float g = gamma[c] * dy[at + c];
    sum += g;
    dot += g * ((x[at + c] - mean) * inv);
  }
  sum = WARP_SUM(sum) / channels;
  dot = WARP_SUM(dot) / channels;
  for (unsigned c = lane; c < n; c += 32)
    dx[at + c] = inv * (gamma[c] * dy[at + c] - sum - (x[at + c] - mean) * inv * dot);
}

// sums [2][channels]: of dy, and of dy times the normalised x.
KERNEL(layer_norm_sums, const float *, x, const float *, stats, const float *, dy, double *, partial, unsigned *, counter,
       float *, sums, unsigned, rows, unsigned, channels) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(dy, (int64_t)rows * channels);
  NEEDS(stats, 2 * (int64_t)rows);
  SUM_ROWS(rows, 2 * channels,
           column < channels ? dy[row * channels + column]
                             : dy[row * channels + column - channels] *
                                   ((x[row * channels + column - channels] - stats[2 * row]) * stats[2 * row + 1]),
           sums[column] = (float)total)
}
