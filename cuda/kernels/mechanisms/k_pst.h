// Persistent potassium channel: K_Pst of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Korngreen &
// Sakmann 2000 (J Physiol 525:621); i = g m^2 h (v-e), u = v+10,
//   m: steady state 1/(1+exp(-(u+1)/12)), time constant (1.25 + 175.03 exp(0.026 u))/q below u = -50,
//      (1.25 + 13 exp(-0.026 u))/q above
//   h: steady state 1/(1+exp((u+54)/11)), time constant (360 + (1010 + 24 (u+55)) exp(-((u+75)/48)^2))/q
// Parameters: g (uS), e (mV).
#ifndef NEQ_K_PST_H
#define NEQ_K_PST_H
#include "gate.h"
#include "q.h"

typedef struct { real m, h; } k_pst_state;

FN void k_pst_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

// 1 over the steady states
FN real k_pst_m(real v) { return (scalar)1 + neq_exp_line(v, -1.0 / 12, -11.0 / 12); }
FN real k_pst_h(real v) { return (scalar)1 + neq_exp_line(v, 1.0 / 11, 64.0 / 11); }

FN k_pst_state k_pst_steady(real v, const scalar *p) {
  k_pst_state x = {(scalar)1 / k_pst_m(v), (scalar)1 / k_pst_h(v)};
  return x;
}

FN k_pst_state k_pst_advance(k_pst_state x, real v, const scalar *p, scalar dt) {
  real u = v + (scalar)10, h = (u + (scalar)75) * (scalar)(1.0 / 48);
  real rising = (scalar)0.026 * u + (scalar)5.164957387802744, falling = (scalar)-0.026 * u + (scalar)2.5649493574615367;
  real tm = (scalar)1.25 + neq_exp(u < (scalar)-50 ? rising : falling); // ln 175.03, ln 13
  real th = (scalar)360 + ((scalar)1010 + (scalar)24 * (u + (scalar)55)) * neq_exp(-h * h);
  x.m = gate_to(x.m, k_pst_m(v), dt * (scalar)NEQ_Q / tm), x.h = gate_to(x.h, k_pst_h(v), dt * (scalar)NEQ_Q / th);
  return x;
}

FN void k_pst_current(k_pst_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[0] * (x.m * x.m * x.h);
  *g += open, *ge += open * p[1];
}
#endif
