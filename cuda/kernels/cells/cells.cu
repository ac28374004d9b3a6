// The GPU's side of the simulation kernels: one thread per lane, its state in registers, many steps per launch.
// The same text is compiled as C for the fake driver of the tests (twin.c), which defines NEQ_TWIN.
// Layouts, n lanes: state[variable][n], receptors[2 r + exponential][n], record[variable][record of the chunk][n];
// spikes are appended in any order.
#ifdef NEQ_F64
#define NAME_(x) x##_f64
#else
#define NAME_(x) x##_f32
#endif
#define NAME(x) NAME_(x)
#ifndef NEQ_TWIN
#define KERNEL(name, ...) extern "C" __attribute__((global)) void name(__VA_ARGS__)
#define THREAD (__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x())
#endif
#include "cells.h"
#include "../neq.h"
#include "../receptors.h"
#include "../lif.h"
#include "../izhikevich.h"
#include "../adex.h"
#include "../hh.h"
#include "../pospischil.h"
#include "fields.h"
#include "launch.h"

// push_spike appends a spike; those that find no room are counted alone.
FN void push_spike(const cells_launch *a, double time, int lane) {
  unsigned i = __atomic_fetch_add(a->spikes, 1u, __ATOMIC_RELAXED);
  if (i < a->capacity) a->spike_time[i] = time, a->spike_lane[i] = lane;
}

#define LOOP lif
#define STATE lif_state
#define FIELDS LIF_FIELDS
#define PREPARE const lif_const c = lif_prepare(p->params, p->dt, p->threshold)
#define STEP lif_step(x, c, sum, in, open)
#define RESETS 1
#define HELD x.hold > 0
#define PEAKED 0
#include "lane.h"

#define LOOP izhikevich
#define STATE izhikevich_state
#define FIELDS IZHIKEVICH_FIELDS
#define PREPARE const izhikevich_const c = izhikevich_prepare(p->params, p->dt, p->threshold)
#define STEP izhikevich_step(x, c, sum, in, open)
#define RESETS 1
#define HELD 0
#define PEAKED 1
#include "lane.h"

#define LOOP adex
#define STATE adex_state
#define FIELDS ADEX_FIELDS
#define PREPARE const adex_const c = adex_prepare(p->params, p->dt, p->threshold)
#define STEP adex_step(x, c, sum, in, open)
#define RESETS 1
#define HELD 0
#define PEAKED 1
#include "lane.h"

#define LOOP hh
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, p->staggered)
#define STEP hh_step(x, c, sum, in, p->staggered, 0)
#define RESETS 0
#define HELD 0
#define PEAKED 0
#include "lane.h"

#define LOOP hh_coarse
#define STATE hh_state
#define FIELDS HH_FIELDS
#define PREPARE const hh_const c = hh_prepare(p->params, p->dt, p->staggered)
#define STEP hh_step(x, c, sum, in, p->staggered, 1)
#define RESETS 0
#define HELD 0
#define PEAKED 0
#include "lane.h"

// The calcium currents of pospischil are compiled in or out: most of the cells have none.
#define LOOP pospischil
#define STATE pospischil_state
#define FIELDS POSPISCHIL_FIELDS
#define PREPARE const pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered)
#define STEP pospischil_step(x, c, sum, in, 0, 0)
#define RESETS 0
#define HELD 0
#define PEAKED 0
#include "lane.h"

#define LOOP pospischil_ca
#define STATE pospischil_state
#define FIELDS POSPISCHIL_FIELDS
#define PREPARE const pospischil_const c = pospischil_prepare(p->params, p->dt, p->staggered)
#define STEP pospischil_step(x, c, sum, in, 1, p->params[POSPISCHIL_GT] != 0)
#define RESETS 0
#define HELD 0
#define PEAKED 0
#include "lane.h"
