// Vectors along time, for convolutions of one channel.

static void line_add(const float *x, float a, float *y, int64_t n) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) STORE(y + i, LOAD(y + i) + a * LOAD(x + i));
  for (; i < n; i++) y[i] += a * x[i];
}

static float line_dot(const float *x, const float *y, int64_t n) {
  V a = {0}, b = {0};
  int64_t i = 0;
  for (; i + 2 * VW <= n; i += 2 * VW) {
    a += LOAD(x + i) * LOAD(y + i);
    b += LOAD(x + i + VW) * LOAD(y + i + VW);
  }
  float s = lanes_sum(a + b);
  for (; i < n; i++) s += x[i] * y[i];
  return s;
}
