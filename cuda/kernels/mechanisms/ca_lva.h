// Low-voltage-activated calcium channel: Ca_LVAst of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after
// Avery & Johnston 1996 (J Neurosci 16:5567) and Randall & Tsien 1997 (Neuropharmacology 36:879); i = g m^2 h (v-eca),
//   u = v+10
//   m: steady state 1/(1+exp(-(u+30)/6)), time constant (5 + 20/(1+exp((u+25)/5)))/q
//   h: steady state 1/(1+exp((u+80)/6.4)), time constant (20 + 50/(1+exp((u+40)/7)))/q
// Parameter: g (uS). eca (mV) is that of ca_pool.h.
#ifndef NEQ_CA_LVA_H
#define NEQ_CA_LVA_H
#include "gate.h"
#include "q.h"

typedef struct { real m, h; } ca_lva_state;
typedef struct { gate_rate m, h; } ca_lva_rate;

FN void ca_lva_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0]; }

// ca_lva_gate: steady state 1/w, time constant (least + more/t)/q
FN gate_rate ca_lva_gate(real w, real t, scalar d, scalar least, scalar more) {
  gate_rate r;
  r.p = d * t, r.y = r.p * w, r.z = w * (least * t + more);
  return r;
}

// exp(-v/6) is also that of nats2.h.
FN ca_lva_rate ca_lva_rates(real v, scalar dt) {
  scalar d = dt * (scalar)NEQ_Q;
  real wm = (scalar)1 + neq_exp_line(v, -1.0 / 6, 0) * (scalar)0.0012726338013398079; // exp(-40/6)
  real wh = (scalar)1 + neq_exp_line(v, 1 / 6.4, 90 / 6.4);
  ca_lva_rate r;
  r.m = ca_lva_gate(wm, (scalar)1 + neq_exp_line(v, 1.0 / 5, 7), d, 5, 20);
  r.h = ca_lva_gate(wh, (scalar)1 + neq_exp_line(v, 1.0 / 7, 50.0 / 7), d, 20, 50);
  return r;
}

FN ca_lva_state ca_lva_steady(real v, const scalar *p) {
  ca_lva_rate r = ca_lva_rates(v, 1);
  ca_lva_state x = {gate_steady(r.m), gate_steady(r.h)};
  return x;
}

FN ca_lva_state ca_lva_advance(ca_lva_state x, real v, const scalar *p, scalar dt) {
  ca_lva_rate r = ca_lva_rates(v, dt);
  x.m = gate_slow(x.m, r.m), x.h = gate_slow(x.h, r.h);
  return x;
}

FN void ca_lva_current(ca_lva_state x, real v, const scalar *p, real eca, real *g, real *ge, real *ica) {
  real open = p[0] * (x.m * x.m * x.h);
  *g += open, *ge += open * eca, *ica += open * (v - eca);
}
#endif
