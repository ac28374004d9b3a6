// What every kernel source shares: the type `real`, the function qualifier FN and an exponential, for two
// compilers. clang compiles the same files for an NVIDIA GPU (-x cuda) and gcc or clang for the CPU, where the
// loop over lanes around a step function is vectorised: so nothing here branches or calls a library.
#ifndef NEQ_H
#define NEQ_H

#ifdef NEQ_F64
typedef double real;
#define NEQ_SMALL 0.004 // where x/(1-exp(-x)) goes over to its series: see neq_rate
#else
typedef float real;
#define NEQ_SMALL 0.03f
#endif

#ifdef __CUDA__
#define FN static __attribute__((device)) inline __attribute__((always_inline))
FN int neq_nearest(float x) { return __nvvm_f2i_rn(x); }
FN int neq_nearest_d(double x) { return __nvvm_d2i_rn(x); }
#else
#define FN static inline __attribute__((always_inline, unused))
FN int neq_nearest(float x) { return __builtin_irintf(x); }
FN int neq_nearest_d(double x) { return __builtin_irint(x); }
#endif

// neq_exp_d is e^x for |x| < 690, to 2e-15: 2^n times the Taylor series of e^r, |r| < ln(2)/2.
FN double neq_exp_d(double x) {
  x = x < -690.0 ? -690.0 : x;
  x = x > 690.0 ? 690.0 : x;
  int n = neq_nearest_d(x * 1.44269504088896340736);
  double r = x - n * 6.93147180369123816490e-01; // ln 2 in two parts (fdlibm)
  r = r - n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  union { long long i; double d; } scale;
  scale.i = (long long)(n + 1023) << 52;
  return p * scale.d;
}

// neq_exp_f is e^x for |x| < 87, to 2e-7: 2^n times the degree-5 minimax polynomial of 2^f, |f| < 1/2
// (fitted for relative error, 7.5e-8).
FN float neq_exp_f(float x) {
#ifdef __CUDA__
  return __nvvm_ex2_approx_f(x * 1.44269504088896f);
#else
  float t = x * 1.44269504088896f;
  t = t < -126.0f ? -126.0f : t;
  t = t > 126.0f ? 126.0f : t;
  int n = neq_nearest(t);
  float f = t - (float)n;
  float p = 1.3276472028e-3f;
  p = p * f + 9.6755414799e-3f;
  p = p * f + 5.5507132747e-2f;
  p = p * f + 2.4022119721e-1f;
  p = p * f + 6.9314696706e-1f;
  p = p * f + 1.00000007166f;
  union { int i; float f; } bits;
  bits.f = p;
  bits.i += n << 23;
  return bits.f;
#endif
}

#ifdef NEQ_F64
FN real neq_exp(real x) { return neq_exp_d(x); }
#else
FN real neq_exp(real x) { return neq_exp_f(x); }
#endif

FN real neq_clamp(real x, real lo, real hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

// neq_rate is a gate's rate of the form u/(1-exp(-u)) as a fraction a/z, the exponential e = exp(-u) given.
// Both vanish at u = 0: near it the fraction becomes the series 1 + u/2 + u^2/12 (next term u^4/720).
typedef struct { real a, z; } neq_fraction;
FN neq_fraction neq_rate(real u, real e) {
  real z = (real)1 - e, s = (real)1 + u * ((real)0.5 + u * (real)(1.0 / 12));
  int near = (u < (real)NEQ_SMALL) & (u > -(real)NEQ_SMALL);
  neq_fraction r = {near ? s : u, near ? (real)1 : z};
  return r;
}

// neq_gate advances a gate x' = a (1-x) - b x by d ms, with a = p/z and a+b = y/z (1/ms) and d3 = d/3. The
// exponential of cnexp is replaced by its (1,2) Pade form (1 - k/3) / (1 + 2k/3 + k^2/6), k = d(a+b): third-order,
// L-stable, one division. Numerator and denominator are multiplied by z^2, so that z may be 0.
FN real neq_gate(real x, real p, real y, real z, real d3) {
  real k3 = d3 * y, num = x * z * (z - k3) + (real)3 * d3 * p * (z + (real)0.5 * k3);
  return num / (z * (z + (real)2 * k3) + (real)1.5 * k3 * k3);
}

// neq_gate_fast is neq_gate for gates whose time constant is near the step: the (2,3) Pade form
// (1 - 2k/5 + k^2/20) / (1 + 3k/5 + 3k^2/20 + k^3/60), within 2e-4 of the exponential for k < 1.
FN real neq_gate_fast(real x, real p, real y, real z, real d) {
  real k = d * y, k2 = k * k, z2 = z * z, kz = k * z;
  real num = x * z * (z2 - (real)0.4 * kz + (real)0.05 * k2) + d * p * (z2 + (real)0.1 * kz + (real)(1.0 / 60) * k2);
  return num / (z * (z2 + (real)0.6 * kz + (real)0.15 * k2) + (real)(1.0 / 60) * k2 * k);
}

// neq_log is ln x for normal x > 0, to 1e-7 (float32) or 1e-15: exponent plus the series of 2 atanh((m-1)/(m+1)).
FN real neq_log(real x) {
#ifdef NEQ_F64
  union { double f; long long i; } b;
  b.f = x;
  long long e = (b.i - 0x3fe6a09e667f3bcdLL) >> 52; // so that 1/sqrt(2) <= m < sqrt(2)
  b.i -= e << 52;
#else
  union { float f; int i; } b;
  b.f = x;
  int e = (b.i - 0x3f3504f3) >> 23;
  b.i -= e << 23;
#endif
  real t = (b.f - (real)1) / (b.f + (real)1), q = t * t, s = (real)(1.0 / 9);
#ifdef NEQ_F64
  s = s + q * (1.0 / 11 + q * (1.0 / 13 + q * (1.0 / 15 + q * (1.0 / 17 + q * (1.0 / 19 + q / 21)))));
#endif
  s = (real)1 + q * ((real)(1.0 / 3) + q * ((real)0.2 + q * ((real)(1.0 / 7) + q * s)));
  return (real)e * (real)0.693147180559945309 + (real)2 * t * s;
}
#endif
