/* CPU twins of the kernels in trees.cu for the fake driver (cuda/driver/fake): the same text, compiled as C. Define
   NEQ_F64 for those of float64. A block is run by one thread, which does the share of all between two barriers, from the
   last to the first where TREES_TWIN_ORDER is reverse: where that changes a bit, a barrier is missing. */
#define NEQ_TWIN
#include "twin.h" /* the fake driver's */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static __thread int twin_thread, twin_back;
static __thread double twin_shared[1 << 17];
#define THREAD twin_thread
#define BLOCK twin_thread
#define ALL(i, n) for (int i##_ = 0, i##_n = (n), i; i##_ < i##_n && (i = twin_back ? i##_n - 1 - i##_ : i##_, 1); i##_++)
#define ONE
#define BARRIER
#define SHARED ((real *)twin_shared)
#define KERNEL(threads, blocks, name, ...) KERNEL_(name, __VA_ARGS__)
#define KERNEL_(name, p, t, a)                                                                           \
  static void name(p, t, a);                                                                             \
  int twin_##name(const fake_launch *shape, void **arg) { TWIN_RUN(name) }                               \
  static void name(p, t, a)
#define TWIN_RUN(name) return JOIN(run_, name)(shape, arg);
#define JOIN(a, b) a##b

#include "../../neq.h"
#define class class_
#include "../trees.h"
#undef class
#include "../launch.h"

static int fits(const void *p, size_t size, size_t n) { return !n || fake_range(p, size * n); }

/* Whether all that a launch names lies in living buffers of the device. */
static int fits_launch(const trees_cell *p, const trees_launch *a, size_t solver) {
  const size_t n = a->lanes, cap = a->capacity, w = sizeof(real);
  if (a->lanes < 1 || a->from < 0 || a->from >= a->to || a->first_record < 0 || a->currents < 0) return 0;
  if (!fits(a->solver, w, n * solver) || !fits(a->state, w, n * p->slots) || !fits(a->peak, w, 2 * n)) return 0;
  if (!fits(a->cursor, 8, n) || !fits(a->count, 4, n) || !fits(a->offset, 8, n + 1)) return 0;
  if (!fits(a->into, 4, a->currents) || !fits(a->current, 4, n * a->currents) || !fits(a->record, 4, p->nrecord * a->plane)) return 0;
  if (!fits(a->spikes, 4, 1) || !fits(a->spike_time, 8, cap) || !fits(a->spike_lane, 4, cap)) return 0;
  const int64_t events = a->offset[n];
  if (a->offset[0] || events < 0 || !fits(a->step, 4, events) || !fits(a->receptor, 2, events) || !fits(a->weight, 4, events)) return 0;
  for (size_t l = 0; l < n; l++)
    if (a->offset[l] > a->offset[l + 1]) return 0;
  for (int64_t i = 0; i < events; i++)
    if (a->receptor[i] >= p->receptors) return 0;
  for (int i = 0; i < a->currents; i++)
    if (a->into[i] < 0 || a->into[i] >= p->nodes) return 0;
  const int last = (a->to < a->recorded ? a->to : a->recorded) - 1; /* the last step with a record */
  return !p->nrecord || a->from > last || (int64_t)(last / p->every - a->first_record + 1) * (int64_t)n <= a->plane;
}

static int fits_tables(const trees_cell *p) {
  const size_t pair = sizeof(real) * 2 * p->classes;
  return fits(p->decay, pair, p->period) && fits(p->now, pair, p->period) && fits(p->inverse, pair, p->period) && fits(p->renew, pair, 1) &&
         fits(p->receptor, 4, p->receptors + 1) && fits(p->initial, 8, p->slots) && fits(p->site, sizeof(trees_site), p->nrecord);
}

static int fits_thread(const trees_cell *p, const trees_thread_tables *t) {
  return fits(p->node, sizeof(trees_node), p->nodes + 1) && fits(p->op, sizeof(trees_op), p->ops) && fits(p->row, sizeof(real), p->rows) &&
         fits(p->constant, sizeof(real) * TREES_CONSTANTS, p->nodes) && fits(p->drive, sizeof(trees_drive), p->drives) && fits(t->synapse, 8, t->synapses);
}

