// Adaptive exponential integrate-and-fire neuron. Source: Brette & Gerstner 2005 (J Neurophysiol 94:3637),
// sets of Naud et al. 2008 (Biol Cybern 99:335):
//   C v' = -gl (v-el) + gl delta exp((v-vt)/delta) - w + I,  tau w' = a (v-el) - w;  at the peak: v = reset, w = w + b.
// Parameters: gl (1/ms) el vt delta (mV) a (1/ms) tau (ms) b (mV/ms) reset (mV); w is over C (mV/ms).
// The step: a cell above the peak is reset; then v by Euler, implicit in the leak and the synapses, explicit in
// the exponential; then w exactly at the new v, which is cut 1 mV above the peak.
#ifndef NEQ_ADEX_H
#define NEQ_ADEX_H
#include "neq.h"

typedef struct { real v, w; } adex_state;
typedef struct { real cl, slope, offset, ael, a, b, decay, dt, k, shrink, reset, peak, cut; } adex_const;

FN adex_const adex_prepare(const double *p, double dt, double threshold) {
  adex_const c;
  c.cl = p[0] * p[1];
  // dt gl delta exp((v-vt)/delta) as a power of 2: one fused operation before it, none after
  c.slope = 1.44269504088896341 / p[3];
  c.offset = -p[2] * 1.44269504088896341 / p[3] + neq_log((real)(dt * p[0] * p[3])) * 1.44269504088896341;
  c.ael = p[4] * p[1];
  c.a = p[4], c.b = p[6], c.decay = neq_exp_d(-dt / p[5]), c.dt = dt;
  c.k = dt * p[0], c.shrink = 1 / (1 + dt * p[0]);
  c.reset = p[7], c.peak = threshold, c.cut = threshold + 1;
  return c;
}

FN adex_state adex_step(adex_state s, adex_const c, real g, real ge, int open) {
  real v = s.v > c.peak ? c.reset : s.v, w = s.v > c.peak ? s.w + c.b : s.w;
  real up = neq_exp2(neq_clamp(v * c.slope + c.offset, -126, 126));
  real k = open ? c.k + c.dt * g : c.k, change = up + c.dt * (c.cl + ge - w) - k * v;
  v = v + (open ? change / ((real)1 + k) : change * c.shrink);
  v = v > c.cut ? c.cut : v; // above the peak, and no further: w must not see the exponential's overshoot
  real fixed = c.a * v - c.ael;
  adex_state r = {v, fixed + (w - fixed) * c.decay};
  return r;
}
#endif
