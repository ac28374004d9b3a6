// Persistent sodium channel: Nap_Et2 of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after Magistretti
// & Alonso 1999 (J Gen Physiol 114:491); i = g m^3 h (v-e),
//   m: steady state 1/(1+exp(-(v+52.6)/4.6)), time constant 6/(a+b)/q with the rates a, b of m of nata.h
//   h: steady state 1/(1+exp((v+48.8)/10)), time constant 1/(a+b)/q,
//      a = 2.88e-6 E(-v-17, 4.63), b = 6.94e-6 E(v+64.4, 2.63)       E(x,k) = x/(1-exp(-x/k))
// Parameters: g (uS), e (mV).
#ifndef NEQ_NAP_H
#define NEQ_NAP_H
#include "nata.h"

typedef struct { real m, h; } nap_state;
typedef struct { real wm, km, wh, kh; } nap_rate; // 1/steady state, rate times the step

FN void nap_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

FN nap_rate nap_rates(real v, scalar dt) {
  gate_rate m = nata_rates(v, dt).m;
  neq_fraction a = gate_fraction((v + (scalar)17) * (scalar)(-1 / 4.63), neq_exp_line(v, 1 / 4.63, 17 / 4.63));
  neq_fraction b = gate_fraction((v + (scalar)64.4) * (scalar)(1 / 2.63), neq_exp_line(v, -1 / 2.63, -64.4 / 2.63));
  nap_rate r;
  r.wm = (scalar)1 + neq_exp_line(v, -1 / 4.6, -52.6 / 4.6), r.km = m.y / ((scalar)6 * m.z);
  r.wh = (scalar)1 + neq_exp_line(v, 1.0 / 10, 48.8 / 10);
  r.kh = dt * ((scalar)(2.88e-6 * 4.63 * NEQ_Q) * (a.a / a.z) + (scalar)(6.94e-6 * 2.63 * NEQ_Q) * (b.a / b.z));
  return r;
}

FN nap_state nap_steady(real v, const scalar *p) {
  nap_rate r = nap_rates(v, 1);
  nap_state x = {(scalar)1 / r.wm, (scalar)1 / r.wh};
  return x;
}

FN nap_state nap_advance(nap_state x, real v, const scalar *p, scalar dt) {
  nap_rate r = nap_rates(v, dt);
  x.m = gate_to(x.m, r.wm, r.km), x.h = gate_to(x.h, r.wh, r.kh);
  return x;
}

FN void nap_current(nap_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[0] * (x.m * x.m * x.m * x.h);
  *g += open, *ge += open * p[1];
}
#endif
