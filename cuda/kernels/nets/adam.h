// Adam, AdamW and Nadam in one pass (Kingma & Ba 2015; Loshchilov & Hutter 2019; Dozat 2016), constants folded as in nets_adam.

#if VBYTES == 64
FN V root(V x) { return (V)_mm512_sqrt_ps((__m512)x); }
#elif VBYTES == 32
FN V root(V x) { return (V)_mm256_sqrt_ps((__m256)x); }
#elif defined(__x86_64__)
#include <immintrin.h>
FN V root(V x) { return (V)_mm_sqrt_ps((__m128)x); }
#else
FN V root(V x) {
  for (int i = 0; i < VW; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
#endif

typedef struct {
  V b1, c1, b2, c2, eps, clip, sm, sg, den, keep;
} adam_consts;

FN void adam_lanes(const adam_consts *k, float *w, const float *g, float *m, float *v) {
  V wi = LOAD(w), mi = LOAD(m), vi = LOAD(v);
  ADAM_F(V, *k, wi, LOAD(g), mi, vi, root)
  STORE(m, mi);
  STORE(v, vi);
  STORE(w, wi);
}

static void adam(const nets_adam *p, float *w, const float *g, float *m, float *v, int64_t n) {
  unsigned mode = flush_on();
  const V zero = {0};
  adam_consts k = {zero + (float)p->beta1, zero + (float)(1 - p->beta1), zero + (float)p->beta2,
                   zero + (float)(1 - p->beta2), zero + (float)p->eps, zero + (float)p->clip,
                   zero + (float)p->step_m, zero + (float)p->step_g, zero + (float)p->denom, zero + (float)p->keep};
  int64_t i = 0;
  for (; i + VW <= n; i += VW) adam_lanes(&k, w + i, g + i, m + i, v + i);
  if (i < n) {
    float t[4][VW] = {{0}};
    size_t bytes = sizeof(float) * (n - i);
    memcpy(t[0], w + i, bytes), memcpy(t[1], g + i, bytes), memcpy(t[2], m + i, bytes), memcpy(t[3], v + i, bytes);
    adam_lanes(&k, t[0], t[1], t[2], t[3]);
    memcpy(w + i, t[0], bytes), memcpy(m + i, t[2], bytes), memcpy(v + i, t[3], bytes);
  }
  flush_restore(mode);
}

static double square_sum(const float *x, int64_t n) {
  double total = 0;
  int64_t i = 0;
  while (i + 64 * VW <= n) { // float sums of 64 terms a lane, then double
    V acc = {0};
    for (int j = 0; j < 64; j++, i += VW) acc += LOAD(x + i) * LOAD(x + i);
    total += lanes_sum(acc);
  }
  for (; i < n; i++) total += (double)x[i] * x[i];
  return total;
}

// y += x
static void add(const float *x, float *y, int64_t n) {
  unsigned mode = flush_on();
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
  flush_restore(mode);
}

FN float root_f(float x) {
  V v = {x};
  return root(v)[0];
}
