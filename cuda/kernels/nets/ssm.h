// A diagonal state space over time on the CPU: channels in the lanes, a few states in registers through a block of ms, whose
// input and output lie in the L1 cache. Coefficients are [states][4][channels], a state [states][2][channels].
#include "s4d.h"

enum { SSM_MS = 64, SSM_FORWARD = VBYTES == 64 ? 4 : 2, SSM_BACK = VBYTES == 64 ? 2 : 1 };

// n lanes at p, the rest zero.
FN V load_lanes(const float *p, int n) {
  V v = {0};
  if (n == VW) return LOAD(p);
  memcpy(&v, p, sizeof(float) * n);
  return v;
}
FN void store_lanes(float *p, V v, int n) {
  if (n == VW) STORE(p, v);
  else memcpy(p, &v, sizeof(float) * n);
}

// Coefficients of channels c0 <= c < c1.
static void ssm_coefficients(const nets_ssm *p, int c0, int c1, float *k) {
  for (int c = c0; c < c1; c++)
    for (int n = 0; n < p->states; n++) {
      int at = c * p->states + n;
      float q[4];
      s4d_coefficients(p->log_dt[c], p->log_a[at], p->imag_a[at], p->re[at], p->im[at], q);
      for (int i = 0; i < 4; i++) k[(int64_t)(4 * n + i) * p->channels + c] = q[i];
    }
}

// m states, a constant, through so many ms: y += Re w h.
FN void ssm_states(const int m, int ms, const float *k, int channels, int lanes, float *state, const V *x, V *y) {
  V re[4], im[4], ar[4], ai[4], wr[4], wi[4];
  for (int q = 0; q < m; q++) {
    const float *p = k + (int64_t)4 * q * channels;
    ar[q] = load_lanes(p, lanes), ai[q] = load_lanes(p + channels, lanes);
    wr[q] = load_lanes(p + 2 * channels, lanes), wi[q] = load_lanes(p + 3 * channels, lanes);
    re[q] = load_lanes(state + 2 * q * channels, lanes), im[q] = load_lanes(state + (2 * q + 1) * channels, lanes);
  }
  for (int t = 0; t < ms; t++) {
    V s = y[t];
    for (int q = 0; q < m; q++) {
      V r = x[t] + ar[q] * re[q], i = ar[q] * im[q]; // one sum at a time: each is a fused multiply-add
      r -= ai[q] * im[q], i += ai[q] * re[q];
      re[q] = r, im[q] = i;
      s += wr[q] * r;
      s -= wi[q] * i;
    }
    y[t] = s;
  }
  for (int q = 0; q < m; q++) {
    store_lanes(state + 2 * q * channels, re[q], lanes);
    store_lanes(state + (2 * q + 1) * channels, im[q], lanes);
  }
}

// A block of ms of VW channels from j on: x and y [ms][channels], state moved on, d [channels].
static void ssm_block(int ms, int channels, int states, int j, const float *k, const float *d, const float *x, float *state,
                      float *y) {
  const int lanes = channels - j < VW ? channels - j : VW;
  int n = 0;
  V through = load_lanes(d + j, lanes), xs[SSM_MS], ys[SSM_MS];
  k += j, x += j, y += j, state += j;
  for (int i = 0; i < ms; i++) {
    xs[i] = load_lanes(x + (int64_t)i * channels, lanes);
    ys[i] = through * xs[i];
  }
  for (; n + SSM_FORWARD <= states; n += SSM_FORWARD)
    ssm_states(SSM_FORWARD, ms, k + (int64_t)4 * n * channels, channels, lanes, state + (int64_t)2 * n * channels, xs, ys);
  for (; n < states; n++)
    ssm_states(1, ms, k + (int64_t)4 * n * channels, channels, lanes, state + (int64_t)2 * n * channels, xs, ys);
  for (int i = 0; i < ms; i++) store_lanes(y + (int64_t)i * channels, ys[i], lanes);
}

