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
typedef struct { real gna, gk, gl, cna, ck, cl, dt, d, dn, d3, dh; } hh_const; // conductances times dt

// Above this step the sodium activation gate, whose time constant falls to 0.11 ms, takes the closer Pade form.
#define HH_COARSE 0.03

FN hh_const hh_prepare(const double *p, double dt, int staggered) {
  hh_const c;
  double h = staggered ? dt / 2 : dt, d = dt * p[6];
  c.gna = h * p[0], c.gk = h * p[1], c.gl = h * p[2];
  c.cna = h * p[0] * p[3], c.ck = h * p[1] * p[4], c.cl = h * p[2] * p[5], c.dt = h;
  c.d = d, c.d3 = d / 3, c.dn = 0.1 * d / 3, c.dh = 0.07 * d / 3;
  return c;
}

// hh_voltage is the first phase: g is the synaptic conductance (1/ms), ge the sum of g E and of injected current
// (mV/ms).
FN hh_state hh_voltage(hh_state s, hh_const c, real g, real ge, int staggered) {
  real m3h = s.m * s.m * s.m * s.h, n2 = s.n * s.n, n4 = n2 * n2;
  // v by its change: a sum with 1 in it would round away the small conductances
  real gt = c.gl + c.dt * g + c.gna * m3h + c.gk * n4;
  real in = c.cl + c.dt * ge + c.cna * m3h + c.ck * n4 - s.v * gt;
  real dv = in / ((real)1 + gt);
  s.v += staggered ? (real)2 * dv : dv;
  return s;
}

// hh_exps is the second: the exponentials that the rates share.
FN hh_state hh_exps(hh_state s) {
  real v = neq_clamp(s.v, -150, 100);
  s.e80 = neq_exp_line(v, -1.0 / 80, -65.0 / 80);
  s.e18 = neq_exp_line(v, -1.0 / 18, -65.0 / 18 + 1.3862943611198906); // 4 exp(-(v+65)/18)
  return s;
}

// hh_gates is the third; coarse says whether the step is above HH_COARSE. One division serves all gates.
FN hh_state hh_gates(hh_state s, hh_const c, int coarse) {
  real e40 = s.e80 * s.e80, e20 = e40 * e40, e10 = e20 * e20;
  neq_fraction fm = neq_rate(s.v * (real)0.1 + (real)4.0, e10 * (real)12.182493960703473); // exp(2.5)
  neq_fraction fn = neq_rate(s.v * (real)0.1 + (real)5.5, e10 * (real)2.7182818284590452); // exp(1)
  real ym = fm.a + s.e18 * fm.z;
  neq_ratio m = coarse ? neq_gate_fast(s.m, c.d * fm.a, c.d * ym, fm.z) : neq_gate(s.m, c.d3 * fm.a, c.d3 * ym, fm.z);
  real an = c.dn * fn.a;
  neq_ratio n = neq_gate(s.n, an, an + (real)1.25 * c.dn * s.e80 * fn.z, fn.z);
  real zh = (real)1 + e10 * (real)20.085536923187668, ah = c.dh * e20 * zh; // exp(3)
  neq_ratio h = neq_gate(s.h, ah, ah + c.d3, zh);
  real mn = m.den * n.den, r = (real)1 / (mn * h.den), rmn = r * h.den;
  s.m = m.num * n.den * rmn;
  s.n = n.num * m.den * rmn;
  s.h = h.num * mn * r;
  return s;
}

FN hh_state hh_step(hh_state s, hh_const c, real g, real ge, int staggered, int coarse) {
  return hh_gates(hh_exps(hh_voltage(s, c, g, ge, staggered)), c, coarse);
}
#endif
