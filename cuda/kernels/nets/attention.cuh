// Causal local attention. Its weights, and their gradients, are kept as [rows][heads][span], 0 where a window has not
// begun; a block has BAND ms of one head of one window, and takes lags and channels BAND at a time through shared memory.
// A multiply-add takes two loads from there, or one that a warp shares: that bounds it.
enum { BAND = 32, BAND_EACH = BAND * BAND / BLOCK_THREADS };

// The tile of this block: head, the window's first row, the tile's first ms.
#define BAND_AT                                                                                                        \
  const unsigned tiles_ = (time + BAND - 1) / BAND, t0 = BLOCK % tiles_ * BAND, head = BLOCK / tiles_ % heads;         \
  const unsigned first = BLOCK / tiles_ / heads * time, lane = THREAD % 32, warp = THREAD / 32;

// out of the tile's rows: the sum over a head's channels of a[t] b[t - lag], times scale. Rows of a and b are so many
// numbers apart, and begin at the head's. Lags that reach before the window are left out.
FN void band_dots(const float *a, unsigned a_row, const float *b, unsigned b_row, float *out, unsigned first, unsigned t0,
                  unsigned time, unsigned heads, unsigned head, unsigned width, unsigned span, float scale) {
  SHARED float at[BAND][BAND + 1], back[2 * BAND][BAND + 1];
  const unsigned lane = THREAD % 32, warp = THREAD / 32;
  for (unsigned l0 = 0; l0 < span && l0 < t0 + BAND; l0 += BAND) {
    float s[BAND_EACH] = {0};
    for (unsigned d0 = 0; d0 < width; d0 += BAND) {
      SYNC();
      for (unsigned i = THREAD; i < 3 * BAND * BAND; i += BLOCK_THREADS) {
        unsigned r = i / BAND, d = d0 + i % BAND;
        if (r < BAND) {
          at[r][i % BAND] = t0 + r < time && d < width ? a[(first + t0 + r) * a_row + d] : 0;
          continue;
        }
        int t = (int)(t0 + r) - (int)l0 - (2 * BAND - 1);
        back[r - BAND][i % BAND] = t >= 0 && t < (int)time && d < width ? b[(first + t) * b_row + d] : 0;
      }
      SYNC();
      for (unsigned d = 0; d < BAND; d++)
        for (unsigned j = 0; j < BAND_EACH; j++) {
          unsigned t = warp + j * (BAND / BAND_EACH);
          s[j] += at[t][d] * back[t + BAND - 1 - lane][d];
        }
    }
    for (unsigned j = 0; j < BAND_EACH; j++) {
      unsigned t = t0 + warp + j * (BAND / BAND_EACH), l = l0 + lane;
      if (t < time && l < span && l <= t) out[((first + t) * heads + head) * span + l] = s[j] * scale;
    }
  }
  SYNC(); // what was written is read by other threads of the block
}

// weight [rows][heads][span]: the softmax over lags of q[t] k[t - lag] scale + bias; qkv [rows][3][heads][width], bias
// [heads][span] where biased.
KERNEL(attention_weights, const float *, qkv, const float *, bias, float *, weight, unsigned, rows, unsigned, time,
       unsigned, heads, unsigned, width, unsigned, span, float, scale, int, biased) {
  NEEDS(qkv, 3 * (int64_t)rows * heads * width);
  NEEDS(weight, (int64_t)rows * heads * span);
  BAND_AT
  const unsigned row = 3 * heads * width;
  band_dots(qkv + head * width, row, qkv + (heads + head) * width, row, weight, first, t0, time, heads, head, width, span,
            scale);
#pragma GCC unroll 1
  for (unsigned j = 0; j < BAND_EACH; j++) {
    const unsigned t = t0 + warp + j * (BAND / BAND_EACH), seen = t >= time ? 0 : t < span ? t + 1 : span;
    float *p = weight + ((first + t) * heads + head) * span, most = -3.0e38f, sum = 0;
    for (unsigned l = lane; l < seen; l += 32) {
      p[l] += biased ? bias[head * span + l] : 0;
      most = p[l] < most ? most : p[l];
    }
    most = WARP_MAX(most);
    for (unsigned l = lane; l < seen; l += 32) sum += p[l] = exp_f(p[l] - most);
    sum = WARP_SUM(sum);
    if (seen)
      for (unsigned l = lane; l < span; l += 32) p[l] = l < seen ? p[l] / sum : 0;
  }
}

