// Fast potassium channel: SKv3_1 of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Rettig et al.
// 1992 (EMBO J 11:2473); i = g m (v-e),
//   m: steady state 1/(1+exp(-(v-18.7)/9.7)), time constant 4/(1+exp(-(v+46.56)/44.14)), above 0.6 ms from -120 mV on
// Parameters: g (uS), e (mV).
#ifndef NEQ_SKV3_1_H
#define NEQ_SKV3_1_H
#include "gate.h"

typedef struct { real m; } skv3_1_state;

FN void skv3_1_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

// skv3_1_w is 1 over the steady state.
FN real skv3_1_w(real v) { return (scalar)1 + neq_exp_line(v, -1 / 9.7, 18.7 / 9.7); }

FN skv3_1_state skv3_1_steady(real v, const scalar *p) {
  skv3_1_state x = {(scalar)1 / skv3_1_w(v)};
  return x;
}

FN skv3_1_state skv3_1_advance(skv3_1_state x, real v, const scalar *p, scalar dt) {
  scalar d = (scalar)0.25 * dt;
  x.m = gate_to(x.m, skv3_1_w(v), d + d * neq_exp_line(v, -1 / 44.14, -46.56 / 44.14));
  return x;
}

FN void skv3_1_current(skv3_1_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[0] * x.m;
  *g += open, *ge += open * p[1];
}
#endif
