// Calcium-activated potassium channel: SK_E2 of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after
// Kohler et al. 1996 (Science 273:1709); i = g z (v-e),
//   z: steady state 1/(1+(4.3e-4/ca)^4.8), time constant 1 ms, ca in mM within what ca_pool.h holds
// Parameters: g (uS), e (mV).
#ifndef NEQ_SK_E2_H
#define NEQ_SK_E2_H
#include "gate.h"

typedef struct { real z; } sk_e2_state;
enum { SK_E2_G, SK_E2_E, SK_E2_SHARE, SK_E2_ROW };

#ifndef __CUDA__
#include <math.h>
FN void sk_e2_prepare(const double *params, double dt, int staggered, double *p) {
  p[SK_E2_G] = params[0], p[SK_E2_E] = params[1], p[SK_E2_SHARE] = -expm1(-dt);
}
#endif

// sk_e2_w is 1 over the steady state: 4.8 ln 4.3e-4 = -37.208
FN real sk_e2_w(real ca) { return (scalar)1 + neq_exp_line(gate_log(ca), -4.8, -37.208281676527996); }

FN sk_e2_state sk_e2_steady(real v, const scalar *p, real ca) {
  sk_e2_state x = {(scalar)1 / sk_e2_w(ca)};
  return x;
}

// sk_e2_advance: exact.
FN sk_e2_state sk_e2_advance(sk_e2_state x, real v, const scalar *p, real ca, scalar dt) {
  real w = sk_e2_w(ca);
  x.z = x.z + ((scalar)1 - x.z * w) * p[SK_E2_SHARE] / w;
  return x;
}

FN void sk_e2_current(sk_e2_state x, real v, const scalar *p, real *g, real *ge) {
  real open = p[SK_E2_G] * x.z;
  *g += open, *ge += open * p[SK_E2_E];
}
#endif
