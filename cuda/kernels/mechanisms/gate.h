// How a gate x' = a (1-x) - b x of a mechanism is advanced by a step dt.
//
// A mechanism gives its rates as fractions with a common denominator, so that rates of the form E(x,k) need no division
// of their own: dt a = p/z, dt (a+b) = y/z. The steady state is p/y. cnexp would take
//   x + (p/y - x) (1 - exp(-k)),   k = y/z,
// and float64 does so. In float32 the exponential and both divisions give way to one division, by a Pade form of
// 1 - exp(-k) chosen by the least time constant of the gate over -120..50 mV, at steps up to 0.1 ms:
//   gate_slow  k / (1 + k/2)                                       within k^2/12 of the change; for k < 0.05
//   gate       (k + k^2/6) / (1 + 2k/3 + k^2/6)                    within k^3/72; L-stable, for k < 0.5
//   gate_fast  (k + k^2/10 + k^3/60) / (1 + 3k/5 + 3k^2/20 + k^3/60)  within k^5/7200; L-stable, any k
// All add a change to x: what is at rest stays, and a small k does not round the state away.
#ifndef NEQ_GATE_H
#define NEQ_GATE_H
#include "../neq.h"

// The voltage that gates see: beyond, every gate of the list has long reached its limit. Callers apply it once a node;
// the functions of the mechanisms may overflow without it.
#define NEQ_GATE_LOW -150
#define NEQ_GATE_HIGH 100
FN real gate_voltage(real v) { return neq_clamp(v, NEQ_GATE_LOW, NEQ_GATE_HIGH); }

typedef struct { real p, y, z; } gate_rate;

FN real gate_steady(gate_rate r) { return r.p / r.y; }

#ifdef NEQ_F64
FN real gate_exact(real x, gate_rate r) { return x + (r.p / r.y - x) * ((real)1 - neq_exp(-r.y / r.z)); }
FN real gate_slow(real x, gate_rate r) { return gate_exact(x, r); }
FN real gate(real x, gate_rate r) { return gate_exact(x, r); }
FN real gate_fast(real x, gate_rate r) { return gate_exact(x, r); }
#else
FN real gate_slow(real x, gate_rate r) { return x + (r.p - x * r.y) / (r.z + (real)0.5 * r.y); }
FN real gate(real x, gate_rate r) {
  real n = r.z + (real)(1.0 / 6) * r.y, d = r.z * r.z + r.y * ((real)(2.0 / 3) * r.z + (real)(1.0 / 6) * r.y);
  return x + (r.p - x * r.y) * n / d;
}
FN real gate_fast(real x, gate_rate r) {
  real z2 = r.z * r.z, n = z2 + r.y * ((real)0.1 * r.z + (real)(1.0 / 60) * r.y);
  real d = r.z * z2 + r.y * ((real)0.6 * z2 + r.y * ((real)0.15 * r.z + (real)(1.0 / 60) * r.y));
  return x + (r.p - x * r.y) * n / d;
}
#endif
#endif
