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

typedef struct { real v, m, h, n, e80, e18; } hh_state; // e80, e18: exponentials between the phases of a step
typedef struct { real gna, gk, gl, cna, ck, cl, dt, d, d3; } hh_const;

FN hh_const hh_prepare(const double *p, double dt, int staggered) {
  hh_const c;
  c.gna = p[0], c.gk = p[1], c.gl = p[2];
  c.cna = p[0] * p[3], c.ck = p[1] * p[4], c.cl = p[2] * p[5];
  c.dt = staggered ? dt / 2 : dt;
  c.d = dt * p[6];
  c.d3 = dt * p[6] / 3;
  return c;
}

// hh_voltage is the first phase: g is the synaptic conductance (1/ms), ge the sum of g E and of injected current
// (mV/ms).
FN hh_state hh_voltage(hh_state s, hh_const c, real g, real ge, int staggered) {
  real m3h = s.m * s.m * s.m * s.h, n2 = s.n * s.n, n4 = n2 * n2;
  real gt = c.gl + g + c.gna * m3h + c.gk * n4;
  real num = c.cl + ge + c.cna * m3h + c.ck * n4;
  real v = (s.v + c.dt * num) / ((real)1 + c.dt * gt);
  s.v = staggered ? (real)2 * v - s.v : v;
  return s;
}

// hh_exps is the second: the exponentials that the rates share.
FN hh_state hh_exps(hh_state s) {
  real v = neq_clamp(s.v, -150, 100);
  s.e80 = neq_exp_line(v, -1.0 / 80, -65.0 / 80);
  s.e18 = neq_exp_line(v, -1.0 / 18, -65.0 / 18 + 1.3862943611198906); // 4 exp(-(v+65)/18)
  return s;
}

// hh_gates is the third. One division serves all gates.
FN hh_state hh_gates(hh_state s, hh_const c) {
  real w = neq_clamp(s.v, -150, 100);
  real e40 = s.e80 * s.e80, e20 = e40 * e40, e10 = e20 * e20;
  neq_fraction fm = neq_rate(w * (real)0.1 + (real)4.0, e10 * (real)12.182493960703473); // exp(2.5)
  neq_fraction fn = neq_rate(w * (real)0.1 + (real)5.5, e10 * (real)2.7182818284590452); // exp(1)
  real am = c.d * fm.a;
  neq_ratio m = neq_gate_fast(s.m, am, am + c.d * s.e18 * fm.z, fm.z);
  real an = (real)0.1 * c.d3 * fn.a;
  neq_ratio n = neq_gate(s.n, an, an + (real)0.125 * c.d3 * s.e80 * fn.z, fn.z);
  real zh = (real)1 + e10 * (real)20.085536923187668, ah = (real)0.07 * c.d3 * e20 * zh; // exp(3)
  neq_ratio h = neq_gate(s.h, ah, ah + c.d3, zh);
  real mn = m.den * n.den, r = (real)1 / (mn * h.den), rmn = r * h.den;
  s.m = m.num * n.den * rmn;
  s.n = n.num * m.den * rmn;
  s.h = h.num * mn * r;
  return s;
}

FN hh_state hh_step(hh_state s, hh_const c, real g, real ge, int staggered) {
  return hh_gates(hh_exps(hh_voltage(s, c, g, ge, staggered)), c);
}
#endif
