// Causal local attention of one head over one window: y[t] = sum over lags l < span, l <= t, of p[t][l] v[t-l], p the
// softmax over lags of q[t] k[t-l] / sqrt(width) + bias[l]. qkv [time][3][heads][width]. Lanes are times: queries, keys
// and values are turned to [width][time] in scratch, so that a lag is an offset of a load. Of the scores a vector of
// times by span is kept in the forward pass, all of [span][time] in the backward one.
//
// Scratch, zeroed when made: what lies beyond the window, before or after it, stays zero and stands for nothing.

#include "turn.h"

enum { ATTENTION_BLOCK = 8 };

typedef struct {
  int time, heads, width, span, head;
  int64_t pad, ld;        // zeros before or after the window's times; a row of scratch
  float *q, *k, *v, *dy;  // [width][ld]: q and dy then zeros, zeros then k and v
  float *p, *ds;          // [span][ld], forward [span][VW]
  float *turn;            // [width][VW]
  float *sums;            // [span][VW]
} attention_at;

static int64_t attention_scratch(int time, int width, int span, int grad) {
  int64_t pad = (span + VW - 1) / VW * VW, ld = (time + VW - 1) / VW * VW + pad;
  return grad ? ld * (4 * width + 2 * (int64_t)span) + VW * (2 * (int64_t)width + span)
              : ld * 3 * width + VW * (width + (int64_t)span);
}

