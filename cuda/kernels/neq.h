// What every kernel source shares: the type `real`, the function qualifier FN and an exponential, for two
// compilers. clang compiles the same files for an NVIDIA GPU (-x cuda) and gcc or clang for the CPU, where the
// loop over lanes around a step function is vectorised: so nothing here branches or calls a library.
#ifndef NEQ_H
#define NEQ_H

#ifdef NEQ_F64
typedef double real;
#define NEQ_SMALL 1e-8 // see neq_rate
#else
typedef float real;
#define NEQ_SMALL 2e-5f // see neq_rate
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

// neq_exp2_near is 2^t for |t| < 126, to 2e-7: 2^n times the degree-5 minimax polynomial of 2^f, |f| < 1/2
// (fitted for relative error, 7.5e-8).
FN float neq_exp2_near(float t) {
#ifdef __CUDA__
  return __nvvm_ex2_approx_ftz_f(t); // what is below 2^-126 is 0 in all kernels
#else
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

// neq_exp_f is e^x, held at e^87 and e^-87 beyond.
FN float neq_exp_f(float x) {
  float t = x * 1.44269504088896f;
  t = t < -126.0f ? -126.0f : t;
  return neq_exp2_near(t > 126.0f ? 126.0f : t);
}

// neq_exp_line is exp(x slope + offset) where that is known to stay within e^-87..e^87.
#ifdef NEQ_F64
FN real neq_exp_line(real x, double slope, double offset) { return neq_exp_d(x * slope + offset); }
#else
FN real neq_exp_line(real x, double slope, double offset) {
  return neq_exp2_near(x * (float)(slope * 1.44269504088896341) + (float)(offset * 1.44269504088896341));
}
#endif

// neq_exp2 is 2^t for |t| < 126.
#ifdef NEQ_F64
FN real neq_exp2(real t) { return neq_exp_d(t * 0.693147180559945309); }
#else
FN real neq_exp2(real t) { return neq_exp2_near(t); }
#endif

#ifdef NEQ_F64
FN real neq_exp(real x) { return neq_exp_d(x); }
#else
FN real neq_exp(real x) { return neq_exp_f(x); }
#endif

FN real neq_clamp(real x, real lo, real hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

// neq_sign is |x| with the sign of y.
#ifdef NEQ_F64
FN real neq_sign(real x, real y) { return __builtin_copysign(x, y); }
#else
FN real neq_sign(real x, real y) { return __builtin_copysignf(x, y); }
#endif

// neq_rate is a gate's rate of the form u/(1-exp(-u)) as a fraction a/z, the exponential e = exp(-u) given. Both
// vanish at u = 0, where the fraction is 1: both are moved away from 0 by NEQ_SMALL, which leaves the fraction
// right to NEQ_SMALL/2 everywhere.
typedef struct { real a, z; } neq_fraction;
FN neq_fraction neq_rate(real u, real e) {
  real away = neq_sign(NEQ_SMALL, u);
  neq_fraction r = {u + away, (real)1 - e + away};
  return r;
}

// A gate x' = a (1-x) - b x, with a = p/z and a+b = y/z (1/ms), is advanced by d ms. The exponential of cnexp is
// replaced by a Pade form in k = d(a+b), L-stable and one division; numerator and denominator are multiplied by a
// power of z, so that no rate needs a division of its own. p3 is p d/3 and y3 is y d/3; neq_gate_fast takes p d and
// y d.
typedef struct { real num, den; } neq_ratio;

// neq_gate: (1 - k/3) / (1 + 2k/3 + k^2/6), third-order.
FN neq_ratio neq_gate(real x, real p3, real y3, real z) {
  neq_ratio r = {x * z * (z - y3) + p3 * ((real)3 * z + (real)1.5 * y3), z * (z + (real)2 * y3) + (real)1.5 * y3 * y3};
  return r;
}

// neq_gate_fast, for a time constant near the step: (1 - 2k/5 + k^2/20) / (1 + 3k/5 + 3k^2/20 + k^3/60), within
// 2e-4 of the exponential for k < 1.
FN neq_ratio neq_gate_fast(real x, real p, real y, real z) {
  real z2 = z * z;
  neq_ratio r = {x * z * (z2 + y * ((real)0.05 * y - (real)0.4 * z)) + p * (z2 + y * ((real)0.1 * z + (real)(1.0 / 60) * y)),
                 z * z2 + y * ((real)0.6 * z2 + y * ((real)0.15 * z + (real)(1.0 / 60) * y))};
  return r;
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
