// Dendritic calcium action potential of human layer 2/3 pyramidal cells: Gidon et al. 2020 (Science 367:83, ModelDB
// 254217), a current that fires where v is above the threshold and the last one is `refractory` ms ago:
//   i = -(a - b) w k,   a' = a (1-a)/rise from 0.001 at the trigger, b' = b (1-b)/fall from 0.001 `duration` ms later
//   k = min(1, exp(-(v - threshold)/((threshold - rest) width))), v that of the trigger: damped by strong input
// As in the public model the condition is v above the threshold, not its crossing: a cell held above it fires again, by
// the damped k of its voltage, when the refractory time is over. `since` (ms) is how long ago the last one is said to
// be at the start: at 0 the model's first one, which fires at the threshold whatever the input, is left out.
// Both equations are solved as they stand, to end at 1. The public model asks NEURON for cnexp, which takes a (1-a) for linear
// in a step and ends at 1/2: there the current peaks at 0.37 w k, here at 0.60 w k.
// Parameters: w (nA), threshold, rest (mV), width, rise, fall, duration, refractory, since (ms).
#ifndef NEQ_DCAAP_H
#define NEQ_DCAAP_H
#include "gate.h"

typedef struct { real a, b, k, steps; } dcaap_state; // steps: since the trigger, at most those of the refractory time
enum { DCAAP_W, DCAAP_THRESHOLD, DCAAP_DAMP, DCAAP_RISE, DCAAP_FALL, DCAAP_DURATION, DCAAP_REFRACTORY, DCAAP_SINCE, DCAAP_ROW };

#ifndef __CUDA__
#include <math.h>
FN void dcaap_prepare(const double *params, double dt, int staggered, double *p) {
  p[DCAAP_W] = params[0], p[DCAAP_THRESHOLD] = params[1], p[DCAAP_DAMP] = -1 / fmax((params[1] - params[2]) * params[3], 1e-3);
  p[DCAAP_RISE] = exp(-dt / params[4]), p[DCAAP_FALL] = exp(-dt / params[5]);
  p[DCAAP_DURATION] = rint(params[6] / dt), p[DCAAP_REFRACTORY] = rint(params[7] / dt);
  p[DCAAP_SINCE] = fmin(rint(params[8] / dt), p[DCAAP_REFRACTORY]);
}
#endif

FN dcaap_state dcaap_steady(real v, const scalar *p) {
  dcaap_state x = {0, 0, 0, p[DCAAP_SINCE]};
  return x;
}

// dcaap_advance: both sigmoids exactly, then the trigger at v, the voltage of the step to come.
FN dcaap_state dcaap_advance(dcaap_state x, real v, const scalar *p, scalar dt) {
  const scalar start = (scalar)0.001;
  real steps = x.steps + (scalar)1;
  x.a = x.a / (x.a + ((scalar)1 - x.a) * p[DCAAP_RISE] + (scalar)1e-30);
  x.b = x.b / (x.b + ((scalar)1 - x.b) * p[DCAAP_FALL] + (scalar)1e-30);
  x.b = steps == p[DCAAP_DURATION] && x.a > 0 ? start : x.b;
  steps = steps < p[DCAAP_REFRACTORY] ? steps : p[DCAAP_REFRACTORY];
  real above = v - p[DCAAP_THRESHOLD], k = neq_exp(above * p[DCAAP_DAMP]);
  int fire = (above > 0) & (steps == p[DCAAP_REFRACTORY]);
  x.a = fire ? start : x.a, x.b = fire ? (scalar)0 : x.b;
  x.k = fire ? (k < (scalar)1 ? k : (scalar)1) : x.k;
  x.steps = fire ? (scalar)0 : steps;
  return x;
}

FN void dcaap_current(dcaap_state x, real v, const scalar *p, real *g, real *ge) { *ge += p[DCAAP_W] * (x.a - x.b) * x.k; }
#endif