// Channels c0 <= c < c1 of one window, c0 a multiple of VW: x and y [time][channels], state moved on. marks
// [blocks][states][2][channels], the state ahead of every SSM_MS ms, may be NULL.
static void ssm(int time, int channels, int states, int c0, int c1, const float *k, const float *d, const float *x,
                float *state, float *marks, float *y) {
  unsigned mode = flush_on();
  for (int t = 0; t < time; t += SSM_MS) {
    if (marks)
      for (int i = 0; i < 2 * states; i++)
        memcpy(marks + ((int64_t)t / SSM_MS * 2 * states + i) * channels + c0, state + (int64_t)i * channels + c0,
               sizeof(float) * (c1 - c0));
    for (int j = c0; j < c1; j += VW)
      ssm_block(time - t < SSM_MS ? time - t : SSM_MS, channels, states, j, k, d, x + (int64_t)t * channels, state,
                y + (int64_t)t * channels);
  }
  flush_restore(mode);
}

// m states, a constant, back through so many ms: h is run again from the mark ahead of them, then the gradient l of h goes
// back from behind them. dx += l; sums [m][4][channels] += the gradients of a and w.
FN void ssm_states_grad(const int m, int ms, const float *k, int channels, int lanes, const float *mark, float *behind,
                        const V *x, const V *dy, V *dx, float *sums) {
  V h[SSM_MS + 1][2][2], ar[2], ai[2], wr[2], wi[2], lr[2], li[2], g[2][4];
  for (int q = 0; q < m; q++) {
    const float *p = k + (int64_t)4 * q * channels;
    ar[q] = load_lanes(p, lanes), ai[q] = load_lanes(p + channels, lanes);
    wr[q] = load_lanes(p + 2 * channels, lanes), wi[q] = load_lanes(p + 3 * channels, lanes);
    h[0][q][0] = load_lanes(mark + 2 * q * channels, lanes), h[0][q][1] = load_lanes(mark + (2 * q + 1) * channels, lanes);
    lr[q] = load_lanes(behind + 2 * q * channels, lanes), li[q] = load_lanes(behind + (2 * q + 1) * channels, lanes);
    for (int i = 0; i < 4; i++) g[q][i] = load_lanes(sums + (4 * q + i) * channels, lanes);
  }
  for (int t = 0; t < ms; t++)
    for (int q = 0; q < m; q++) {
      V re = h[t][q][0], im = h[t][q][1];
      V r = x[t] + ar[q] * re, i = ar[q] * im; // to the bit as forward
      r -= ai[q] * im, i += ai[q] * re;
      h[t + 1][q][0] = r, h[t + 1][q][1] = i;
    }
  for (int t = ms - 1; t >= 0; t--) {
    V s = dx[t];
    for (int q = 0; q < m; q++) {
      V re = h[t][q][0], im = h[t][q][1], r = lr[q] + wr[q] * dy[t], i = li[q] - wi[q] * dy[t];
      g[q][0] += r * re, g[q][1] += i * re;
      g[q][0] += i * im, g[q][1] -= r * im;
      g[q][2] += dy[t] * h[t + 1][q][0], g[q][3] -= dy[t] * h[t + 1][q][1];
      s += r;
      lr[q] = ar[q] * r + ai[q] * i, li[q] = ar[q] * i - ai[q] * r;
    }
    dx[t] = s;
  }
  for (int q = 0; q < m; q++) {
    store_lanes(behind + 2 * q * channels, lr[q], lanes), store_lanes(behind + (2 * q + 1) * channels, li[q], lanes);
    for (int i = 0; i < 4; i++) store_lanes(sums + (4 * q + i) * channels, g[q][i], lanes);
  }
}

