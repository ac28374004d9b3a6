// The run function of one build: the including file chooses the instruction set and NEQ_F64. A block of lanes stays in
// the cache for its whole time loop (step.h); here is what happens around a step: events, records, spikes.
#include "trees.h"
#include "neq.h"
#include "lanes.h"
#include "flush.h"
#include "mechanisms/list.h"
#include "number.h"
#include "direct.h"
#include <stdlib.h>

#define BLOCK trees_block
#define EVENT trees_event
#define SPIKE trees_spike
#include "block.h"

// deliver opens the synapses that the events of a step drive.
FN void deliver(const trees_program *p, trees_block *b, int64_t s, int phase, real *state, const int lanes) {
  const real *inverse = (const real *)p->inverse + (size_t)phase * p->classes * 2;
  for (const trees_event *e = b->sorted + b->first[s], *end = b->sorted + b->first[s + 1]; e < end; e++)
    for (int i = p->receptor[e->receptor]; i < p->receptor[e->receptor + 1]; i++) {
      const trees_drive *d = p->drive + i;
      real *x = state + (size_t)d->state * lanes + e->lane, w = e->weight;
      x[0] += w * (real)d->a * inverse[2 * d->class];
      x[lanes] += w * (real)d->b * inverse[2 * d->class + 1];
    }
}

// renew_synapses brings stored synapses to the decay of a new period.
static __attribute__((noinline, noclone)) void renew_synapses(const trees_program *p, real *state, const int lanes) {
  for (int i = 0; i < p->synapses; i++) {
    const real *d = (const real *)p->renew + 2 * p->synapse[i].class;
    real *x = state + (size_t)p->synapse[i].state * lanes;
    for (int l = 0; l < lanes; l++) x[l] *= d[0], x[lanes + l] *= d[1];
  }
}

// record_sites writes the recorded variables of one record that are due before, or after, the pass down.
static __attribute__((noinline, noclone)) void record_sites(const trees_program *p, const trees_block *b, const real *solver, const real *state, int phase,
                         int after, float *out, int64_t plane, const int lanes) {
  const real *now = (const real *)p->now + (size_t)phase * p->classes * 2;
  for (int i = 0; i < p->nrecord; i++, out += plane) {
    const trees_site *q = p->site + i;
    if ((q->kind == TREES_AFTER) != after) continue;
    const real *x = q->kind == TREES_V ? solver + (size_t)q->at * 3 * lanes : state + (size_t)q->at * lanes;
    if (q->kind == TREES_OPEN) {
      const real *d = now + 2 * q->class;
      for (int l = 0; l < lanes; l++) out[l] = (float)(x[l] * d[0] - x[lanes + l] * d[1]);
    } else {
      const real scale = q->kind == TREES_FALLING ? now[2 * q->class] : 1;
      for (int l = 0; l < lanes; l++) out[l] = (float)(x[l] * scale);
    }
  }
}

// find_crossings: a spike is v of the root rising above the threshold, at the crossing of the line between two steps.
FN void find_crossings(const trees_program *p, trees_block *b, int64_t s, const real *old, const real *v, real threshold,
                       const int lanes) {
  int any = 0;
  for (int l = 0; l < lanes; l++) any |= v[l] > threshold;
  if (!any) return;
  for (int l = 0; l < lanes; l++)
    if (v[l] > threshold && old[l] <= threshold)
      push_spike(b, p->dt * ((double)s + (double)((threshold - old[l]) / (v[l] - old[l]))), l);
}

// find_peaks: a spike is a sample of v above the threshold, above the one before and no less than the one after.
FN void find_peaks(const trees_program *p, trees_block *b, int64_t s, const real *v, real threshold, const int lanes) {
  if (s % p->peak_every) return;
  real *before = b->peak, *last = before + lanes;
  for (int l = 0; l < lanes; l++) {
    if (last[l] > threshold && last[l] > before[l] && last[l] >= v[l])
      push_spike(b, p->dt * (double)(s - p->peak_every), l);
    before[l] = last[l], last[l] = v[l];
  }
}

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define STEP(name) PASTE(name, U)
#define U 1
#include "step.h"
#undef U
#define U 2
#include "step.h"
#undef U
#define U 4
#include "step.h"
#undef U

int64_t RUN(const trees_program *p, trees_block *b, int64_t from, int64_t to, int lanes, const int64_t *offset,
            const int32_t *step, const uint16_t *receptor, const float *weight, const trees_current *current) {
  if (!sort_events(b, from, to, lanes, offset, step, receptor, weight)) return -1;
  unsigned old = flush_on();
  b->nspikes = 0;
  int64_t done = -1;
  switch (b->lanes / W) {
  case 1: done = loop_1(p, b, from, to, current); break;
  case 2: done = loop_2(p, b, from, to, current); break;
  case 4: done = loop_4(p, b, from, to, current); break;
  }
  flush_restore(old);
  advance_cursors(b, done, lanes, offset, step);
  return done;
}
