// Hyperpolarisation-activated cation channel: Ih of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after
// Kole et al. 2006 (J Neurosci 26:1677); i = g m (v-e),
//   m: a = 0.00643 (v+154.9)/(exp((v+154.9)/11.9)-1), b = 0.193 exp(v/33.1): slower than 1.5 ms below 40 mV
// a is singular at -154.9 mV only, below the voltages of gates. Parameters: g (uS), e (mV).
#ifndef NEQ_IH_H
#define NEQ_IH_H
#include "gate.h"

typedef struct { real m; } ih_state;

FN void ih_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

FN gate_rate ih_rates(real v, scalar dt) {
  gate_rate r;
  r.p = (dt * (scalar)0.00643) * (v + (scalar)154.9);
  r.z = neq_exp_line(v, 1 / 11.9, 154.9 / 11.9) - (scalar)1;
  r.y = r.p + (dt * (scalar)0.193) * neq_exp_line(v, 1 / 33.1, 0) * r.z;
  return r;
}

FN ih_state ih_steady(real v, const scalar *p) {
  ih_state x = {gate_steady(ih_rates(v, 1))};
  return x;
}

FN ih_state ih_advance(ih_state x, real v, const scalar *p, scalar dt) {
  x.m = gate_slow(x.m, ih_rates(v, dt));
  return x;
}

FN void ih_current(ih_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[0] * x.m;
  *g += open, *ge += open * p[1];
}
#endif
