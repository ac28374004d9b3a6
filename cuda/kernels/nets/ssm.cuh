// A diagonal state space over time, one persistent kernel a pass: a warp takes a channel of a window through all of its ms,
// 32 states at a time, a lane each. Coefficients are [channels][4][states], states [..][channels][2][states].
#include "s4d.h"

enum { SSM_MARK = 64, SSM_MS = 32, SSM_SUB = 8, SSM_WARPS = BLOCK_THREADS / 32 };

KERNEL(ssm_coefficients, const float *, log_dt, const float *, log_a, const float *, imag_a, const float *, re, const float *,
       im, float *, coef, unsigned, n, unsigned, states) {
  NEEDS(log_dt, n / states);
  NEEDS(log_a, n);
  NEEDS(coef, 4 * (int64_t)n);
  EACH(i, n);
  float k[4];
  s4d_coefficients(log_dt[i / states], log_a[i], imag_a[i], re[i], im[i], k);
  for (int j = 0; j < 4; j++) coef[(i / states * 4 + j) * states + i % states] = k[j];
}

// This warp's channel and window; those past the last repeat it, and write nothing.
#define SSM_AT                                                                                                         \
  const unsigned item = BLOCK * SSM_WARPS + THREAD / 32, items = (unsigned)batch * channels;                           \
  const unsigned at = item < items ? item : items - 1, window = at / channels, c = at % channels;                      \
  const int warp = THREAD / 32, lane = THREAD % 32, exists = item < items, blocks = (time + SSM_MARK - 1) / SSM_MARK;  \
  x += window * time * channels + c

// a and w of state n, 0 past the last.
#define SSM_STATE                                                                                                      \
  const int n = n0 + lane, real = n < states;                                                                          \
  const float *k = coef + (c * 4) * states + n;                                                                        \
  const float ar = real ? k[0] : 0, ai = real ? k[states] : 0, wr = real ? k[2 * states] : 0, wi = real ? k[3 * states] : 0

// marks [batch][blocks of SSM_MARK ms][channels][2][states] where kept is 1.
KERNEL(ssm, const float *, x, const float *, coef, const float *, d, float *, y, float *, marks, int, batch, int, time, int,
       channels, int, states, int, kept) {
  NEEDS(x, (int64_t)batch * time * channels);
  NEEDS(coef, 4 * (int64_t)channels * states);
  NEEDS(y, (int64_t)batch * time * channels);
  NEEDS(marks, (int64_t)batch * ((time + SSM_MARK - 1) / SSM_MARK) * channels * 2 * states * kept);
  SHARED float x_[SSM_WARPS][SSM_MS], p_[SSM_WARPS][SSM_MS][33];
  SSM_AT;
  y += window * time * channels + c;
  for (int n0 = 0; n0 < states; n0 += 32) {
    SSM_STATE;
    float re = 0, im = 0;
    for (int t0 = 0; t0 < time; t0 += SSM_MS) {
      const int mine = t0 + lane;
      const float own = mine < time ? x[(unsigned)mine * channels] : 0;
      x_[warp][lane] = own;
      SYNC();
      if (kept && exists && real && t0 % SSM_MARK == 0) {
        float *to = marks + ((window * blocks + t0 / SSM_MARK) * channels + c) * 2 * states + n;
        to[0] = re, to[states] = im;
      }
      for (int t = 0; t < SSM_MS; t++) {
        const float r = ar * re - ai * im + x_[warp][t];
        im = ar * im + ai * re, re = r;
        p_[warp][t][lane] = wr * re - wi * im;
      }
      SYNC();
      if (mine >= time || !exists) continue;
      float s = n0 ? y[(unsigned)mine * channels] : d[c] * own;
      for (int l = 0; l < 32; l++) s += p_[warp][lane][l];
      y[(unsigned)mine * channels] = s;
    }
  }
}

