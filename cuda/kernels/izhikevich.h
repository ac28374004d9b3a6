// Izhikevich's simple model. Source: Izhikevich 2003 (IEEE Trans Neural Netw 14:1569):
//   v' = 0.04 v^2 + 5 v + 140 - u + I,  u' = a (b v - u);  at v = 30: v = c, u = u + d.
// Parameters: a b c d, k2 k1 k0 (0.04, 5, 140).
// The step is the paper's program at any dt: a cell above the peak is reset, then v takes two half steps of
// explicit Euler with u held, then u one step at the new v. Synaptic conductances are implicit in each half step.
#ifndef NEQ_IZHIKEVICH_H
#define NEQ_IZHIKEVICH_H
#include "neq.h"

typedef struct { real v, u; } izhikevich_state;
typedef struct { real adt, b, c, d, k2, k1, k0, h, peak; } izhikevich_const;

FN izhikevich_const izhikevich_prepare(const double *p, double dt, double threshold) {
  izhikevich_const c;
  c.adt = p[0] * dt, c.b = p[1], c.c = p[2], c.d = p[3];
  c.k2 = p[4], c.k1 = p[5], c.k0 = p[6], c.h = dt / 2, c.peak = threshold;
  return c;
}

FN izhikevich_state izhikevich_step(izhikevich_state s, izhikevich_const c, real g, real ge, int open) {
  real v = s.v > c.peak ? c.c : s.v, u = s.v > c.peak ? s.u + c.d : s.u;
  real drive = c.k0 - u + ge, shrink = open ? (real)1 / ((real)1 + c.h * g) : (real)1;
  v = (v + c.h * ((c.k2 * v + c.k1) * v + drive)) * shrink;
  v = (v + c.h * ((c.k2 * v + c.k1) * v + drive)) * shrink;
  izhikevich_state r = {v, u + c.adt * (c.b * v - u)};
  return r;
}
#endif
