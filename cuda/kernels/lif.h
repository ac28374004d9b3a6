// Leaky integrate-and-fire neuron. Source: Lapicque 1907; the exact step of Rotter & Diesmann 1999 (Biol Cybern
// 81:381): tau v' = -(v - el) + tau (I - synapses); above the threshold a spike, after which v stays at the reset
// for the refractory steps, the events that move it at once ignored.
// Parameters: gl (1/ms, 1/tau) el reset (mV) refractory (steps).
// The step is exact for a constant current and no conductance; for constant conductances it is within 1e-8 of exact
// while the step is below a fifth of the time constant they leave, within 2e-4 when it is all of it.
#ifndef NEQ_LIF_H
#define NEQ_LIF_H
#include "neq.h"

typedef struct { real v, hold; } lif_state; // hold: steps of the refractory period left
typedef struct { real gl, cl, dt, el, tau, decay, reset, refractory, threshold; } lif_const;

FN lif_const lif_prepare(const double *p, double dt, double threshold) {
  lif_const c;
  c.gl = p[0], c.el = p[1], c.cl = p[0] * p[1], c.dt = dt, c.tau = 1 / p[0];
  c.decay = neq_exp_d(-dt * p[0]);
  c.reset = p[2], c.refractory = p[3], c.threshold = threshold;
  return c;
}

// lif_step: open says whether there are conductances (g, 1/ms); ge is the sum of g E and of current (mV/ms).
FN lif_state lif_step(lif_state s, lif_const c, real g, real ge, int open) {
  real fixed = c.el + ge * c.tau, v = fixed + (s.v - fixed) * c.decay;
  if (open) { // v + (v' at the start) dt (1 - exp(-k))/k, k the step over the time constant, in its (2,3) Pade form
    real k = c.dt * (c.gl + g), slope = c.dt * (c.cl + ge) - k * s.v;
    v = s.v + slope * ((real)1 + k * ((real)0.1 + k * (real)(1.0 / 60))) /
                  ((real)1 + k * ((real)0.6 + k * ((real)0.15 + k * (real)(1.0 / 60))));
  }
  real hold = s.v > c.threshold ? c.refractory : s.hold - (real)1;
  hold = hold < 0 ? (real)0 : hold;
  lif_state r = {hold > 0 ? c.reset : v, hold};
  return r;
}
#endif
