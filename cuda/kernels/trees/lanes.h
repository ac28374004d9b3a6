// Vectors of lanes in GNU C's own arithmetic, of the build's native length, and tables of functions of the voltage held
// in registers' worth of memory.
#ifndef NEQ_TREES_LANES_H
#define NEQ_TREES_LANES_H
#include "neq.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef real V __attribute__((vector_size(BYTES), may_alias));
enum { W = BYTES / sizeof(real) };

FN V load(const real *p) { return *(const V *)p; }
FN void store(real *p, V x) { *(V *)p = x; }
FN V all(real x) { return x - (V){}; }

// reciprocal is 1/x, in float32 by the processor's estimate and one step of Newton's.
FN V reciprocal(V x) {
#if defined(__AVX512F__) && !defined(NEQ_F64)
  V r = _mm512_rcp14_ps(x);
  return r * (2 - x * r);
#else
  return (real)1 / x;
#endif
}

#if defined(__AVX512F__) && !defined(NEQ_F64)
#define TABLES
// A table is a function of v as TREES_CELLS cubics, each over TREES_CELL mV: word c of cell i at [c][i]. Two
// registers hold one word of all 32 cells, so a look-up is one permutation, not a gather: what the rates of a
// gate cost does not depend on their formula. Permutations look at the low 5 bits of the index alone.
#include "tables.h"
typedef struct { __m512i cell; V at; } place;

// place_of is the cell of v, held within the table, and where v is in it, from -1/2 to 1/2.
FN place place_of(V v) {
  const float scale = 1 / TREES_CELL, offset = -TREES_LOW / TREES_CELL - 0.5, round = 12582912; // 1.5 * 2^23
  v = _mm512_min_ps(_mm512_max_ps(v, _mm512_set1_ps(TREES_LOW + 0.01)), _mm512_set1_ps(TREES_LOW + TREES_CELLS * TREES_CELL - 0.01));
  V t = v * scale + offset, n = t + round;
  place p = {(__m512i)n, t - (n - round)};
  return p;
}

// place_of_calcium is that of a concentration (mM) in tables over 2^-15 to 2, two cells an octave; -1/4 to 1/4.
FN place place_of_calcium(V ca) {
  ca = _mm512_min_ps(_mm512_max_ps(ca, _mm512_set1_ps(TREES_CALCIUM_LOW)), _mm512_set1_ps(1.9999999f));
  __m512i b = (__m512i)ca;
  V u = (V)_mm512_ternarylogic_epi32(b, _mm512_set1_epi32(0x3fffff), _mm512_set1_epi32(0x3f800000), 0xea); // (b & m) | one
  place p = {_mm512_srli_epi32(b, 22), u - (real)1.25};
  return p;
}
// look_up takes a table at n places: its registers are loaded once, which the compiler needs to be told. The last half of
// the third word is the first of the fourth coefficient (pack in tables.go): permutations bound a look-up.
FN void look_up(V *y, const float *t, const place *p, const int n) {
  for (int c = 2; c >= 0; c--) {
    V low = _mm512_load_ps(t + c * TREES_CELLS), high = _mm512_load_ps(t + c * TREES_CELLS + 16);
    if (n > 1) __asm__("" : "+v"(low), "+v"(high));
    for (int u = 0; u < n; u++) {
      V k = _mm512_permutex2var_ps(low, p[u].cell, high);
      y[u] = k + (c == 2 ? (V)_mm512_slli_epi32((__m512i)k, 16) : y[u]) * p[u].at;
    }
  }
}
// tabulated moves gates towards their steady state: tables of the steady state and of 1 - exp(-dt/tau), in a row.
FN void tabulated(V *x, const float *t, const place *p, const int n) {
  V to[4], k[4];
  look_up(to, t, p, n);
  look_up(k, t + TREES_TABLE, p, n);
  for (int u = 0; u < n; u++) x[u] += k[u] * (to[u] - x[u]);
}
#endif
#endif
