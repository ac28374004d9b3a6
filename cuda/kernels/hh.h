// Hodgkin-Huxley squid axon. Source: Hodgkin & Huxley 1952 (J Physiol 117:500), with the signs and the resting
// potential (-65 mV) of NEURON's hh.mod:
//   C v' = -gna m^3 h (v-ena) - gk n^4 (v-ek) - gl (v-el) - synapses + I
//   m: a = 0.1 E(v+40,10),  b = 4 exp(-(v+65)/18)             E(x,k) = x/(1-exp(-x/k))
//   h: a = 0.07 exp(-(v+65)/20), b = 1/(1+exp(-(v+35)/10))
//   n: a = 0.01 E(v+55,10), b = 0.125 exp(-(v+65)/80)         all times phi = 3^((T-6.3)/10)
// Parameters: gna gk gl (1/ms, conductance over capacitance) ena ek el (mV) phi.
// The step is NEURON's fixed step: v by implicit Euler with the conductances of the step's start, then the
// gates at the new v. Staggered is its second-order form: v by Crank-Nicolson, gates half a step ahead of v.
#ifndef NEQ_HH_H
#define NEQ_HH_H
#include "neq.h"

typedef struct { real v, m, h, n; } hh_state;
typedef struct { real gna, gk, gl, cna, ck, cl, dt, d3; } hh_const;

FN hh_const hh_prepare(const double *p, double dt, int staggered) {
  hh_const c;
  c.gna = p[0], c.gk = p[1], c.gl = p[2];
  c.cna = p[0] * p[3], c.ck = p[1] * p[4], c.cl = p[2] * p[5];
  c.dt = staggered ? dt / 2 : dt;
  c.d3 = dt * p[6] / 3;
  return c;
}

// hh_step: g is the synaptic conductance (1/ms), ge the sum of g E and of injected current (mV/ms).
FN hh_state hh_step(hh_state s, hh_const c, real g, real ge, int staggered) {
  real m3h = s.m * s.m * s.m * s.h, n2 = s.n * s.n, n4 = n2 * n2;
  real gt = c.gl + g + c.gna * m3h + c.gk * n4;
  real num = c.cl + ge + c.cna * m3h + c.ck * n4;
  real v = (s.v + c.dt * num) / ((real)1 + c.dt * gt);
  v = staggered ? (real)2 * v - s.v : v;

  real w = neq_clamp(v, -150, 100) + (real)65;
  real e80 = neq_exp(w * (real)(-1.0 / 80)), e18 = neq_exp(w * (real)(-1.0 / 18));
  real e40 = e80 * e80, e20 = e40 * e40, e10 = e20 * e20;
  neq_fraction fm = neq_rate(w * (real)0.1 - (real)2.5, e10 * (real)12.182493960703473); // exp(2.5)
  neq_fraction fn = neq_rate(w * (real)0.1 - (real)1.0, e10 * (real)2.7182818284590452); // exp(1)
  real m = neq_gate_fast(s.m, fm.a, fm.a + (real)4 * e18 * fm.z, fm.z, (real)3 * c.d3);
  real an = (real)0.1 * fn.a, n = neq_gate(s.n, an, an + (real)0.125 * e80 * fn.z, fn.z, c.d3);
  real zh = (real)1 + e10 * (real)20.085536923187668, ah = (real)0.07 * e20 * zh; // exp(3)
  hh_state r = {v, m, neq_gate(s.h, ah, ah + (real)1, zh, c.d3), n};
  return r;
}
#endif
