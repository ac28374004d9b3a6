// Transient potassium channel: K_Tst of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Korngreen &
// Sakmann 2000 (J Physiol 525:621); i = g m^4 h (v-e), u = v+10,
//   m: steady state 1/(1+exp(-u/19)), time constant (0.34 + 0.92 exp(-((u+71)/59)^2))/q
//   h: steady state 1/(1+exp((u+66)/10)), time constant (8 + 49 exp(-((u+73)/23)^2))/q
// Parameters: g (uS), e (mV).
#ifndef NEQ_K_TST_H
#define NEQ_K_TST_H
#include "gate.h"
#include "q.h"

typedef struct { real m, h; } k_tst_state;

FN void k_tst_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

// 1 over the steady states
FN real k_tst_m(real v) { return (scalar)1 + neq_exp_line(v, -1.0 / 19, -10.0 / 19); }
FN real k_tst_h(real v) { return (scalar)1 + neq_exp_line(v, 1.0 / 10, 76.0 / 10); }

FN k_tst_state k_tst_steady(real v, const scalar *p) {
  k_tst_state x = {(scalar)1 / k_tst_m(v), (scalar)1 / k_tst_h(v)};
  return x;
}

FN k_tst_state k_tst_advance(k_tst_state x, real v, const scalar *p, scalar dt) {
  real m = (v + (scalar)81) * (scalar)(1.0 / 59), h = (v + (scalar)83) * (scalar)(1.0 / 23);
  real km = dt * (scalar)NEQ_Q / ((scalar)0.34 + (scalar)0.92 * neq_exp(-m * m));
  real kh = dt * (scalar)NEQ_Q / ((scalar)8 + (scalar)49 * neq_exp(-h * h));
  x.m = gate_to(x.m, k_tst_m(v), km), x.h = gate_to(x.h, k_tst_h(v), kh);
  return x;
}

FN void k_tst_current(k_tst_state x, real v, const scalar *p, real *g, real *ge) {
  real m2 = x.m * x.m, open = p[0] * (m2 * m2 * x.h);
  *g += open, *ge += open * p[1];
}
#endif
