// Muscarinic potassium channel: Im of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Adams et al.
// 1982 (J Physiol 330:537); i = g m (v-e),
//   m: a = 3.3e-3 exp(0.1 (v+35)), b = 3.3e-3 exp(-0.1 (v+35)), both times q: 51 ms at -35 mV, 0.06 ms at 40 mV
// Parameters: g (uS), e (mV).
#ifndef NEQ_IM_H
#define NEQ_IM_H
#include "gate.h"
#include "q.h"

typedef struct { real m; } im_state;

FN void im_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

// im_rates: multiplied by z = exp(-0.1 (v+35)), a is a constant.
FN gate_rate im_rates(real v, scalar dt) {
  real e = neq_exp_line(v, -0.1, -3.5);
  scalar a = dt * (scalar)(3.3e-3 * NEQ_Q);
  gate_rate r;
  r.p = e * (scalar)0 + a, r.y = a + a * (e * e), r.z = e;
  return r;
}

FN im_state im_steady(real v, const scalar *p) {
  im_state x = {gate_steady(im_rates(v, 1))};
  return x;
}

FN im_state im_advance(im_state x, real v, const scalar *p, scalar dt) {
  x.m = gate_fast(x.m, im_rates(v, dt));
  return x;
}

FN void im_current(im_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[0] * x.m;
  *g += open, *ge += open * p[1];
}
#endif
