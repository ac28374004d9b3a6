// A mixture of experts: rows to their experts' places and back. at [rows][top] is where an assignment lies in the
// expert-major order.
#include "route.h"

static void route(const float *logits, int64_t rows, int experts, int top, int32_t *chosen, float *gates) {
  for (int64_t r = 0; r < rows; r++) route_f(logits + r * experts, experts, top, chosen + r * top, gates + r * top);
}

static void route_grad(const float *logits, const int32_t *chosen, const float *gates, const float *dgates, int64_t rows,
                       int experts, int top, const float *share, float weight, float *dlogits) {
  for (int64_t r = 0; r < rows; r++)
    route_grad_f(logits + r * experts, chosen + r * top, gates + r * top, dgates + r * top, experts, top, share, weight,
                 dlogits + r * experts);
}

// y[row] (+)= the sum over its assignments, in their order, of gate parts[at]; gates NULL: of parts[at], added to y.
static void gather_rows(const float *restrict parts, const int32_t *restrict at, const float *restrict gates, int64_t rows,
                        int top, int channels, float *restrict y) {
  for (int64_t r = 0; r < rows; r++, y += channels) {
    if (gates) memset(y, 0, sizeof(float) * channels);
    for (int s = 0; s < top; s++) {
      const float *p = parts + (int64_t)at[r * top + s] * channels;
      float g = gates ? gates[r * top + s] : 1;
      for (int c = 0; c < channels; c++) y[c] += g * p[c];
    }
  }
}

// parts[at] = gate dy[row]; dgate is dy[row] times what the expert gave.
static void spread_rows(const float *restrict dy, const float *restrict given, const int32_t *restrict at,
                        const float *restrict gates, int64_t rows, int top, int channels, float *restrict parts,
                        float *restrict dgates) {
  for (int64_t r = 0; r < rows; r++, dy += channels)
    for (int s = 0; s < top; s++) {
      int64_t to = (int64_t)at[r * top + s] * channels;
      float g = gates[r * top + s];
      for (int c = 0; c < channels; c++) parts[to + c] = g * dy[c];
      dgates[r * top + s] = line_dot(dy, given + to, channels);
    }
}
