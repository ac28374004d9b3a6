/* CPU twins of the kernels in cells.cu for the fake driver (cuda/driver/fake): the same text, compiled as C. Define
   NEQ_F64 for those of float64. */
#pragma GCC optimize("O2,fast-math")
#define NEQ_TWIN
#include "twin.h" /* the fake driver's */
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static __thread int twin_thread;
#define THREAD twin_thread
#define KERNEL(name, ...) KERNEL_(name, __VA_ARGS__)
#define KERNEL_(name, p, a)                                                                            \
  static void name(p, a);                                                                              \
  int twin_##name(const fake_launch *shape, void **arg) { return twin_run(name, shape, arg); }         \
  static void name(p, a)

#include "../cells.h"
#include "../launch.h"

/* Whether all that a launch names lies in living buffers of the device. */
static int twin_fits(const cells_program *p, const cells_launch *a) {
  const size_t n = a->lanes, cap = a->capacity, w = sizeof(real);
  if (a->lanes < 1 || a->from < 0 || a->from >= a->to || a->first_record < 0) return 0;
  if (!fake_range(a->state, w * p->nstates * n) || !fake_range(a->receptors, w * 2 * p->nreceptors * n)) return 0;
  if (!fake_range(a->cursor, 8 * n) || !fake_range(a->count, 4 * n) || !fake_range(a->offset, 8 * (n + 1))) return 0;
  if (!fake_range(a->current, 4 * n) || !fake_range(a->record, 4 * p->nrecord * a->plane)) return 0;
  if (!fake_range(a->spikes, 4) || !fake_range(a->spike_time, 8 * cap) || !fake_range(a->spike_lane, 4 * cap)) return 0;
  const int64_t events = a->offset[n];
  if (a->offset[0] || events < 0 || !fake_range(a->step, 4 * events) || !fake_range(a->receptor, events)) return 0;
  for (size_t l = 0; l < n; l++)
    if (a->offset[l] > a->offset[l + 1]) return 0;
  const int last = (a->to < a->recorded ? a->to : a->recorded) - 1; /* the last step with a record */
  if (p->nrecord && a->from <= last && (int64_t)(last / p->every - a->first_record + 1) * (int64_t)n > a->plane) return 0;
  return fake_range(a->weight, 4 * events);
}

static int twin_run(void (*kernel)(const cells_program, const cells_launch), const fake_launch *shape, void **arg) {
  const cells_program *p = arg[0];
  const cells_launch *a = arg[1];
  const int threads = (int)(shape->grid[0] * shape->block[0]);
  if (threads < a->lanes || !twin_fits(p, a)) return 700;
#if defined(__x86_64__)
  const unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040); /* denormals are zero, as in the PTX */
#endif
  for (int i = threads - 1; i >= 0; i--) { /* no order of lanes is promised */
    twin_thread = i;
    kernel(*p, *a);
  }
#if defined(__x86_64__)
  _mm_setcsr(old);
#endif
  return 0;
}

#include "../cells.cu"
