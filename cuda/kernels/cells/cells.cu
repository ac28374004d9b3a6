// The GPU's side of the simulation kernels: one thread per lane, its state in registers, many steps per launch.
// Layouts: state[variable][lane], receptors[2 r + exponential][lane], record[i][record][lane] of the launch,
// spike[n][lane] with a count per lane. Tables are the host's cells_program (cells.h).
#ifdef NEQ_F64
#define NAME_(x) x##_f64
#else
#define NAME_(x) x##_f32
#endif
#define NAME(x) NAME_(x)
#define __global__ __attribute__((global))
#include "cells.h"
#include "neq.h"
#include "receptors.h"
#include "lif.h"
#include "izhikevich.h"
#include "adex.h"
#include "hh.h"
#include "pospischil.h"

typedef struct {
  real *state, *receptors;
  float *record;
  double *spike;
  int *spikes;              // [lanes] counts; more than capacity: the launch is repeated with more room
  const int64_t *offset;    // [lanes+1]
  int64_t *cursor;          // [lanes] next event of each lane
  const int32_t *step;
  const uint8_t *receptor;
  const float *weight;
  const float *current;     // [lanes]
  int64_t from, to;
  int lanes, capacity;
} cells_launch;

// One kernel: STATE with FIELDS is the state, STEP the whole step, RESETS, HELD and PEAKED as in loop.h.
#define KERNEL(NAME, STATE, FIELDS, PREPARE, STEP, RESETS, HELD, PEAKED)                                              \
  extern "C" __global__ void NAME(const cells_program *p, cells_launch a) {                                          \
    int l = __nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x();           \
    if (l >= a.lanes) return;                                                                                        \
    PREPARE;                                                                                                         \
    const int n = a.lanes;                                                                                           \
    const real threshold = (real)p->threshold, drive = a.current[l];                                                 \
    real *g = a.receptors + l;                                                                                       \
    STATE x;                                                                                                         \
    FIELDS(GET)                                                                                                      \
    int64_t e = a.cursor[l], last = a.offset[l + 1], records = (a.to - a.from + p->every - 1) / p->every + 1;         \
    int64_t due = (a.from + p->every - 1) / p->every * p->every, record = 0;                                         \
    int count = a.spikes[l];                                                                                         \
    for (int64_t s = a.from; s < a.to; s++) {                                                                        \
      real was = x.v;                                                                                                \
      for (; e < last && a.step[e] == s; e++) {                                                                      \
        int r = a.receptor[e];                                                                                       \
        if (p->receptors[r].kind == NEQ_DELTA) {                                                                     \
          if (!(HELD)) x.v += (real)a.weight[e];                                                                     \
        } else {                                                                                                     \
          g[2 * r * n] += (real)(p->receptors[r].ka * a.weight[e]);                                                  \
          g[(2 * r + 1) * n] += (real)(p->receptors[r].kb * a.weight[e]);                                            \
        }                                                                                                            \
      }                                                                                                              \
      if (s == due) {                                                                                                \
        for (int i = 0; i < p->nrecord; i++) {                                                                       \
          int k = p->record[i];                                                                                      \
          real y;                                                                                                    \
          if (k >= p->nstates) {                                                                                     \
            const cells_receptor *q = &p->receptors[k - p->nstates];                                                 \
            y = g[2 * (k - p->nstates) * n] * (real)q->ra - g[(2 * (k - p->nstates) + 1) * n] * (real)q->rb;          \
          } else {                                                                                                   \
            y = field_##STATE(x, k);                                                                                 \
            if (PEAKED && k == 0 && y > threshold) y = threshold;                                                    \
          }                                                                                                          \
          a.record[(i * records + record) * n + l] = (float)y;                                                       \
        }                                                                                                            \
        record++, due += p->every;                                                                                   \
      }                                                                                                              \
      if (RESETS ? x.v > threshold : was <= threshold && x.v > threshold) {                                          \
        if (count < a.capacity) a.spike[(int64_t)count * n + l] = p->dt * (double)s;                                 \
        count++;                                                                                                     \
      }                                                                                                              \
      real sum = 0, in = drive;                                                                                      \
      for (int r = 0; r < p->nreceptors; r++) {                                                                      \
        const cells_receptor *q = &p->receptors[r];                                                                  \
        if (q->kind == NEQ_DELTA) continue;                                                                          \
        real up = g[2 * r * n], down = g[(2 * r + 1) * n], open = up - down;                                         \
        if (q->kind == NEQ_BLOCKED) {                                                                                \
          receptor_const c = {(real)q->da, (real)q->db, (real)q->reversal, (real)q->mg, (real)q->slope};             \
          open *= receptor_block(x.v, c);                                                                            \
        }                                                                                                            \
        sum += open, in += open * (real)q->reversal;                                                                 \
        g[2 * r * n] = up * (real)q->da, g[(2 * r + 1) * n] = down * (real)q->db;                                    \
      }                                                                                                              \
      was = x.v;                                                                                                     \
      x = STEP;                                                                                                      \
      if (!(RESETS) && was <= threshold && x.v > threshold) {                                                        \
        if (count < a.capacity)                                                                                      \
          a.spike[(int64_t)count * n + l] = p->dt * ((double)s + (double)((threshold - was) / (x.v - was)));         \
        count++;                                                                                                     \
      }                                                                                                              \
    }                                                                                                                \
    FIELDS(PUT)                                                                                                      \
    a.cursor[l] = e, a.spikes[l] = count;                                                                            \
  }

#define GET(i, f) x.f = a.state[(i) * (int64_t)n + l];
#define PUT(i, f) a.state[(i) * (int64_t)n + l] = x.f;
#define PICK(i, f) y = k == i ? x.f : y;
#define FIELD(STATE, FIELDS)                                                                                          \
  FN real field_##STATE(STATE x, int k) {                                                                            \
    real y = 0;                                                                                                      \
    FIELDS(PICK)                                                                                                     \
    return y;                                                                                                        \
  }

#include "fields.h"
FIELD(lif_state, LIF_FIELDS)
FIELD(izhikevich_state, IZHIKEVICH_FIELDS)
FIELD(adex_state, ADEX_FIELDS)
FIELD(hh_state, HH_FIELDS)
FIELD(pospischil_state, POSPISCHIL_FIELDS)

KERNEL(NAME(cells_lif), lif_state, LIF_FIELDS, lif_const c = lif_prepare(p->params, p->dt, p->threshold),
       lif_step(x, c, sum, in, p->nreceptors > 0), 1, x.hold > 0, 0)
KERNEL(NAME(cells_izhikevich), izhikevich_state, IZHIKEVICH_FIELDS,
       izhikevich_const c = izhikevich_prepare(p->params, p->dt, p->threshold), izhikevich_step(x, c, sum, in, 1), 1, 0, 1)
KERNEL(NAME(cells_adex), adex_state, ADEX_FIELDS, adex_const c = adex_prepare(p->params, p->dt, p->threshold),
       adex_step(x, c, sum, in, 1), 1, 0, 1)
KERNEL(NAME(cells_hh_euler), hh_state, HH_FIELDS, hh_const c = hh_prepare(p->params, p->dt, 0),
       hh_step(x, c, sum, in, 0, 1), 0, 0, 0)
KERNEL(NAME(cells_hh_staggered), hh_state, HH_FIELDS, hh_const c = hh_prepare(p->params, p->dt, 1),
       hh_step(x, c, sum, in, 1, 1), 0, 0, 0)
KERNEL(NAME(cells_pospischil), pospischil_state, POSPISCHIL_FIELDS,
       pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered), pospischil_step(x, c, sum, in, 1, 1), 0, 0, 0)
