// Synaptic conductance that rises and decays exponentially, as NEURON's Exp2Syn: i = g (v - e),
//   g = a - b,  a' = -a/decay,  b' = -b/rise;  an event of weight w (uS) adds w norm to a and b, so that g peaks at w.
// The state is g itself and s = a: linear, so all synapses of one kind on a segment share it, and an event adds to s
// alone. A rise of 0 is a single exponential. Parameters: rise, decay (ms), e (mV).
#ifndef NEQ_EXP2_H
#define NEQ_EXP2_H
#include "gate.h"

typedef struct { real g, s; } exp2_state;
enum { EXP2_E, EXP2_KEEP, EXP2_FEED, EXP2_DECAY, EXP2_NORM, EXP2_JUMP, EXP2_ROW };

#ifndef __CUDA__
#include <math.h>
// exp2_prepare: factors of a step of dt ms. As in Exp2Syn, a rise within 1e-4 of the decay or above is moved below it.
FN void exp2_prepare(const double *params, double dt, int staggered, double *p) {
  double decay = params[1], rise = params[0] > 0.9999 * decay ? 0.9999 * decay : params[0], b = 0;
  p[EXP2_E] = params[2], p[EXP2_DECAY] = p[EXP2_FEED] = exp(-dt / decay), p[EXP2_NORM] = p[EXP2_JUMP] = 1;
  if (rise > 1e-9 * decay) {
    double faster = (decay - rise) / (rise * decay), peak = log(decay / rise) / faster;
    p[EXP2_NORM] = exp(peak / decay) / -expm1(-peak * faster), p[EXP2_JUMP] = 0;
    b = exp(-dt / rise), p[EXP2_FEED] *= -expm1(-dt * faster);
  }
  p[EXP2_KEEP] = b;
}
#endif

// exp2_open delivers an event of weight w (uS).
FN exp2_state exp2_open(exp2_state x, scalar w, const scalar *p) {
  x.s += w * p[EXP2_NORM], x.g += w * p[EXP2_JUMP];
  return x;
}

FN exp2_state exp2_steady(real v, const scalar *p) {
  exp2_state x = {0, 0};
  return x;
}

// exp2_advance: exact.
FN exp2_state exp2_advance(exp2_state x, real v, const scalar *p, scalar dt) {
  x.g = x.g * p[EXP2_KEEP] + x.s * p[EXP2_FEED], x.s *= p[EXP2_DECAY];
  return x;
}

FN void exp2_current(exp2_state x, real v, const scalar *p, real *g, real *ge) { *g += x.g, *ge += x.g * p[EXP2_E]; }
#endif