// sums [batch][channels][4 states + 1]: a window's gradients of a and w, and that of d. A block of ms is run again from its
// mark, leaving its states every SSM_SUB ms, and these one after the other from the last.
KERNEL(ssm_grad, const float *, x, const float *, coef, const float *, d, const float *, marks, const float *, dy, float *,
       dx, float *, sums, int, batch, int, time, int, channels, int, states) {
  NEEDS(x, (int64_t)batch * time * channels);
  NEEDS(coef, 4 * (int64_t)channels * states);
  NEEDS(marks, (int64_t)batch * ((time + SSM_MARK - 1) / SSM_MARK) * channels * 2 * states);
  NEEDS(dy, (int64_t)batch * time * channels);
  NEEDS(dx, (int64_t)batch * time * channels);
  NEEDS(sums, (int64_t)batch * channels * (4 * states + 1));
  SHARED float x_[SSM_WARPS][SSM_MARK], d_[SSM_WARPS][SSM_MARK], p_[SSM_WARPS][SSM_SUB][33];
  SHARED float re_[SSM_MARK / SSM_SUB][BLOCK_THREADS], im_[SSM_MARK / SSM_SUB][BLOCK_THREADS];
  SSM_AT;
  dy += window * time * channels + c, dx += window * time * channels + c;
  float *sum = sums + at * (4 * states + 1), through = 0;
  for (int n0 = 0; n0 < states; n0 += 32) {
    SSM_STATE;
    float lr = 0, li = 0, dar = 0, dai = 0, dwr = 0, dwi = 0;
    for (int block = blocks - 1; block >= 0; block--) {
      const int t1 = block * SSM_MARK;
      for (int i = lane; i < SSM_MARK; i += 32) {
        const int in = t1 + i < time;
        const float own = in ? x[(unsigned)(t1 + i) * channels] : 0, slope = in ? dy[(unsigned)(t1 + i) * channels] : 0;
        x_[warp][i] = own, d_[warp][i] = slope;
        if (n0 == 0) through += own * slope;
      }
      SYNC();
      const float *mark = marks + ((window * blocks + block) * channels + c) * 2 * states + n;
      float re = real ? mark[0] : 0, im = real ? mark[states] : 0;
      for (int s = 0; s < SSM_MARK / SSM_SUB; s++) {
        re_[s][THREAD] = re, im_[s][THREAD] = im;
        for (int t = 0; t < SSM_SUB; t++) {
          const float r = ar * re - ai * im + x_[warp][s * SSM_SUB + t];
          im = ar * im + ai * re, re = r;
        }
      }
      for (int s = SSM_MARK / SSM_SUB - 1; s >= 0; s--) { // past the window's end x, dy and l are 0
        float hr[SSM_SUB + 1], hi[SSM_SUB + 1];
        hr[0] = re_[s][THREAD], hi[0] = im_[s][THREAD];
        for (int t = 0; t < SSM_SUB; t++) {
          hr[t + 1] = ar * hr[t] - ai * hi[t] + x_[warp][s * SSM_SUB + t];
          hi[t + 1] = ar * hi[t] + ai * hr[t];
        }
        for (int t = SSM_SUB - 1; t >= 0; t--) {
          const float slope = d_[warp][s * SSM_SUB + t], r = lr + wr * slope, i = li - wi * slope;
          dar += r * hr[t] + i * hi[t], dai += i * hr[t] - r * hi[t];
          dwr += slope * hr[t + 1], dwi -= slope * hi[t + 1];
          p_[warp][t][lane] = r;
          lr = ar * r + ai * i, li = ar * i - ai * r;
        }
        SYNC();
        const int mine = t1 + s * SSM_SUB + lane;
        if (lane < SSM_SUB && mine < time && exists) {
          float g = n0 ? dx[(unsigned)mine * channels] : d[c] * d_[warp][s * SSM_SUB + lane];
          for (int l = 0; l < 32; l++) g += p_[warp][lane][l];
          dx[(unsigned)mine * channels] = g;
        }
        SYNC();
      }
    }
    if (exists && real) sum[n] = dar, sum[states + n] = dai, sum[2 * states + n] = dwr, sum[3 * states + n] = dwi;
  }
  through = WARP_SUM(through);
  if (exists && lane == 0) sum[4 * states] = through;
}

// The gradient of one kind of parameter, S4D_LOG_DT and on, or S4D_IM + 1 for d; n of them. Windows are added in order.
KERNEL(ssm_parameter, const float *, log_dt, const float *, log_a, const float *, imag_a, const float *, re, const float *,
       im, const float *, sums, float *, to, unsigned, n, int, kind, int, batch, int, channels, int, states) {
  NEEDS(sums, (int64_t)batch * channels * (4 * states + 1));
  NEEDS(to, n);
  EACH(i, n);
  const int whole = kind == S4D_LOG_DT, each = !whole && kind <= S4D_IM;
  const int c = each ? i / states : i, first = each ? i % states : 0, last = each ? first + 1 : whole ? states : 1;
  double total = 0;
  for (int s = first; s < last; s++) {
    double g[4] = {0}, d[5];
    for (int b = 0; b < batch; b++) {
      const float *sum = sums + ((unsigned)b * channels + c) * (4 * states + 1);
      if (kind > S4D_IM) total += sum[4 * states];
      else
        for (int j = 0; j < 4; j++) g[j] += sum[j * states + s];
    }
    if (kind > S4D_IM) break;
    const int p = c * states + s;
    const complex_d da = {g[0], g[1]}, dw = {g[2], g[3]};
    s4d_grad(log_dt[c], log_a[p], imag_a[p], re[p], im[p], da, dw, d);
    total += kind == S4D_LOG_DT ? d[0] : kind == S4D_LOG_A ? d[1] : kind == S4D_IMAG_A ? d[2] : kind == S4D_RE ? d[3] : d[4];
  }
  to[i] = (float)total;
}
