/* Input events from counter-based random numbers: does a synapse receive an event in this millisecond?
   The same text is compiled for the CPU (inputs_*.c) and the GPU (inputs.cu). No operation here may be
   contracted or reordered: every device must draw the same events to the bit. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif /* gcc needs -std=c11, which turns contraction off */
#ifdef __CUDA_ARCH__
#define FN static __attribute__((device)) inline
#else
#define FN static inline __attribute__((always_inline))
#endif
typedef unsigned int u32;
typedef unsigned long long u64;

/* One round of Philox4x32 (Salmon et al. 2011) on the counter (a, b, c, d). */
FN void philox_round(u32 *a, u32 *b, u32 *c, u32 *d, u32 k0, u32 k1) {
  u64 p = (u64)0xD2511F53u * *a, q = (u64)0xCD9E8D57u * *c;
  *a = (u32)(q >> 32) ^ *b ^ k0;
  *c = (u32)(p >> 32) ^ *d ^ k1;
  *b = (u32)q;
  *d = (u32)p;
}
#define PHILOX_ROUNDS 10
#define PHILOX_BUMP0 0x9E3779B9u
#define PHILOX_BUMP1 0xBB67AE85u

/* e^-x for 0 <= x <= 87, by operations that round the same everywhere (relative error below 2e-7). */
FN float exp_minus(float x) {
  float y = x * -1.44269504f;
  int n = (int)(y - 0.5f); /* y <= 0: rounds to nearest */
  float f = y - (float)n;
  float p = 1.54035304e-4f;
  p = p * f + 1.33335581e-3f; p = p * f + 9.61812911e-3f; p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f; p = p * f + 6.93147181e-1f; p = p * f + 1.0f;
  union { int i; float f; } u;
  u.i = (n + 127) << 23;
  return p * u.f;
}

/* The chance of an event whose probability is itself drawn from an exponential distribution of mean rate
   (Beniaguev et al. 2021): E[min(p, 1)] = rate (1 - e^(-1/rate)). Below 0.04 that is rate to float precision.
   Chosen by multiplication with 0 or 1, which is exact and keeps the lanes together. */
FN float exponential_chance(float rate) {
  float low = (float)(rate < 0.04f), high = 1.0f - low;
  float r = low * 0.04f + high * rate;
  return low * rate + high * (r * (1.0f - exp_minus(1.0f / r)));
}

/* A probability below 1 as a threshold on 31 random bits. */
FN int threshold(float p) { return (int)(p * 2147483648.0f); }
