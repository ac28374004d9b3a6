// Minimal Hodgkin-Huxley models of cortical neurons. Source: Pospischil et al. 2008 (Biol Cybern 99:427), rates at
// 36 C (ModelDB 123623):
//   C v' = -gna m^3 h (v-ena) - gk n^4 (v-ek) - gm p (v-ek) - gl q^2 r (v-eca) - gt s^2 u (v-et) - gleak (v-el)
//          - synapses + I
//   m h n   Traub & Miles 1991, shifted by vt        p  slow potassium, Yamada et al. 1989
//   q r     high-threshold calcium, Reuveni et al. 1993    s u  low-threshold calcium, Destexhe et al. 1996
//   ca      calcium in a shell, decaying to rest; et by Nernst, eca constant, as in the model's own NEURON code
// Conductances are 0 where a cell lacks the current. The inactivation time constant of u is that of the original
// (30.8 + (211.4 + exp((v+vx+113.2)/5)) / (1 + exp((v+vx+84)/3.2))) / 3.74.
// The step is that of hh.h. Calcium takes the current of the step, so it is first-order with either solver.
#ifndef NEQ_POSPISCHIL_H
#define NEQ_POSPISCHIL_H
#include "neq.h"

enum {
  POSPISCHIL_GNA, POSPISCHIL_GK, POSPISCHIL_GM, POSPISCHIL_GL_CA, POSPISCHIL_GT, POSPISCHIL_GLEAK, // 1/ms
  POSPISCHIL_ENA, POSPISCHIL_EK, POSPISCHIL_EL, POSPISCHIL_VT, POSPISCHIL_VX,                      // mV
  POSPISCHIL_TAUMAX,   // ms
  POSPISCHIL_CA_DRIVE, // mM per mV of calcium current over capacitance, times time
  POSPISCHIL_CA_TAU,   // ms
  POSPISCHIL_CA_REST, POSPISCHIL_CA_OUT, // mM
  POSPISCHIL_NERNST,   // RT/2F, mV
  POSPISCHIL_ECA       // mV, of the high-threshold current
};

typedef struct { real v, m, h, n, p, q, r, u, ca; } pospischil_state;
typedef struct {
  real gna, gk, gm, gl, gt, eca, fixed, cfixed, ena, ek, vt, vx, pm, dt, k, d3, drive, decay, rest, log_out, nernst;
} pospischil_const;

FN pospischil_const pospischil_prepare(const double *p, double dt, int staggered) {
  pospischil_const c;
  c.gna = p[POSPISCHIL_GNA], c.gk = p[POSPISCHIL_GK], c.gm = p[POSPISCHIL_GM];
  c.gl = p[POSPISCHIL_GL_CA], c.gt = p[POSPISCHIL_GT], c.eca = p[POSPISCHIL_ECA];
  c.fixed = p[POSPISCHIL_GLEAK], c.cfixed = p[POSPISCHIL_GLEAK] * p[POSPISCHIL_EL];
  c.ena = p[POSPISCHIL_ENA], c.ek = p[POSPISCHIL_EK], c.vt = p[POSPISCHIL_VT], c.vx = p[POSPISCHIL_VX];
  c.pm = 1 / p[POSPISCHIL_TAUMAX];
  c.dt = staggered ? dt / 2 : dt;
  c.k = dt;
  c.d3 = dt / 3;
  c.decay = neq_exp_d(-dt / p[POSPISCHIL_CA_TAU]);
  c.drive = p[POSPISCHIL_CA_DRIVE] * p[POSPISCHIL_CA_TAU];
  c.rest = p[POSPISCHIL_CA_REST], c.log_out = neq_log((real)p[POSPISCHIL_CA_OUT]), c.nernst = p[POSPISCHIL_NERNST];
  return c;
}

