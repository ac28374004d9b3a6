// Cells with dendrites on a GPU: a thread a cell (thread.cuh), or a block a cell (block.cuh). The same text is compiled
// as C for the fake driver of the tests (twin), which defines NEQ_TWIN.
#ifdef NEQ_F64
#define NAME_(x) x##_f64
#else
#define NAME_(x) x##_f32
#endif
#define NAME(x) NAME_(x)
#ifndef NEQ_TWIN
// KERNEL(threads, blocks, name, ...): at most so many threads in a block, and registers for so many blocks at a time.
#define KERNEL(threads, blocks, name, ...) \
  extern "C" __attribute__((global)) __attribute__((launch_bounds(threads, blocks))) void name(__VA_ARGS__)
#define THREAD ((int)(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x()))
#define BLOCK ((int)__nvvm_read_ptx_sreg_ctaid_x())
// ALL(i, n): the threads of a block share out 0 <= i < n; what one does another must not depend on before BARRIER.
#define ALL(i, n) for (int i = (int)__nvvm_read_ptx_sreg_tid_x(), all_##i = (int)__nvvm_read_ptx_sreg_ntid_x(); i < (n); i += all_##i)
#define ONE if (__nvvm_read_ptx_sreg_tid_x() == 0)
#define BARRIER __syncthreads();
extern "C" __attribute__((shared)) double trees_shared[];
#define SHARED ((real *)trees_shared)
#endif
#include "../neq.h"
#define class class_ // a word of C++
#include "trees.h"
#include "launch.h"
#include "cell.h"
#undef class

// push_spike appends a spike; those that find no room are counted alone.
FN void push_spike(const trees_launch *a, double time, int lane) {
  unsigned i = __atomic_fetch_add(a->spikes, 1u, __ATOMIC_RELAXED);
  if (i < a->capacity) a->spike_time[i] = time, a->spike_lane[i] = lane;
}

// A record of variable site at the start of a step of that phase, from v and a state at x[0] and x[xs].
FN float record_site(const trees_cell *p, const trees_site *q, int phase, real v, const real *x, int64_t xs) {
  const real *now = p->now + ((int64_t)phase * p->classes + q->class_) * 2;
  switch (q->kind) {
  case TREES_V: return (float)v;
  case TREES_OPEN: return (float)(x[0] * now[0] - x[xs] * now[1]);
  case TREES_FALLING: return (float)(x[0] * now[0]);
  }
  return (float)x[0];
}

#include "thread.cuh"
#include "block.cuh"
