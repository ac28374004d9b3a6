// Squid axon channels: Hodgkin & Huxley 1952 (J Physiol 117:500), with the signs and the resting potential (-65 mV) of
// NEURON's hh.mod:
//   i = gna m^3 h (v-ena) + gk n^4 (v-ek) + gl (v-el)                E(x,k) = x/(1-exp(-x/k))
//   m: a = 0.1 E(v+40,10),  b = 4 exp(-(v+65)/18)
//   h: a = 0.07 exp(-(v+65)/20), b = 1/(1+exp(-(v+35)/10))
//   n: a = 0.01 E(v+55,10), b = 0.125 exp(-(v+65)/80)                all rates times 3^((celsius-6.3)/10)
// Parameters: gna, gk, gl (uS), ena, ek, el (mV), celsius (C).
#ifndef NEQ_MECHANISM_HH_H
#define NEQ_MECHANISM_HH_H
#include "gate.h"

typedef struct { real m, h, n; } hh_state;
typedef struct { gate_rate m, h, n; } hh_rate;
enum { HH_GNA, HH_GK, HH_GL, HH_ENA, HH_EK, HH_EL, HH_PHI, HH_ROW };

#ifndef __CUDA__
#include <math.h>
FN void hh_prepare(const double *params, double dt, int staggered, double *p) {
  for (int i = 0; i < HH_PHI; i++) p[i] = params[i];
  p[HH_PHI] = pow(3, (params[6] - 6.3) / 10);
}
#endif

// hh_rates: exp(-(v+65)/80) gives the exponentials of /20 and /10 by squaring.
FN hh_rate hh_rates(real v, real d) {
  real e80 = neq_exp_line(v, -1.0 / 80, -65.0 / 80), e40 = e80 * e80, e20 = e40 * e40, e10 = e20 * e20;
  real e18 = neq_exp_line(v, -1.0 / 18, -65.0 / 18);
  neq_fraction fm = gate_fraction(v * (scalar)0.1 + (scalar)4, e10 * (scalar)12.182493960703473);   // exp(2.5)
  neq_fraction fn = gate_fraction(v * (scalar)0.1 + (scalar)5.5, e10 * (scalar)2.7182818284590452); // exp(1)
  real zh = (scalar)1 + e10 * (scalar)20.085536923187668;                                    // exp(3)
  real am = d * fm.a, an = d * (scalar)0.1 * fn.a, ah = d * (scalar)0.07 * (e20 * zh);
  hh_rate r = {{am, am + d * (scalar)4 * (e18 * fm.z), fm.z}, {ah, ah + d, zh}, {an, an + d * (scalar)0.125 * (e80 * fn.z), fn.z}};
  return r;
}

FN hh_state hh_steady(real v, const scalar *p) {
  hh_rate r = hh_rates(v, 1);
  hh_state x = {gate_steady(r.m), gate_steady(r.h), gate_steady(r.n)};
  return x;
}

// hh_advance: m falls to 0.11 ms at 6.3 C, h and n to 1 ms.
FN hh_state hh_advance(hh_state x, real v, const scalar *p, scalar dt) {
  hh_rate r = hh_rates(v, dt * p[HH_PHI]);
  x.m = gate_fast(x.m, r.m), x.h = gate(x.h, r.h), x.n = gate(x.n, r.n);
  return x;
}

FN void hh_current(hh_state x, real v, const scalar *p, real *g, real *ge) {
  real n2 = x.n * x.n, na = p[HH_GNA] * (x.m * x.m * x.m * x.h), k = p[HH_GK] * (n2 * n2);
  *g += p[HH_GL] + na + k, *ge += p[HH_GL] * p[HH_EL] + na * p[HH_ENA] + k * p[HH_EK];
}
#endif