// pospischil_step: with_l and with_t say whether the calcium currents are there; g is the synaptic conductance
// (1/ms), ge the sum of g E and of injected current (mV/ms).
FN pospischil_state pospischil_step(pospischil_state s, pospischil_const c, real g, real ge, int with_l, int with_t) {
  pospischil_state r = s;
  real n2 = s.n * s.n, gna = c.gna * s.m * s.m * s.m * s.h, gk = c.gk * n2 * n2 + c.gm * s.p;
  real gt = c.fixed + g + gna + gk, num = c.cfixed + ge + gna * c.ena + gk * c.ek;
  if (with_l | with_t) {
    real gca = 0, ica = 0; // conductance, and conductance times reversal potential
    if (with_l) gca = c.gl * s.q * s.q * s.r, ica = gca * c.eca;
    if (with_t) {
      real si = (real)1 / ((real)1 + neq_exp((s.v + c.vx + (real)57) * (real)(-1.0 / 6.2)));
      real low = c.gt * si * si * s.u;
      gca += low, ica += low * c.nernst * (c.log_out - neq_log(s.ca));
    }
    gt += gca, num += ica;
    real in = ica - gca * s.v; // inward
    real fixed = c.rest + c.drive * (in > 0 ? in : (real)0);
    r.ca = fixed + (s.ca - fixed) * c.decay;
  }
  real v = s.v + c.k * ((num - s.v * gt) / ((real)1 + c.dt * gt)); // by its change: see hh.h
  r.v = v;

  real w = neq_clamp(v, -150, 100), x = neq_clamp(w - c.vt, -95, 155);
  real e40 = neq_exp_line(x, -1.0 / 40, 0), e20 = e40 * e40, e10 = e20 * e20, e5 = e10 * e10, e4 = e5 * e20;
  real e18 = neq_exp_line(x, -1.0 / 18, 17.0 / 18 - 2.0557250150625199); // 0.128 exp(-(x-17)/18)

  // m: a = 0.32 (x-13)/(1-exp(-(x-13)/4)), b = 0.28 (x-40)/(exp((x-40)/5)-1)
  real ub = x * (real)0.2 - (real)8, eb = e5 * (real)2980.9579870417283; // exp(8)
  neq_fraction fa = neq_rate(x * (real)0.25 - (real)3.25, e4 * (real)25.790339917193062); // exp(13/4)
  neq_fraction fb = neq_rate(ub, eb);
  real am = (real)3.84 * c.d3 * fa.a, bm = (real)4.2 * c.d3 * (fb.a / fb.z - ub);
  neq_ratio m = neq_gate_fast(s.m, am, am + bm * fa.z, fa.z);
  r.m = m.num / m.den;
  // h: a = 0.128 exp(-(x-17)/18), b = 4/(1+exp(-(x-40)/5))
  real zh = (real)1 + eb, ah = c.d3 * e18 * zh;
  neq_ratio h = neq_gate(s.h, ah, ah + (real)4 * c.d3, zh);
  r.h = h.num / h.den;
  // n: a = 0.032 (x-15)/(1-exp(-(x-15)/5)), b = 0.5 exp(-(x-10)/40)
  neq_fraction fn = neq_rate(x * (real)0.2 - (real)3, e5 * (real)20.085536923187668); // exp(3)
  real an = (real)0.16 * c.d3 * fn.a, bn = (real)(0.5 * 1.2840254166877414) * c.d3 * e40; // exp(1/4)
  neq_ratio n = neq_gate(s.n, an, an + bn * fn.z, fn.z);
  r.n = n.num / n.den;
  // p: steady state 1/(1+exp(-(v+35)/10)), tau = taumax/(3.3 exp((v+35)/20) + exp(-(v+35)/20))
  real f20 = neq_exp_line(w, -1.0 / 20, -35.0 / 20), f10 = f20 * f20, pp = c.d3 * c.pm * ((real)3.3 + f10);
  neq_ratio p = neq_gate(s.p, pp, pp * ((real)1 + f10), f20 * ((real)1 + f10));
  r.p = p.num / p.den;
  if (with_l) {
    // q: a = 0.055 (v+27)/(1-exp(-(v+27)/3.8)), b = 0.94 exp(-(v+75)/17)
    real uq = (w + (real)27) * (real)(1 / 3.8);
    neq_fraction fq = neq_rate(uq, neq_exp_line(w, -1 / 3.8, -27 / 3.8));
    real aq = (real)(0.055 * 3.8) * c.d3 * fq.a, bq = (real)0.94 * c.d3 * neq_exp_line(w, -1.0 / 17, -75.0 / 17);
    neq_ratio q = neq_gate(s.q, aq, aq + bq * fq.z, fq.z);
    r.q = q.num / q.den;
    // r: a = 0.000457 exp(-(v+13)/50), b = 0.0065/(1+exp(-(v+15)/28))
    real zr = (real)1 + neq_exp_line(w, -1.0 / 28, -15.0 / 28);
    real ar = (real)0.000457 * c.d3 * neq_exp_line(w, -0.02, -0.26) * zr;
    neq_ratio ri = neq_gate(s.r, ar, ar + (real)0.0065 * c.d3, zr);
    r.r = ri.num / ri.den;
  }
  if (with_t) {
    real y = neq_clamp(w + c.vx, -150, 100);
    real au = (real)1 / ((real)1 + neq_exp_line(y, 0.25, 81.0 / 4));
    real tau = (real)30.8 + ((real)211.4 + neq_exp_line(y, 0.2, 113.2 / 5)) / ((real)1 + neq_exp_line(y, 1 / 3.2, 84 / 3.2));
    real rate = (real)3.74 * c.d3 / tau;
    neq_ratio u = neq_gate(s.u, au * rate, rate, (real)1);
    r.u = u.num / u.den;
  }
  return r;
}
#endif
