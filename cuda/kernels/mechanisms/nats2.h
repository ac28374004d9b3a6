// Transient sodium channel of the soma and apical dendrite of layer 5 pyramidal cells: NaTs2_t of Hay et al. 2011
// (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Colbert & Pan 2002 (Nat Neurosci 5:533); i = g m^3 h (v-e),
//   m: a = 0.182 E(v+32,6), b = 0.124 E(-v-32,6)                     E(x,k) = x/(1-exp(-x/k))
//   h: a = 0.015 E(-v-60,6), b = 0.015 E(v+60,6)                     all rates times q
// One exponential serves both gates: E(-x,k) = E(x,k) exp(-x/k). m falls to 0.02 ms (gate_fast), h to 0.2 ms.
// Parameters: g (uS), e (mV).
#ifndef NEQ_NATS2_H
#define NEQ_NATS2_H
#include "gate.h"
#include "q.h"

typedef struct { real m, h; } nats2_state;
typedef struct { gate_rate m, h; } nats2_rate;
enum { NATS2_G, NATS2_E, NATS2_ROW };

FN void nats2_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

// nats2_shifted: the rates with m centred at -vm and h at -vh; em and eh are exp(-vm/6) and exp(-vh/6).
FN nats2_rate nats2_shifted(real v, scalar dt, scalar vm, scalar vh, scalar em, scalar eh) {
  scalar d = dt * (scalar)(6 * NEQ_Q);
  real e = neq_exp_line(v, -1.0 / 6, 0);
  neq_fraction m = gate_fraction((v + vm) * (scalar)(1.0 / 6), e * em), h = gate_fraction((v + vh) * (scalar)(1.0 / 6), e * eh);
  real am = (d * (scalar)0.182) * m.a, ah = (d * (scalar)0.015) * h.a, bh = ah;
  nats2_rate r = {{am, am + (d * (scalar)0.124) * m.a * (e * em), m.z}, {ah * (e * eh), 0, h.z}};
  r.h.y = r.h.p + bh;
  return r;
}

FN nats2_rate nats2_rates(real v, scalar dt) {
  return nats2_shifted(v, dt, 32, 60, (scalar)0.004827949993831441, (scalar)4.5399929762484854e-5); // exp(-32/6), exp(-10)
}

FN nats2_state nats2_steady(real v, const scalar *p) {
  nats2_rate r = nats2_rates(v, 1);
  nats2_state x = {gate_steady(r.m), gate_steady(r.h)};
  return x;
}

FN nats2_state nats2_advance(nats2_state x, real v, const scalar *p, scalar dt) {
  nats2_rate r = nats2_rates(v, dt);
  x.m = gate_fast(x.m, r.m), x.h = gate(x.h, r.h);
  return x;
}

FN void nats2_current(nats2_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[NATS2_G] * (x.m * x.m * x.m * x.h);
  *g += open, *ge += open * p[NATS2_E];
}
#endif
