// Transient sodium channel of the axon: NaTa_t of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), that of
// nats2.h with m shifted by -6 mV and h by -6 mV. Parameters: g (uS), e (mV).
#ifndef NEQ_NATA_H
#define NEQ_NATA_H
#include "nats2.h"

typedef nats2_state nata_state;

FN void nata_prepare(const double *params, double dt, int staggered, double *p) { nats2_prepare(params, dt, staggered, p); }

FN nats2_rate nata_rates(real v, scalar dt) {
  return nats2_shifted(v, dt, 38, 66, (scalar)0.0017761035457343792, (scalar)1.6701700790245659e-5); // exp(-38/6), exp(-11)
}

FN nata_state nata_steady(real v, const scalar *p) {
  nats2_rate r = nata_rates(v, 1);
  nata_state x = {gate_steady(r.m), gate_steady(r.h)};
  return x;
}

FN nata_state nata_advance(nata_state x, real v, const scalar *p, scalar dt) {
  nats2_rate r = nata_rates(v, dt);
  x.m = gate_fast(x.m, r.m), x.h = gate(x.h, r.h);
  return x;
}

FN void nata_current(nata_state x, real v, const scalar *p, real *g, real *ge) { nats2_current(x, v, p, g, ge); }
#endif
