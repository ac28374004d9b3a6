/* Philox for 16 lanes at a time. Compilers turn the 32 x 32 -> 64 bit products of philox_round into slow 64-bit
   multiplications; where there is an instruction for them it is named here. The numbers are the same. */
#include "inputs.h"
#define LANES 16

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#ifdef __AVX512F__
typedef __m512i words;
#define WORDS 16
#define SET1(x) _mm512_set1_epi32((int)(x))
#define XOR _mm512_xor_si512
#define PRODUCT _mm512_mul_epu32
#define UPPER(x) _mm512_srli_epi64(x, 32)
#define LOWER(x) _mm512_slli_epi64(x, 32)
#define ODD(even, odd) _mm512_mask_blend_epi32(0xAAAA, even, odd)
#define GET(p) _mm512_loadu_si512(p)
#define PUT(p, x) _mm512_storeu_si512(p, x)
#else
typedef __m256i words;
#define WORDS 8
#define SET1(x) _mm256_set1_epi32((int)(x))
#define XOR _mm256_xor_si256
#define PRODUCT _mm256_mul_epu32
#define UPPER(x) _mm256_srli_epi64(x, 32)
#define LOWER(x) _mm256_slli_epi64(x, 32)
#define ODD(even, odd) _mm256_blend_epi32(even, odd, 0xAA)
#define GET(p) _mm256_loadu_si256((const __m256i *)(p))
#define PUT(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#endif

FN void philox_lanes(u32 *a, u32 *b, u32 *c, u32 *d, u32 k0, u32 k1) {
  const words m0 = SET1(0xD2511F53u), m1 = SET1(0xCD9E8D57u);
  for (int l = 0; l < LANES; l += WORDS) {
    words x = GET(a + l), y = GET(b + l), z = GET(c + l), w = GET(d + l);
    u32 j0 = k0, j1 = k1;
    for (int r = 0; r < PHILOX_ROUNDS; r++, j0 += PHILOX_BUMP0, j1 += PHILOX_BUMP1) {
      words pe = PRODUCT(x, m0), po = PRODUCT(UPPER(x), m0), qe = PRODUCT(z, m1), qo = PRODUCT(UPPER(z), m1);
      x = XOR(XOR(ODD(UPPER(qe), qo), y), SET1(j0));
      z = XOR(XOR(ODD(UPPER(pe), po), w), SET1(j1));
      y = ODD(qe, LOWER(qo));
      w = ODD(pe, LOWER(po));
    }
    PUT(a + l, x);
    PUT(b + l, y);
    PUT(c + l, z);
    PUT(d + l, w);
  }
}
#else
FN void philox_lanes(u32 *a, u32 *b, u32 *c, u32 *d, u32 k0, u32 k1) {
  for (int r = 0; r < PHILOX_ROUNDS; r++, k0 += PHILOX_BUMP0, k1 += PHILOX_BUMP1)
    for (int l = 0; l < LANES; l++) philox_round(a + l, b + l, c + l, d + l, k0, k1);
}
#endif
