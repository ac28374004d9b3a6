// The arithmetic of a diagonal state space, shared by the CPU's kernels and the GPU's: S4D (Gu, Gupta, Goel & Re 2022,
// arXiv 2206.11893), a channel's N complex states h' = a h + x, y = Re sum w h + d x, held by zero-order hold at a step dt:
// A = -exp(logA) + i imagA, a = exp(dt A), w = 2 C (a - 1)/A, the 2 for the conjugates that are not computed.

typedef struct { double re, im; } complex_d;
FN complex_d cmul(complex_d a, complex_d b) { return (complex_d){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
FN complex_d conj_mul(complex_d a, complex_d b) { return (complex_d){a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re}; }

// exp to 1e-15: 2^n times the Taylor series on [-ln2/2, ln2/2]. 0 below -700, exp(700) above 700.
FN double exp_d(double x) {
  double z = x < -700 ? -700 : x > 700 ? 700 : x, n = (z * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
  double r = (z - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10, p = 1;
  for (int k = 13; k > 0; k--) p = p * r * (1.0 / k) + 1;
  int64_t bits = ((int64_t)n + 1023) << 52;
  double scale;
  __builtin_memcpy(&scale, &bits, 8);
  return x < -700 ? 0 : p * scale;
}

// cos and sin to 1e-15 of 1 for |x| < 1e6: Taylor series on [-pi/4, pi/4].
FN complex_d turn_d(double x) {
  double n = (x * 0.63661977236758134 + 6755399441055744.0) - 6755399441055744.0;
  double r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11, z = r * r, s = 1, c = 1;
  for (int k = 16; k > 0; k -= 2) s = 1 - s * z * (1.0 / (k * (k + 1))), c = 1 - c * z * (1.0 / (k * (k - 1)));
  s *= r;
  int q = (int)((int64_t)n & 3);
  return (complex_d){q == 0 ? c : q == 1 ? -s : q == 2 ? -c : s, q == 0 ? s : q == 1 ? c : q == 2 ? -s : -c};
}

typedef struct { complex_d A, a, b, slope; double dt; } s4d_state; // b = (a - 1)/A, slope = db/dA

// b is dt f(dt A), f(z) = (exp(z) - 1)/z, by its series near 0.
FN s4d_state s4d_of(float log_dt, float log_a, float imag_a) {
  s4d_state s;
  s.dt = exp_d(log_dt), s.A = (complex_d){-exp_d(log_a), imag_a};
  complex_d z = {s.dt * s.A.re, s.dt * s.A.im}, f, g; // g = f'
  complex_d turn = turn_d(z.im);
  double size = exp_d(z.re), square = z.re * z.re + z.im * z.im;
  s.a = (complex_d){size * turn.re, size * turn.im};
  if (square < 1e-4) {
    f = (complex_d){1.0 / 5040, 0}, g = (complex_d){6.0 / 5040, 0};
    const double F[6] = {1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720};
    for (int k = 5; k >= 0; k--) {
      f = cmul(f, z), f.re += F[k];
      if (k > 0) g = cmul(g, z), g.re += k * F[k];
    }
  } else {
    complex_d over = {z.re / square, -z.im / square};
    f = cmul((complex_d){s.a.re - 1, s.a.im}, over);
    g = cmul((complex_d){s.a.re - f.re, s.a.im - f.im}, over);
  }
  s.b = (complex_d){s.dt * f.re, s.dt * f.im}, s.slope = (complex_d){s.dt * s.dt * g.re, s.dt * s.dt * g.im};
  return s;
}

// What the time loop needs of a state: a and w.
FN void s4d_coefficients(float log_dt, float log_a, float imag_a, float re, float im, float *k) {
  s4d_state s = s4d_of(log_dt, log_a, imag_a);
  complex_d w = cmul((complex_d){2.0 * re, 2.0 * im}, s.b);
  k[0] = (float)s.a.re, k[1] = (float)s.a.im, k[2] = (float)w.re, k[3] = (float)w.im;
}

enum { S4D_LOG_DT, S4D_LOG_A, S4D_IMAG_A, S4D_RE, S4D_IM };

// The parameters' gradients from those of a and w, G = dL/dre + i dL/dim: of z by w = f(z) it is conj(f') that of w.
FN void s4d_grad(float log_dt, float log_a, float imag_a, float re, float im, complex_d da, complex_d dw, double *d) {
  s4d_state s = s4d_of(log_dt, log_a, imag_a);
  complex_d dc = conj_mul(s.b, dw), db = conj_mul((complex_d){re, im}, dw);
  dc.re *= 2, dc.im *= 2, db.re *= 2, db.im *= 2;
  complex_d by_a = conj_mul(s.a, da), by_b = conj_mul(s.slope, db);
  complex_d dA = {s.dt * by_a.re + by_b.re, s.dt * by_a.im + by_b.im};
  d[S4D_LOG_DT] = s.dt * (conj_mul(cmul(s.A, s.a), da).re + conj_mul(s.a, db).re);
  d[S4D_LOG_A] = dA.re * s.A.re; // dA/dlogA = Re A
  d[S4D_IMAG_A] = dA.im, d[S4D_RE] = dc.re, d[S4D_IM] = dc.im;
}
