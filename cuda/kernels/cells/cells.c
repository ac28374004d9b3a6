// What does not depend on the build: memory of a block, the choice of a build, the transposition of records.
#include "cells.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

cells_run cells_run_portable_f32, cells_run_portable_f64;
#if defined(__x86_64__)
cells_run cells_run_avx2_f32, cells_run_avx2_f64, cells_run_avx512_f32, cells_run_avx512_f64;
#endif

int64_t cells_dispatch(int isa, int wide, const cells_program *p, cells_block *b, int64_t from, int64_t to,
                       int lanes, const int64_t *offset, const int32_t *step, const uint16_t *receptor,
                       const float *weight, const float *current) {
  cells_run *run = wide ? cells_run_portable_f64 : cells_run_portable_f32;
#if defined(__x86_64__)
  if (isa == 1) run = wide ? cells_run_avx2_f64 : cells_run_avx2_f32;
  if (isa == 2) run = wide ? cells_run_avx512_f64 : cells_run_avx512_f32;
#else
  (void)isa;
#endif
  return run(p, b, from, to, lanes, offset, step, receptor, weight, current);
}

enum { PLANES = CELLS_STATES + 2 * CELLS_RECEPTORS + 4 };

void cells_reset(const cells_program *p, cells_block *b, int wide) {
  memset(b->state, 0, (wide ? 8 : 4) * PLANES * CELLS_LANES);
  for (int i = 0; i < p->nstates; i++)
    for (int l = 0; l < CELLS_LANES; l++)
      if (wide) ((double *)b->state)[i * CELLS_LANES + l] = p->initial[i];
      else ((float *)b->state)[i * CELLS_LANES + l] = (float)p->initial[i];
  b->nspikes = 0;
}

// cells_new makes a block for calls of at most `steps` steps; 0 when memory is short.
cells_block *cells_new(const cells_program *p, int wide, int64_t steps) {
  cells_block *b = calloc(1, sizeof *b);
  if (!b) return 0;
  size_t records = (size_t)(steps / p->every + 2);
  b->spike_capacity = 16 * CELLS_LANES;
  b->spikes = malloc(sizeof(cells_spike) * (size_t)b->spike_capacity);
  b->cursor = malloc(sizeof(int64_t) * CELLS_LANES);
  b->first = malloc(sizeof(int32_t) * (size_t)(steps + 2));
  b->record = aligned_alloc(64, sizeof(float) * CELLS_LANES * records * (size_t)(p->nrecord + 1));
  b->state = aligned_alloc(64, (wide ? 8 : 4) * PLANES * CELLS_LANES);
  if (!b->spikes || !b->cursor || !b->first || !b->record || !b->state) {
    cells_free(b);
    return 0;
  }
  cells_reset(p, b, wide);
  return b;
}

void cells_free(cells_block *b) {
  if (!b) return;
  free(b->state), free(b->record), free(b->spikes), free(b->sorted), free(b->cursor), free(b->first), free(b);
}

// cells_transpose writes `count` records of one variable lane-major: out[lane*stride + record]. It returns whether
// all of them are numbers (an exponent of all ones is infinite or none; compared as bits, since -ffast-math folds
// other tests away).
int cells_transpose(const cells_block *b, int variable, int64_t count, int64_t capacity, int lanes, float *out,
                    int64_t stride) {
  const float *in = b->record + variable * capacity * CELLS_LANES;
  const int32_t *bits = (const int32_t *)(const void *)in;
  int32_t most = 0;
  for (int64_t i = 0; i < count * CELLS_LANES; i++) {
    int32_t e = bits[i] & 0x7f800000;
    most = e > most ? e : most;
  }
  int l0 = 0;
#if defined(__x86_64__)
  for (; l0 + 16 <= lanes; l0 += 16) { // a cache line of the records at a time
    int64_t r = 0;
    for (; r + 4 <= count; r += 4)
      for (int l = l0; l < l0 + 16; l += 4) {
        const float *i = in + r * CELLS_LANES + l;
        float *o = out + l * stride + r;
        __m128 a = _mm_load_ps(i), b4 = _mm_load_ps(i + CELLS_LANES), c = _mm_load_ps(i + 2 * CELLS_LANES),
               d = _mm_load_ps(i + 3 * CELLS_LANES);
        _MM_TRANSPOSE4_PS(a, b4, c, d);
        _mm_storeu_ps(o, a), _mm_storeu_ps(o + stride, b4);
        _mm_storeu_ps(o + 2 * stride, c), _mm_storeu_ps(o + 3 * stride, d);
      }
    for (; r < count; r++)
      for (int l = l0; l < l0 + 16; l++) out[l * stride + r] = in[r * CELLS_LANES + l];
  }
#endif
  for (; l0 < lanes; l0++)
    for (int64_t r = 0; r < count; r++) out[l0 * stride + r] = in[r * CELLS_LANES + l0];
  return most < 0x7f800000;
}
