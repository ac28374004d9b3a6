// What does not depend on the build: memory of a program and of a block, the choice of a build, records lane by lane.
#include "trees.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

trees_run trees_run_portable_f32, trees_run_portable_f64;
#if defined(__x86_64__)
trees_run trees_run_avx2_f32, trees_run_avx2_f64, trees_run_avx512_f32, trees_run_avx512_f64;
#endif

int64_t trees_dispatch(int isa, int wide, const trees_program *p, trees_block *b, int64_t from, int64_t to, int lanes,
                       const int64_t *offset, const int32_t *step, const uint16_t *receptor, const float *weight,
                       const trees_current *current) {
  trees_run *run = wide ? trees_run_portable_f64 : trees_run_portable_f32;
#if defined(__x86_64__)
  if (isa == 1) run = wide ? trees_run_avx2_f64 : trees_run_avx2_f32;
  if (isa == 2) run = wide ? trees_run_avx512_f64 : trees_run_avx512_f32;
#else
  (void)isa;
#endif
  return run(p, b, from, to, lanes, offset, step, receptor, weight, current);
}

// lines returns zeroed memory of whole cache lines; 0 when memory is short.
static void *lines(size_t bytes) {
  bytes = (bytes + 64) / 64 * 64;
  void *p = aligned_alloc(64, bytes);
  if (p) memset(p, 0, bytes);
  return p;
}

// trees_program_new makes the tables of a program of these sizes, to be filled in; 0 when memory is short.
trees_program *trees_program_new(const trees_program *sizes, int wide) {
  trees_program *p = malloc(sizeof *p);
  if (!p) return 0;
  *p = *sizes;
  size_t real = wide ? 8 : 4, pairs = 2 * real * (size_t)p->classes;
  p->node = lines(sizeof(trees_node) * (size_t)(p->nodes + 1));
  p->op = lines(sizeof(trees_op) * (size_t)p->ops);
  p->constant = lines(real * TREES_CONSTANTS * (size_t)p->nodes);
  p->row = lines(real * (size_t)p->rows);
  p->table = lines(real * (size_t)p->tables);
  p->link = lines(sizeof(int32_t) * (size_t)p->links);
  p->synapse = lines(sizeof(trees_synapse) * (size_t)p->synapses);
  p->initial = lines(sizeof(double) * (size_t)p->slots);
  p->decay = lines(pairs * (size_t)p->period);
  p->now = lines(pairs * (size_t)p->period);
  p->inverse = lines(pairs * (size_t)p->period);
  p->renew = lines(pairs);
  p->receptor = lines(sizeof(int32_t) * (size_t)(p->receptors + 1));
  p->drive = lines(sizeof(trees_drive) * (size_t)p->drives);
  p->site = lines(sizeof(trees_site) * (size_t)p->nrecord);
  if (!p->node || !p->op || !p->constant || !p->row || !p->table || !p->link || !p->synapse || !p->initial || !p->decay || !p->now || !p->inverse ||
      !p->renew || !p->receptor || !p->drive || !p->site) {
    trees_program_free(p);
    return 0;
  }
  return p;
}

void trees_program_free(trees_program *p) {
  if (!p) return;
  free(p->node), free(p->op), free(p->constant), free(p->row), free(p->table), free(p->link), free(p->synapse), free(p->initial), free(p->decay);
  free(p->now), free(p->inverse), free(p->renew), free(p->receptor), free(p->drive), free(p->site), free(p);
}

static void fill(void *to, int wide, size_t at, int lanes, double x) {
  for (int l = 0; l < lanes; l++)
    if (wide) ((double *)to)[at * (size_t)lanes + (size_t)l] = x;
    else ((float *)to)[at * (size_t)lanes + (size_t)l] = (float)x;
}

void trees_reset(const trees_program *p, trees_block *b, int wide) {
  for (int i = 0; i < p->nodes; i++) fill(b->solver, wide, 3 * (size_t)i, b->lanes, p->voltage);
  for (int i = 0; i < p->slots; i++) fill(b->state, wide, (size_t)i, b->lanes, p->initial[i]);
  fill(b->peak, wide, 0, b->lanes, p->voltage), fill(b->peak, wide, 1, b->lanes, p->voltage);
  b->nspikes = 0;
}

// trees_new makes a block for calls of at most `steps` steps; 0 when memory is short.
trees_block *trees_new(const trees_program *p, int wide, int lanes, int64_t steps) {
  trees_block *b = calloc(1, sizeof *b);
  if (!b) return 0;
  size_t n = (size_t)lanes, real = wide ? 8 : 4, records = (size_t)(steps / p->every + 2);
  b->lanes = lanes;
  b->spike_capacity = 16 * lanes;
  b->spikes = malloc(sizeof(trees_spike) * (size_t)b->spike_capacity);
  b->cursor = malloc(sizeof(int64_t) * n);
  b->first = malloc(sizeof(int32_t) * (size_t)(steps + 2));
  b->record = lines(sizeof(float) * n * records * (size_t)p->nrecord);
  b->solver = lines(real * n * 3 * (size_t)p->nodes);
  b->state = lines(real * n * (size_t)p->slots);
  b->peak = lines(real * n * 2);
  if (!b->spikes || !b->cursor || !b->first || !b->record || !b->solver || !b->state || !b->peak) {
    trees_free(b);
    return 0;
  }
  trees_reset(p, b, wide);
  return b;
}

void trees_free(trees_block *b) {
  if (!b) return;
  free(b->solver), free(b->state), free(b->peak), free(b->record), free(b->spikes), free(b->sorted), free(b->cursor);
  free(b->first), free(b);
}

// trees_finite returns the first of the lanes whose v is no number at some node, or -1 (an exponent of all ones is
// infinite or none; compared as bits, since -ffast-math folds other tests away).
int trees_finite(const trees_program *p, const trees_block *b, int wide, int lanes) {
  int bad = lanes;
  for (int i = 0; i < p->nodes; i++)
    for (int l = 0; l < bad; l++) {
      size_t at = (size_t)i * 3 * (size_t)b->lanes + (size_t)l;
      int none = wide ? (((const int64_t *)b->solver)[at] >> 52 & 0x7ff) == 0x7ff
                      : (((const int32_t *)b->solver)[at] >> 23 & 0xff) == 0xff;
      if (none) bad = l;
    }
  return bad < lanes ? bad : -1;
}

// trees_transpose writes `count` records of one variable lane by lane: out[lane*stride + record]. It returns whether all
// of them are numbers.
int trees_transpose(const trees_block *b, int variable, int64_t count, int64_t capacity, int lanes, float *out,
                    int64_t stride) {
  const float *in = b->record + variable * capacity * b->lanes;
  int32_t most = 0;
  for (int64_t r = 0; r < count; r++)
    for (int l = 0; l < lanes; l++) {
      union { float f; int32_t i; } x = {in[r * b->lanes + l]};
      most = (x.i & 0x7f800000) > most ? (x.i & 0x7f800000) : most;
      out[l * stride + r] = x.f;
    }
  return most < 0x7f800000;
}