// Back through a block of ms of VW channels from j on.
static void ssm_block_grad(int ms, int channels, int states, int j, const float *k, const float *d, const float *x,
                           const float *mark, const float *dy, float *behind, float *dx, float *sums) {
  const int lanes = channels - j < VW ? channels - j : VW;
  int n = 0;
  float *total = sums + (int64_t)4 * states * channels + j;
  V through = load_lanes(d + j, lanes), dd = load_lanes(total, lanes), xs[SSM_MS], dys[SSM_MS], dxs[SSM_MS];
  k += j, x += j, dy += j, dx += j, behind += j, sums += j, mark += j;
  for (int i = ms - 1; i >= 0; i--) {
    xs[i] = load_lanes(x + (int64_t)i * channels, lanes), dys[i] = load_lanes(dy + (int64_t)i * channels, lanes);
    dxs[i] = through * dys[i], dd += xs[i] * dys[i];
  }
  store_lanes(total, dd, lanes);
  for (; n + SSM_BACK <= states; n += SSM_BACK)
    ssm_states_grad(SSM_BACK, ms, k + (int64_t)4 * n * channels, channels, lanes, mark + (int64_t)2 * n * channels,
                    behind + (int64_t)2 * n * channels, xs, dys, dxs, sums + (int64_t)4 * n * channels);
  for (; n < states; n++)
    ssm_states_grad(1, ms, k + (int64_t)4 * n * channels, channels, lanes, mark + (int64_t)2 * n * channels,
                    behind + (int64_t)2 * n * channels, xs, dys, dxs, sums + (int64_t)4 * n * channels);
  for (int i = 0; i < ms; i++) store_lanes(dx + (int64_t)i * channels, dxs[i], lanes);
}

// Back through channels c0 <= c < c1 of one window. behind [states][2][channels] is scratch; sums [4 states + 1][channels]
// become the window's gradients of a and w, state by state, then d's.
static void ssm_grad(int time, int channels, int states, int c0, int c1, const float *k, const float *d, const float *x,
                     const float *marks, const float *dy, float *behind, float *dx, float *sums) {
  unsigned mode = flush_on();
  for (int i = 0; i < 2 * states; i++) memset(behind + (int64_t)i * channels + c0, 0, sizeof(float) * (c1 - c0));
  for (int i = 0; i <= 4 * states; i++) memset(sums + (int64_t)i * channels + c0, 0, sizeof(float) * (c1 - c0));
  for (int t = (time - 1) / SSM_MS * SSM_MS; t >= 0; t -= SSM_MS)
    for (int j = c0; j < c1; j += VW) {
      int64_t at = (int64_t)t * channels;
      ssm_block_grad(time - t < SSM_MS ? time - t : SSM_MS, channels, states, j, k, d, x + at,
                     marks + (int64_t)t / SSM_MS * 2 * states * channels, dy + at, behind, dx + at, sums);
    }
  flush_restore(mode);
}

// The parameters' gradients of channels c0 <= c < c1 from the windows' sums, added in order in float64.
static void ssm_parameters(const nets_ssm *p, int batch, int c0, int c1, const float *sums, const nets_ssm_grad *to) {
  const int states = p->states;
  const int64_t channels = p->channels, window = (4 * states + 1) * channels;
  for (int c = c0; c < c1; c++) {
    double dt = 0, through = 0;
    for (int n = 0; n < states; n++) {
      double g[4] = {0}, d[5];
      for (int b = 0; b < batch; b++)
        for (int i = 0; i < 4; i++) g[i] += sums[b * window + (4 * n + i) * channels + c];
      int at = c * states + n;
      s4d_grad(p->log_dt[c], p->log_a[at], p->imag_a[at], p->re[at], p->im[at], (complex_d){g[0], g[1]},
               (complex_d){g[2], g[3]}, d);
      dt += d[S4D_LOG_DT];
      to->log_a[at] = (float)d[S4D_LOG_A], to->imag_a[at] = (float)d[S4D_IMAG_A];
      to->re[at] = (float)d[S4D_RE], to->im[at] = (float)d[S4D_IM];
    }
    for (int b = 0; b < batch; b++) through += sums[b * window + 4 * states * channels + c];
    to->log_dt[c] = (float)dt, to->d[c] = (float)through;
  }
}
