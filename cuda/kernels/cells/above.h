// above returns which of 64 lanes have a value above a threshold, lane l in bit l.
#ifndef NEQ_ABOVE_H
#define NEQ_ABOVE_H
#include "cells.h"
#include "neq.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif
_Static_assert(CELLS_LANES % 64 == 0, "a mask of a block's lanes is whole 64-bit words");

FN uint64_t above(const real *x, real threshold) {
  uint64_t m = 0;
#if defined(__AVX512F__) && defined(NEQ_F64)
  for (int i = 0; i < 8; i++)
    m |= (uint64_t)_mm512_cmp_pd_mask(_mm512_load_pd(x + 8 * i), _mm512_set1_pd(threshold), _CMP_GT_OQ) << (8 * i);
#elif defined(__AVX512F__)
  for (int i = 0; i < 4; i++)
    m |= (uint64_t)_mm512_cmp_ps_mask(_mm512_load_ps(x + 16 * i), _mm512_set1_ps(threshold), _CMP_GT_OQ) << (16 * i);
#elif defined(__AVX2__) && defined(NEQ_F64)
  for (int i = 0; i < 16; i++)
    m |= (uint64_t)_mm256_movemask_pd(_mm256_cmp_pd(_mm256_load_pd(x + 4 * i), _mm256_set1_pd(threshold), _CMP_GT_OQ))
         << (4 * i);
#elif defined(__AVX2__)
  for (int i = 0; i < 8; i++)
    m |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(x + 8 * i), _mm256_set1_ps(threshold), _CMP_GT_OQ))
         << (8 * i);
#elif defined(__x86_64__) && !defined(NEQ_F64)
  for (int i = 0; i < 16; i++)
    m |= (uint64_t)_mm_movemask_ps(_mm_cmpgt_ps(_mm_load_ps(x + 4 * i), _mm_set1_ps(threshold))) << (4 * i);
#else
  for (int l = 0; l < 64; l++) m |= (uint64_t)(x[l] > threshold) << l;
#endif
  return m;
}
#endif
