// The run function of one build: the including file chooses the instruction set and NEQ_F64.
// A block of lanes stays in the cache for all its steps. Per step: deliver the events that are due, record, then
// one vectorised loop over the lanes; spikes are rare and found lane by lane when the loop saw one.
#include "cells.h"
#include "neq.h"
#include "above.h"
#include "fields.h"
#include "receptors.h"
#include "lif.h"
#include "izhikevich.h"
#include "adex.h"
#include "hh.h"
#include "pospischil.h"
#include "flush.h"

#define L CELLS_LANES

#define BLOCK cells_block
#define EVENT cells_event
#define SPIKE cells_spike
#include "block.h"

// receptors_step adds all open receptors up into g and ge and decays them.
FN void receptors_step(const cells_program *p, const real *v, real *a, real *restrict g, real *restrict ge) {
  for (int r = 0; r < p->nreceptors; r++, a += 2 * L) {
    const cells_receptor *q = &p->receptors[r];
    if (q->kind == NEQ_DELTA) continue;
    receptor_const c = {q->da, q->db, q->reversal, q->mg, q->slope};
    real *restrict x = a, *restrict y = a + L;
    if (q->kind == NEQ_BLOCKED)
      for (int l = 0; l < L; l++) {
        real open = (x[l] - y[l]) * receptor_block(v[l], c);
        g[l] += open, ge[l] += open * c.e, x[l] *= c.da, y[l] *= c.db;
      }
    else if (q->rises)
      for (int l = 0; l < L; l++) {
        real open = x[l] - y[l];
        g[l] += open, ge[l] += open * c.e, x[l] *= c.da, y[l] *= c.db;
      }
    else
      for (int l = 0; l < L; l++) g[l] += x[l], ge[l] += x[l] * c.e, x[l] *= c.da;
  }
}

// record_step writes every recorded variable of one record.
static void record_step(const cells_program *p, const real *state, const real *a, int peaked, float *out,
                        int64_t plane) {
  for (int i = 0; i < p->nrecord; i++, out += plane) {
    int k = p->record[i];
    if (k >= p->nstates) {
      const cells_receptor *q = &p->receptors[k - p->nstates];
      const real *x = a + 2 * L * (k - p->nstates), *y = x + L;
      real ra = q->ra, rb = q->rb;
      for (int l = 0; l < L; l++) out[l] = (float)(x[l] * ra - y[l] * rb);
    } else if (k == 0 && peaked) { // models with a peak: the overshoot of the step that crossed it means nothing
      real top = p->threshold;
      for (int l = 0; l < L; l++) out[l] = (float)(state[l] > top ? top : state[l]);
    } else {
      for (int l = 0; l < L; l++) out[l] = (float)state[k * L + l];
    }
  }
}

#define LOOP lif
#define STATE lif_state
#define FIELDS LIF_FIELDS
#define PREPARE const lif_const c = lif_prepare(p->params, p->dt, p->threshold)
#define STEP(x, g, ge) lif_step(x, c, g, ge, open)
#define RESETS 1
#define HELD(l) (state[L + (l)] > 0)
#define PEAKED 0
#include "loop.h"

#define LOOP izhikevich
#define STATE izhikevich_state
#define FIELDS IZHIKEVICH_FIELDS
#define PREPARE const izhikevich_const c = izhikevich_prepare(p->params, p->dt, p->threshold)
#define STEP(x, g, ge) izhikevich_step(x, c, g, ge, open)
#define RESETS 1
#define HELD(l) 0
#define PEAKED 1
#include "loop.h"

#define LOOP adex
#define STATE adex_state
#define FIELDS ADEX_FIELDS
#define PREPARE const adex_const c = adex_prepare(p->params, p->dt, p->threshold)
#define STEP(x, g, ge) adex_step(x, c, g, ge, open)
#define RESETS 1
#define HELD(l) 0
#define PEAKED 1
#include "loop.h"

#define LOOP hh_euler
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, 0)
#define STEP(x, g, ge) hh_voltage(x, c, g, ge, 0)
#define STEP2(x) hh_exps(x)
#define STEP3(x) hh_gates(x, c, 0)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

#define LOOP hh_euler_coarse
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, 0)
#define STEP(x, g, ge) hh_voltage(x, c, g, ge, 0)
#define STEP2(x) hh_exps(x)
#define STEP3(x) hh_gates(x, c, 1)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

#define LOOP hh_staggered
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, 1)
#define STEP(x, g, ge) hh_voltage(x, c, g, ge, 1)
#define STEP2(x) hh_exps(x)
#define STEP3(x) hh_gates(x, c, 0)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

#define LOOP hh_staggered_coarse
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, 1)
#define STEP(x, g, ge) hh_voltage(x, c, g, ge, 1)
#define STEP2(x) hh_exps(x)
#define STEP3(x) hh_gates(x, c, 1)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

// The calcium currents of pospischil are compiled in or out: most of the cells have none.
#define LOOP pospischil_plain
#define STATE pospischil_state
#define FIELDS POSPISCHIL_FIELDS
#define PREPARE const pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered)
#define STEP(x, g, ge) pospischil_step(x, c, g, ge, 0, 0)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

#define LOOP pospischil_l
#define STATE pospischil_state
#define FIELDS POSPISCHIL_FIELDS
#define PREPARE const pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered)
#define STEP(x, g, ge) pospischil_step(x, c, g, ge, 1, 0)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

#define LOOP pospischil_all
#define STATE pospischil_state
#define FIELDS POSPISCHIL_FIELDS
#define PREPARE const pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered)
#define STEP(x, g, ge) pospischil_step(x, c, g, ge, 1, 1)
#define RESETS 0
#define HELD(l) 0
#define PEAKED 0
#include "loop.h"

int64_t RUN(const cells_program *p, cells_block *b, int64_t from, int64_t to, int lanes, const int64_t *offset,
            const int32_t *step, const uint16_t *receptor, const float *weight, const float *current) {
  if (!sort_events(b, from, to, lanes, offset, step, receptor, weight)) return -1;
  unsigned old = flush_on();
  b->nspikes = 0;
  int64_t done = -1;
  switch (p->kernel) {
  case CELLS_LIF: done = lif_run(p, b, from, to, current); break;
  case CELLS_IZHIKEVICH: done = izhikevich_run(p, b, from, to, current); break;
  case CELLS_ADEX: done = adex_run(p, b, from, to, current); break;
  case CELLS_HH:
    if (p->dt * p->params[6] > HH_COARSE)
      done = p->staggered ? hh_staggered_coarse_run(p, b, from, to, current) : hh_euler_coarse_run(p, b, from, to, current);
    else
      done = p->staggered ? hh_staggered_run(p, b, from, to, current) : hh_euler_run(p, b, from, to, current);
    break;
  case CELLS_POSPISCHIL:
    if (p->params[POSPISCHIL_GT] != 0) done = pospischil_all_run(p, b, from, to, current);
    else if (p->params[POSPISCHIL_GL_CA] != 0) done = pospischil_l_run(p, b, from, to, current);
    else done = pospischil_plain_run(p, b, from, to, current);
    break;
  }
  flush_restore(old);
  advance_cursors(b, done, lanes, offset, step);
  return done;
}
