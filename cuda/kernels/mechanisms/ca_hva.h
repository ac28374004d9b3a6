// High-voltage-activated calcium channel: Ca_HVA of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after
// Reuveni et al. 1993 (J Neurosci 13:4609); i = g m^2 h (v-eca),
//   m: a = 0.055 E(v+27,3.8), b = 0.94 exp(-(v+75)/17)               E(x,k) = x/(1-exp(-x/k))
//   h: a = 0.000457 exp(-(v+13)/50), b = 0.0065/(1+exp(-(v+15)/28)): slower than 100 ms
// Parameter: g (uS). eca (mV) is that of ca_pool.h.
#ifndef NEQ_CA_HVA_H
#define NEQ_CA_HVA_H
#include "gate.h"

typedef struct { real m, h; } ca_hva_state;
typedef struct { gate_rate m, h; } ca_hva_rate;

FN void ca_hva_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0]; }

FN ca_hva_rate ca_hva_rates(real v, scalar dt) {
  neq_fraction m = gate_fraction((v + (scalar)27) * (scalar)(1 / 3.8), neq_exp_line(v, -1 / 3.8, -27 / 3.8));
  ca_hva_rate r;
  r.m.p = (dt * (scalar)(0.055 * 3.8)) * m.a, r.m.z = m.z;
  r.m.y = r.m.p + (dt * (scalar)0.94) * neq_exp_line(v, -1.0 / 17, -75.0 / 17) * m.z;
  r.h.z = (scalar)1 + neq_exp_line(v, -1.0 / 28, -15.0 / 28);
  r.h.p = (dt * (scalar)0.000457) * neq_exp_line(v, -1.0 / 50, -13.0 / 50) * r.h.z;
  r.h.y = r.h.p + dt * (scalar)0.0065;
  return r;
}

FN ca_hva_state ca_hva_steady(real v, const scalar *p) {
  ca_hva_rate r = ca_hva_rates(v, 1);
  ca_hva_state x = {gate_steady(r.m), gate_steady(r.h)};
  return x;
}

FN ca_hva_state ca_hva_advance(ca_hva_state x, real v, const scalar *p, scalar dt) {
  ca_hva_rate r = ca_hva_rates(v, dt);
  x.m = gate(x.m, r.m), x.h = gate_slow(x.h, r.h);
  return x;
}

FN void ca_hva_current(ca_hva_state x, real v, const scalar *p, real eca, real *g, real *ge, real *ica) {
  real open = p[0] * (x.m * x.m * x.h);
  *g += open, *ge += open * eca, *ica += open * (v - eca);
}
#endif
