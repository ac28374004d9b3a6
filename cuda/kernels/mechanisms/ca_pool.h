// Calcium below the membrane: CaDynamics_E2 of Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653), after
// Destexhe et al. 1994 (J Comput Neurosci 1:195),
//   ca' = -gamma ica / (2 F depth area) - (ca - minimum)/decay,
// and the reversal potential it sets, by Nernst: R T/(2 F) ln(outside/ca). It starts at `initial`.
// Parameters: gamma, decay (ms), depth (um), minimum, initial, outside (mM), celsius (C), area (um2).
#ifndef NEQ_CA_POOL_H
#define NEQ_CA_POOL_H
#include "gate.h"

typedef struct { real ca; } ca_pool_state;
enum { CA_POOL_MINIMUM, CA_POOL_INITIAL, CA_POOL_SHARE, CA_POOL_DRIVE, CA_POOL_NERNST, CA_POOL_OUT, CA_POOL_ROW };

// ca stays within these (mM), where its logarithm and the powers of sk_e2.h are finite.
#define CA_POOL_LOW 1e-8
#define CA_POOL_HIGH 1e3

#ifndef __CUDA__
#include <math.h>
FN void ca_pool_prepare(const double *params, double dt, int staggered, double *p) {
  const double faraday = 96485.33212, gas = 8.314462618; // C/mol, J/(K mol): SI 2019
  double share = -expm1(-dt / params[1]);                 // of the way to the steady state
  p[CA_POOL_MINIMUM] = params[3], p[CA_POOL_INITIAL] = params[4], p[CA_POOL_SHARE] = share;
  // nA/(um3 C/mol) is 1e-9/1e-15 mol/(s l) = 1e6 mM/ms
  p[CA_POOL_DRIVE] = -1e6 * params[0] / (2 * faraday * params[2] * params[7]) * params[1] * share;
  p[CA_POOL_NERNST] = 1e3 * gas * (params[6] + 273.15) / (2 * faraday);
  p[CA_POOL_OUT] = p[CA_POOL_NERNST] * log(params[5]);
}
#endif

FN ca_pool_state ca_pool_steady(real v, const scalar *p) {
  ca_pool_state x;
  x.ca = v * (scalar)0 + p[CA_POOL_INITIAL];
  return x;
}

// ca_pool_advance: exact for the current ica (nA) held over the step.
FN ca_pool_state ca_pool_advance(ca_pool_state x, const scalar *p, real ica) {
  x.ca = neq_clamp(x.ca + (p[CA_POOL_MINIMUM] - x.ca) * p[CA_POOL_SHARE] + p[CA_POOL_DRIVE] * ica, CA_POOL_LOW, CA_POOL_HIGH);
  return x;
}

// ca_pool_reversal is E_Ca (mV).
FN real ca_pool_reversal(ca_pool_state x, const scalar *p) { return p[CA_POOL_OUT] - p[CA_POOL_NERNST] * gate_log(x.ca); }
#endif