// The gradient of the scores from that of the output: weight times what dy[t] v[t - lag] is above its mean.
KERNEL(attention_dscores, const float *, qkv, const float *, weight, const float *, dy, float *, dscore, unsigned, rows,
       unsigned, time, unsigned, heads, unsigned, width, unsigned, span) {
  NEEDS(qkv, 3 * (int64_t)rows * heads * width);
  NEEDS(dy, (int64_t)rows * heads * width);
  NEEDS(weight, (int64_t)rows * heads * span);
  NEEDS(dscore, (int64_t)rows * heads * span);
  BAND_AT
  band_dots(dy + head * width, heads * width, qkv + (2 * heads + head) * width, 3 * heads * width, dscore, first, t0, time,
            heads, head, width, span, 1);
#pragma GCC unroll 1
  for (unsigned j = 0; j < BAND_EACH; j++) {
    const unsigned t = t0 + warp + j * (BAND / BAND_EACH), seen = t >= time ? 0 : t < span ? t + 1 : span;
    const unsigned at = ((first + t) * heads + head) * span;
    float dot = 0;
    for (unsigned l = lane; l < seen; l += 32) dot += weight[at + l] * dscore[at + l];
    dot = WARP_SUM(dot);
    if (seen)
      for (unsigned l = lane; l < span; l += 32) dscore[at + l] = l < seen ? weight[at + l] * (dscore[at + l] - dot) : 0;
  }
}

// y[t] = scale times the sum over lags of weight[t][lag] x[t - lag]; or, where ahead, of weight[t + lag][lag] x[t + lag].
// x and y are a head's channels of rows that lie so many numbers apart, of which the first is number x_from or y_from.
KERNEL(attention_mix, const float *, weight, const float *, x, float *, y, unsigned, x_row, unsigned, x_from, unsigned,
       y_row, unsigned, y_from, unsigned, rows, unsigned, time, unsigned, heads, unsigned, width, unsigned, span, float,
       scale, int, ahead) {
  NEEDS(weight, (int64_t)rows * heads * span);
  NEEDS(x, (int64_t)rows * x_row);
  NEEDS(y, (int64_t)rows * y_row);
  SHARED float w[BAND][BAND + 2], near[2 * BAND][BAND + 1];
  BAND_AT
  for (unsigned d0 = 0; d0 < width; d0 += BAND) {
    float s[BAND_EACH] = {0};
    for (unsigned l0 = 0; l0 < span && (ahead ? t0 + l0 < time : l0 < t0 + BAND); l0 += BAND) {
      SYNC();
      for (unsigned i = THREAD; i < 2 * BAND * BAND; i += BLOCK_THREADS) {
        const unsigned r = i / BAND, c = i % BAND;
        const int t = ahead ? (int)(t0 + l0 + r) : (int)(t0 + r) - (int)l0 - (BAND - 1);
        near[r][c] = t >= 0 && t < (int)time && d0 + c < width ? x[(first + t) * x_row + x_from + head * width + d0 + c] : 0;
        const unsigned of = ahead ? r - c : r, from = ahead ? t0 + l0 + r : t0 + r; // skewed where ahead: r is of + lag
        if (of < BAND) w[of][c] = from < time && l0 + c < span ? weight[((first + from) * heads + head) * span + l0 + c] : 0;
      }
      SYNC();
      for (unsigned l = 0; l < BAND; l++)
        for (unsigned j = 0; j < BAND_EACH; j++) {
          unsigned t = warp + j * (BAND / BAND_EACH);
          s[j] += w[t][l] * near[ahead ? t + l : t + BAND - 1 - l][lane];
        }
    }
    for (unsigned j = 0; j < BAND_EACH; j++) {
      unsigned t = t0 + warp + j * (BAND / BAND_EACH);
      if (t < time && d0 + lane < width) y[(first + t) * y_row + y_from + head * width + d0 + lane] = s[j] * scale;
    }
  }
}
