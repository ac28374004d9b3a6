// Activations and their derivatives.
#include "scalar.h"

#define ACT_LOOP(KIND)                                                                                                 \
  case KIND:                                                                                                           \
    for (int64_t i = 0; i < n; i++) y[i] = act_f(KIND, x[i]);                                                          \
    break;
#define SLOPE_LOOP(KIND)                                                                                               \
  case KIND:                                                                                                           \
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * act_slope(KIND, x[i]);                                             \
    break;

static void act(int kind, const float *restrict x, float *restrict y, int64_t n) {
  unsigned mode = flush_on();
  switch (kind) { ACT_LOOP(ACT_RELU) ACT_LOOP(ACT_GELU) ACT_LOOP(ACT_SILU) ACT_LOOP(ACT_TANH) }
  flush_restore(mode);
}

static void act_grad(int kind, const float *restrict x, const float *restrict dy, float *restrict dx, int64_t n) {
  unsigned mode = flush_on();
  switch (kind) { SLOPE_LOOP(ACT_RELU) SLOPE_LOOP(ACT_GELU) SLOPE_LOOP(ACT_SILU) SLOPE_LOOP(ACT_TANH) }
  flush_restore(mode);
}

static void sum(const float *restrict x, const float *restrict y, float *restrict total, int64_t n) {
  for (int64_t i = 0; i < n; i++) total[i] = x[i] + y[i];
}