static int fits_block(const trees_cell *p, const trees_block_tables *t) {
  const size_t n = t->nodes;
  if (!fits(t->tile, 8, t->tiles) || !fits(t->round, sizeof(trees_round), t->rounds) || !fits(t->constant, sizeof(real) * TREES_CONSTANTS, n)) return 0;
  if (!fits(t->edge, 4, n + 1) || !fits(t->parent, 2, n) || !fits(t->child, 2, n - 1) || !fits(t->drive, sizeof(trees_drive), p->drives)) return 0;
  if (!fits(t->second, 4, p->drives) || !fits(t->synapse, 12, t->synapses) || !fits(t->stride, 4, p->nrecord)) return 0;
  size_t nodes = 0;
  for (int i = 0; i < t->tiles; i++) {
    const trees_group *g = &t->group[t->tile[2 * i]];
    if (!fits(g, sizeof *g, 1) || !fits(t->op + g->op, sizeof(trees_op), g->ops)) return 0;
    if (t->tile[2 * i + 1] == 0) nodes += g->nodes;
  }
  for (int i = 0; i < t->rounds; i++)
    if (!fits(t->away + t->round[i].away, sizeof(trees_away), t->round[i].aways) || !fits(t->stays + t->round[i].stays, sizeof(trees_stays), t->round[i].stayed)) return 0;
  return nodes == n && t->slots == p->slots;
}

typedef void any_kernel(const void *p, const void *t, const void *a);
static void twin_all(any_kernel *kernel, void **arg, int threads) {
#if defined(__x86_64__)
  const unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040); /* denormals are zero, as in the PTX */
#endif
  const char *order = getenv("TREES_TWIN_ORDER");
  twin_back = order && !strcmp(order, "reverse");
  for (int i = threads - 1; i >= 0; i--) { /* no order of lanes is promised */
    twin_thread = i;
    memset(twin_shared, 0xfb, sizeof twin_shared); /* NaN: shared memory is not cleared */
    kernel(arg[0], arg[1], arg[2]);
  }
#if defined(__x86_64__)
  _mm_setcsr(old);
#endif
}
static int twin_threads(any_kernel *kernel, const fake_launch *shape, void **arg) {
  const trees_cell *p = arg[0];
  const trees_launch *a = arg[2];
  const int threads = (int)(shape->grid[0] * shape->block[0]);
  if (threads < a->lanes || !fits_tables(p) || !fits_thread(p, arg[1]) || !fits_launch(p, a, 3 * (size_t)p->nodes)) return 700;
  twin_all(kernel, arg, threads);
  return 0;
}
static int twin_blocks(any_kernel *kernel, const fake_launch *shape, void **arg, int near) {
  const trees_cell *p = arg[0];
  const trees_block_tables *t = arg[1];
  const trees_launch *a = arg[2];
  const size_t shared = sizeof(real) * (BLOCK_ARRAYS * (size_t)t->nodes + (near ? t->slots : 0));
  if ((int)shape->grid[0] != a->lanes || shape->shared < shared || shape->shared > sizeof twin_shared) return 700;
  if (!fits_tables(p) || !fits_block(p, t) || !fits_launch(p, a, t->nodes)) return 700;
  twin_all(kernel, arg, (int)shape->grid[0]);
  return 0;
}

#define RUN(name, T, how)                                                                                                      \
  static void name(const trees_cell, const T, const trees_launch);                                                          \
  static void any_##name(const void *p, const void *t, const void *a) { name(*(const trees_cell *)p, *(const T *)t, *(const trees_launch *)a); } \
  static int run_##name(const fake_launch *shape, void **arg) { return how; }
#ifdef NEQ_F64
RUN(trees_thread_f64, trees_thread_tables, twin_threads(any_trees_thread_f64, shape, arg))
RUN(trees_block_f64, trees_block_tables, twin_blocks(any_trees_block_f64, shape, arg, 1))
RUN(trees_block_far_f64, trees_block_tables, twin_blocks(any_trees_block_far_f64, shape, arg, 0))
#else
RUN(trees_thread_f32, trees_thread_tables, twin_threads(any_trees_thread_f32, shape, arg))
RUN(trees_block_f32, trees_block_tables, twin_blocks(any_trees_block_f32, shape, arg, 1))
RUN(trees_block_far_f32, trees_block_tables, twin_blocks(any_trees_block_far_f32, shape, arg, 0))
#endif

#include "../trees.cu"
