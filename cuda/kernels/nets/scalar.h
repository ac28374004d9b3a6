// The arithmetic of one number, shared by the CPU's kernels and the GPU's: activations, losses, a solver's step.
// Branch-free, so that gcc vectorises loops over it. Before it, FN says what kind of function this is.

FN float bits_float(int32_t i) {
  float f;
  __builtin_memcpy(&f, &i, 4);
  return f;
}

// To TF32, 10 bits of mantissa, to nearest even; NaN and infinity stay.
FN float round_tf32(float x) {
  uint32_t u;
  __builtin_memcpy(&u, &x, 4);
  uint32_t r = (u + 0xfff + (u >> 13 & 1)) & ~0x1fffu;
  r = (u & 0x7f800000) == 0x7f800000 ? u : r;
  __builtin_memcpy(&x, &r, 4);
  return x;
}

// exp to 2 ulp: 2^n times a polynomial on [-ln2/2, ln2/2] (Cephes expf coefficients); 0 below -87, 2^127 at 88 up.
FN float exp_f(float x) {
  x = x > 88.0f ? 88.0f : x;
  float z = x < -87.0f ? -87.0f : x;
  float n = (z * 1.44269504f + 12582912.0f) - 12582912.0f; // round to nearest through the mantissa
  float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  p = p * bits_float(((int32_t)n + 127) << 23);
  return x < -87.0f ? 0.0f : p;
}

// tanh: an odd polynomial where |x| < 0.625 (Cephes tanhf), the exponential elsewhere.
FN float tanh_f(float x) {
  float a = x < 0 ? -x : x, z = x * x;
  float p = ((((-5.70498872745e-3f * z + 2.06390887954e-2f) * z - 5.37397155531e-2f) * z + 1.33314422036e-1f) * z -
             3.33332819422e-1f) *
                z * x +
            x;
  float t = 1.0f - 2.0f / (exp_f(2.0f * a) + 1.0f);
  return a < 0.625f ? p : (x < 0 ? -t : t);
}

FN float sigmoid_f(float x) { return 1.0f / (1.0f + exp_f(-x)); }

// The normal distribution's cumulative, from erf (Abramowitz & Stegun 7.1.26, absolute error 1.5e-7).
FN float normal_cdf(float x, float gauss /* exp(-x*x/2) */) {
  float a = (x < 0 ? -x : x) * 0.70710678f;
  float t = 1.0f / (1.0f + 0.3275911f * a);
  float tail = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t *
               gauss * 0.5f;
  return x < 0 ? tail : 1.0f - tail;
}

FN float act_f(int kind, float x) {
  switch (kind) {
  case ACT_RELU: return x < 0 ? 0 : x; // keeps NaN
  case ACT_GELU: return x * normal_cdf(x, exp_f(-0.5f * x * x));
  case ACT_SILU: return x * sigmoid_f(x);
  default: return tanh_f(x);
  }
}

FN float act_slope(int kind, float x) {
  switch (kind) {
  case ACT_RELU: return x > 0 ? 1.0f : 0.0f;
  case ACT_GELU: {
    float g = exp_f(-0.5f * x * x);
    return normal_cdf(x, g) + x * 0.39894228f * g;
  }
  case ACT_SILU: {
    float s = sigmoid_f(x);
    return s * (1.0f + x * (1.0f - s));
  }
  default: {
    float t = tanh_f(x);
    return 1.0f - t * t;
  }
  }
}

// log(1 + u) for 0 <= u <= 1 to relative 1e-7: 2 atanh(u / (2 + u)).
FN float log1p_f(float u) {
  float z = u / (2.0f + u), q = z * z, p = 1.0f / 15;
  p = p * q + 1.0f / 13;
  p = p * q + 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  return 2.0f * (p * q * z + z);
}

// Binary cross-entropy with logits, max(y,0) - y target + log(1 + exp(-|y|)), and its slope in y.
FN float spike_f(float y, float target, float *slope) {
  float a = y < 0 ? y : -y, e = exp_f(a), inv = 1.0f / (1.0f + e);
  *slope = (y < 0 ? e * inv : inv) - target;
  return (y < 0 ? 0 : y) - y * target + log1p_f(e);
}

// A step of Adam, AdamW or Nadam on one number or a vector of them (Kingma & Ba 2015; Loshchilov & Hutter 2019; Dozat
// 2016), constants folded as in nets_adam: g is a gradient, k its constants, ROOT the square root of the type.
#define ADAM_F(T, k, w, g, m, v, ROOT)                                                                                 \
  T x_ = (g) * (k).clip;                                                                                               \
  m = (k).b1 * m + (k).c1 * x_;                                                                                        \
  v = (k).b2 * v + (k).c2 * x_ * x_;                                                                                   \
  w = (k).keep * w - ((k).sm * m + (k).sg * x_) / (ROOT(v) * (k).den + (k).eps);
