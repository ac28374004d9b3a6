// NMDA receptor: the conductance of exp2.h under the magnesium block of Jahr & Stevens 1990 (J Neurosci 10:3178):
//   i = g B(v) (v - e),  B = 1/(1 + exp(-slope v) magnesium/scale).
// Its slope for the implicit step is exact, dB/dv = slope B (1-B) included:
//   di/dv = g B (1 + slope (1-B) (v-e)),  negative where the block opens faster than the driving force falls.
// Parameters: rise, decay (ms), e (mV), magnesium (mM), slope (1/mV), scale (mM).
#ifndef NEQ_NMDA_H
#define NEQ_NMDA_H
#include "exp2.h"

typedef exp2_state nmda_state;
enum { NMDA_SLOPE = EXP2_ROW, NMDA_RATE, NMDA_OFFSET, NMDA_ROW };

#ifndef __CUDA__
// The block's exponential is 2^(rate v + offset), held within what neq_exp2 takes: slopes to 0.3/mV, and an absent
// magnesium counts as 1e-18 of the scale.
FN void nmda_prepare(const double *params, double dt, int staggered, double *p) {
  exp2_prepare(params, dt, staggered, p);
  double mg = fmin(fmax(params[3] / params[5], 1e-18), 1e12);
  p[NMDA_SLOPE] = fmin(fmax(params[4], -0.3), 0.3);
  p[NMDA_RATE] = -p[NMDA_SLOPE] * 1.4426950408889634, p[NMDA_OFFSET] = log2(mg);
}
#endif

FN nmda_state nmda_open(nmda_state x, scalar w, const scalar *p) { return exp2_open(x, w, p); }
FN nmda_state nmda_steady(real v, const scalar *p) { return exp2_steady(v, p); }
FN nmda_state nmda_advance(nmda_state x, real v, const scalar *p, scalar dt) { return exp2_advance(x, v, p, dt); }

// nmda_block is B.
FN real nmda_block(real v, const scalar *p) {
  return (scalar)1 / ((scalar)1 + neq_exp2(v * p[NMDA_RATE] + p[NMDA_OFFSET]));
}

FN void nmda_current(nmda_state x, real v, const scalar *p, real *g, real *ge) {
  real b = nmda_block(v, p), open = x.g * b, bend = open * (p[NMDA_SLOPE] - p[NMDA_SLOPE] * b) * (v - p[EXP2_E]);
  *g += open + bend, *ge += open * p[EXP2_E] + bend * v;
}
#endif