FN attention_at attention_layout(int time, int heads, int width, int span, int head, int grad, float *scratch) {
  attention_at a = {time, heads, width, span, head, (span + VW - 1) / VW * VW, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  a.ld = (time + VW - 1) / VW * VW + a.pad;
  a.q = scratch, a.k = a.q + a.ld * width, a.v = a.k + a.ld * width;
  float *rest = a.v + a.ld * width;
  if (grad) a.dy = rest, a.p = a.dy + a.ld * width, a.ds = a.p + a.ld * span, rest = a.ds + a.ld * span;
  else a.p = rest, rest += VW * span;
  a.turn = rest, a.sums = rest + 2 * VW * width;
  return a;
}

// n lags' sums over width of a[d][t] b[d][t - lag]; n is a constant.
FN void lag_dots(const int n, const float *a, const float *b, int width, int64_t ld, float *out, int64_t stride) {
  V s[ATTENTION_BLOCK] = {{0}};
  for (int d = 0; d < width; d++, a += ld, b += ld) {
    V x = LOAD(a);
    for (int j = 0; j < n; j++) s[j] += x * LOAD(b - j);
  }
  for (int j = 0; j < n; j++) STORE(out + j * stride, s[j]);
}

FN void all_dots(const float *a, const float *b, int width, int span, int64_t ld, float *out, int64_t stride) {
  int l = 0;
  for (; l + ATTENTION_BLOCK <= span; l += ATTENTION_BLOCK) lag_dots(ATTENTION_BLOCK, a, b - l, width, ld, out + l * stride, stride);
  for (; l + 2 <= span; l += 2) lag_dots(2, a, b - l, width, ld, out + l * stride, stride);
  for (; l < span; l++) lag_dots(1, a, b - l, width, ld, out + l * stride, stride);
}

// n rows d of out [d][VW]: the sum over lags of weight[lag] x[d], at offsets that a lag moves by so much; n is a constant.
FN void lag_sums(const int n, const float *weight, int64_t by, const float *x, int64_t ld, int64_t move, int span, float *out) {
  V s[ATTENTION_BLOCK] = {{0}};
  for (int l = 0; l < span; l++, weight += by, x += move) {
    V p = LOAD(weight);
    for (int j = 0; j < n; j++) s[j] += p * LOAD(x + j * ld);
  }
  for (int j = 0; j < n; j++) STORE(out + j * VW, s[j]);
}

FN void all_sums(const float *weight, int64_t by, const float *x, int64_t ld, int64_t move, int width, int span, float *out) {
  int d = 0;
  for (; d + ATTENTION_BLOCK <= width; d += ATTENTION_BLOCK) lag_sums(ATTENTION_BLOCK, weight, by, x + d * ld, ld, move, span, out + d * VW);
  for (; d + 2 <= width; d += 2) lag_sums(2, weight, by, x + d * ld, ld, move, span, out + d * VW);
  for (; d < width; d++) lag_sums(1, weight, by, x + d * ld, ld, move, span, out + d * VW);
}

// The softmax over lags of the scores p [span][stride] of times t to t + VW.
FN void lag_softmax(const attention_at *a, const float *bias, int t, float *p, int64_t stride) {
  V most = {0}, sum = {0};
  most += -3.0e38f;
  for (int l = 0; l < a->span; l++) {
    float *row = p + l * stride;
    STORE(row, LOAD(row) + (bias ? bias[l] : 0));
    for (int i = 0; i < VW && t + i < l; i++) row[i] = -3.0e38f;
    V x = LOAD(row);
    VI less = x < most;
    most = (V)((less & (VI)most) | (~less & (VI)x));
  }
  for (int l = 0; l < a->span; l++) {
    float *row = p + l * stride;
    STORE(row, LOAD(row) - most);
    for (int i = 0; i < VW; i++) row[i] = exp_f(row[i]);
    sum += LOAD(row);
  }
  sum = 1.0f / sum;
  for (int l = 0; l < a->span; l++) STORE(p + l * stride, LOAD(p + l * stride) * sum);
}

FN float attention_scale(int width) { return 1.0f / root_f((float)width); }

FN void attention_load(const attention_at *a, const float *qkv) {
  int64_t channels = (int64_t)a->heads * a->width;
  const float *x = qkv + (int64_t)a->head * a->width;
  turn(x, 3 * channels, a->time, a->width, attention_scale(a->width), a->q, a->ld);
  turn(x + channels, 3 * channels, a->time, a->width, 1, a->k + a->pad, a->ld);
  turn(x + 2 * channels, 3 * channels, a->time, a->width, 1, a->v + a->pad, a->ld);
}

// bias [span] or NULL; y [time][heads][width].
static void attention(const float *qkv, const float *bias, int time, int heads, int width, int span, int head,
                      float *scratch, float *y) {
  unsigned mode = flush_on();
  attention_at a = attention_layout(time, heads, width, span, head, 0, scratch);
  attention_load(&a, qkv);
  for (int t = 0; t < time; t += VW) {
    all_dots(a.q + t, a.k + a.pad + t, width, span, a.ld, a.p, VW);
    lag_softmax(&a, bias, t, a.p, VW);
    all_sums(a.p, VW, a.v + a.pad + t, a.ld, -1, width, span, a.turn);
    turn(a.turn, VW, width, time - t < VW ? time - t : VW, 1, y + ((int64_t)t * heads + head) * width, (int64_t)heads * width);
  }
  flush_restore(mode);
}

// dqkv as qkv, and dbias [span] of this window.
static void attention_grad(const float *qkv, const float *bias, const float *dy, int time, int heads, int width,
                           int span, int head, float *scratch, float *dqkv, float *dbias) {
  unsigned mode = flush_on();
  attention_at a = attention_layout(time, heads, width, span, head, 1, scratch);
  const int64_t channels = (int64_t)heads * width;
  const float scale = attention_scale(width);
  attention_load(&a, qkv);
  turn(dy + head * width, channels, time, width, 1, a.dy, a.ld);
  memset(a.sums, 0, sizeof(float) * VW * span);
  float *dq = dqkv + (int64_t)head * width;
  for (int t = 0; t < time; t += VW) {
    float *p = a.p + t, *ds = a.ds + t;
    V delta = {0};
    all_dots(a.q + t, a.k + a.pad + t, width, span, a.ld, p, a.ld);
    lag_softmax(&a, bias, t, p, a.ld);
    all_dots(a.dy + t, a.v + a.pad + t, width, span, a.ld, ds, a.ld);
    for (int l = 0; l < span; l++) delta += LOAD(p + l * a.ld) * LOAD(ds + l * a.ld);
    for (int l = 0; l < span; l++) {
      V d = LOAD(p + l * a.ld) * (LOAD(ds + l * a.ld) - delta);
      STORE(ds + l * a.ld, d);
      STORE(a.sums + l * VW, LOAD(a.sums + l * VW) + d);
    }
    all_sums(ds, a.ld, a.k + a.pad + t, a.ld, -1, width, span, a.turn);
    turn(a.turn, VW, width, time - t < VW ? time - t : VW, scale, dq + t * 3 * channels, 3 * channels);
  }
  for (int l = 0; l < span; l++) dbias[l] = lanes_sum(LOAD(a.sums + l * VW));
  for (int t = 0; t < time; t += VW) { // of a key and a value, by the times that looked at them
    int n = time - t < VW ? time - t : VW;
    all_sums(a.ds + t, a.ld + 1, a.q + t, a.ld, 1, width, span, a.turn);
    turn(a.turn, VW, width, n, 1, dq + t * 3 * channels + channels, 3 * channels);
    all_sums(a.p + t, a.ld + 1, a.dy + t, a.ld, 1, width, span, a.turn);
    turn(a.turn, VW, width, n, 1, dq + t * 3 * channels + 2 * channels, 3 * channels);
  }
  flush_restore(mode);
}
