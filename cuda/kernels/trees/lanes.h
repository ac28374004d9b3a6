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

#if defined(__AVX512F__) && !defined(NEQ_F64)
#define TABLES
// A table is a function of v as TREES_CELLS cubics, each over TREES_CELL mV: coefficient c of cell i at [c][i]. Two
// registers hold one coefficient of all 32 cells, so a look-up is one permutation, not a gather: what the rates of a
// gate cost does not depend on their formula.
#include "tables.h"
typedef struct { __m512i cell; V at; } place;

FN place place_of(V x, float scale, float offset) {
  V t = x * scale + offset;
  t = _mm512_min_ps(_mm512_max_ps(t, _mm512_set1_ps(-0.49f)), _mm512_set1_ps(TREES_CELLS - 0.51f));
  V n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  place p = {_mm512_cvtps_epi32(n), t - n};
  return p;
}
FN V pick(const float *c, __m512i i) {
  return _mm512_permutex2var_ps(_mm512_load_ps(c), i, _mm512_load_ps(c + 16));
}
FN V look_up(const float *t, place p) {
  V y = pick(t + 3 * TREES_CELLS, p.cell);
  y = y * p.at + pick(t + 2 * TREES_CELLS, p.cell);
  y = y * p.at + pick(t + TREES_CELLS, p.cell);
  return y * p.at + pick(t, p.cell);
}
// tabulated moves a gate towards its steady state: tables of the steady state and of 1 - exp(-dt/tau), in a row.
FN V tabulated(V x, const float *t, place p) { return x + look_up(t + TREES_TABLE, p) * (look_up(t, p) - x); }
#endif
#endif
