// How a gate x' = a (1-x) - b x of a mechanism is advanced by a step.
//
// A mechanism gives its rates as fractions with a common denominator, so that rates of the form E(x,k) = x/(1-exp(-x/k))
// need no division of their own: step a = p/z, step (a+b) = y/z. The steady state is p/y. cnexp takes
//   x + (p/y - x) (1 - exp(-k)),   k = y/z,
// and float64 does so. In float32 one division replaces the exponential and two, by a form of 1 - exp(-k) that the
// shortest time constant of the gate asks for. None overshoots where it is used, and all add a change to x, so that
// what is at rest stays and a small k does not round the state away.
//   gate_slow   k / (1 + k/2)              within k^2/12 of the change; a gate always slower than 1.5 ms
//   gate        k / (1 + k/2 + k^2/12)     within k^4/720; never overshoots, but moves less than it should beyond k = 2
//   gate_fast   (k + k^2/10 + k^3/60) / (1 + 3k/5 + 3k^2/20 + k^3/60)   within 1e-3 for k < 2 (k^5/7200), L-stable:
//               a gate whose time constant falls to the step and below
#ifndef NEQ_GATE_H
#define NEQ_GATE_H
#include "../neq.h"

typedef real scalar; // constants and parameters, the same for all lanes

// The voltage that gates see: beyond, every gate of the list has long reached its limit. Callers apply it once a node;
// the functions of the mechanisms may overflow without it.
#define NEQ_GATE_LOW -150
#define NEQ_GATE_HIGH 100
FN real gate_voltage(real v) { return neq_clamp(v, NEQ_GATE_LOW, NEQ_GATE_HIGH); }

// gate_log is ln x for normal x > 0; a GPU has an instruction for it, to 2e-7 of 1.
#if defined(__CUDA__) && !defined(NEQ_F64)
FN real gate_log(real x) { return __nvvm_lg2_approx_f(x) * 0.693147180559945309f; }
#else
FN real gate_log(real x) { return neq_log(x); }
#endif

// gate_fraction is u/(1-exp(-u)) as a fraction a/z, e = exp(-u) given: E(x,k) = k u/(1-exp(-u)), u = x/k. Where 1-e would
// cancel, the series of -ln(1-z)/z takes over, good to 2e-6 (1e-16) there; outside, rounding is 30 (1e5) times that of e.
#ifdef NEQ_F64
#define NEQ_GATE_NEAR 1e-5
#else
#define NEQ_GATE_NEAR 0.02f
#endif
FN neq_fraction gate_fraction(real u, real e) {
  real z = (scalar)1 - e, size = z < 0 ? -z : z, series = (scalar)1 + z * ((scalar)0.5 + (scalar)(1.0 / 3) * z);
  neq_fraction r = {size < NEQ_GATE_NEAR ? series : u, size < NEQ_GATE_NEAR ? (scalar)1 : z};
  return r;
}

typedef struct { real p, y, z; } gate_rate;

FN real gate_steady(gate_rate r) { return r.p / r.y; }

#ifdef NEQ_F64
FN real gate_exact(real x, gate_rate r) { return x + (r.p / r.y - x) * ((scalar)1 - neq_exp(-r.y / r.z)); }
FN real gate_slow(real x, gate_rate r) { return gate_exact(x, r); }
FN real gate(real x, gate_rate r) { return gate_exact(x, r); }
FN real gate_fast(real x, gate_rate r) { return gate_exact(x, r); }
#else
FN real gate_slow(real x, gate_rate r) { return x + (r.p - x * r.y) / (r.z + (scalar)0.5 * r.y); }
FN real gate(real x, gate_rate r) {
  return x + (r.p - x * r.y) * r.z / (r.z * (r.z + (scalar)0.5 * r.y) + (scalar)(1.0 / 12) * r.y * r.y);
}
FN real gate_fast(real x, gate_rate r) {
  real z2 = r.z * r.z, n = z2 + r.y * ((scalar)0.1 * r.z + (scalar)(1.0 / 60) * r.y);
  real d = r.z * z2 + r.y * ((scalar)0.6 * z2 + r.y * ((scalar)0.15 * r.z + (scalar)(1.0 / 60) * r.y));
  return x + (r.p - x * r.y) * n / d;
}
#endif

// gate_to is gate for a steady state 1/w and a rate (times the step) k without a denominator.
FN real gate_to(real x, real w, real k) {
#ifdef NEQ_F64
  return x + (1 / w - x) * ((scalar)1 - neq_exp(-k));
#else
  return x + ((scalar)1 - x * w) * k / (w * ((scalar)1 + k * ((scalar)0.5 + (scalar)(1.0 / 12) * k)));
#endif
}
#endif
