// A thread a cell: the loop of step.h over one lane. Tables are read by all threads of a warp at once, states are
// interleaved, so that every access to memory is of whole lines. What a step moves is what bounds it: trees_traffic of
// launch.go counts it.

// The step of two stages from the elimination of the first to the new v: see step.h.
FN void thread_second(const trees_cell *p, real *const solver, const int64_t n) {
  const trees_node *const node = p->node;
  const real *const constant = p->constant;
  real d = 0, carried = 0;
  for (int i = 0; i < p->nodes; i++) {
    real *const x = solver + 3 * i * n;
    if (!(node[i].flags & TREES_NEXT) && i) d = solver[(3 * node[i].parent + 1) * n];
    d = x[n] + x[2 * n] * d;
    x[n] = d, x[0] += d;
  }
  for (int i = p->nodes - 1; i >= 0; i--) {
    real *const x = solver + 3 * i * n;
    const real *const k = constant + i * TREES_CONSTANTS;
    const int flags = node[i].flags;
    real r = x[n];
    if (!(flags & TREES_SUMS)) r *= k[TREES_CHARGE];
    if (flags & TREES_CARRIED) r += carried;
    carried = r * x[2 * n], x[n] = carried * k[TREES_RESISTANCE];
    if (i == 0 || flags & TREES_NEXT) continue;
    real *const up = solver + (3 * node[i].parent + 1) * n;
    *up = (flags & TREES_FIRST ? constant[node[i].parent * TREES_CONSTANTS + TREES_CHARGE] * *up : *up) + carried;
  }
  d = 0;
  for (int i = 0; i < p->nodes; i++) {
    real *const x = solver + 3 * i * n;
    const int flags = node[i].flags;
    if (!(flags & TREES_NEXT) && i) d = solver[(3 * node[i].parent + 1) * n];
    d = x[n] + x[2 * n] * d;
    if (flags & TREES_SAVE) x[n] = d;
    x[0] += (real)TREES_SECOND * d;
  }
}

FN void thread_run(const trees_cell *p, const trees_thread_tables *t, const trees_launch *a, const int l) {
  const int64_t n = a->lanes;
  const int nodes = p->nodes, first = a->from == 0;
  real *const solver = a->solver + l, *const state = a->state + l, *const peak = a->peak + l;
  const trees_node *const node = p->node;
  const real *const constant = p->constant, *const row = p->row;
  const int two = p->stages == 2;
  const real dt = (real)p->dt, twice = p->staggered ? 2 : 1, past = p->staggered ? (real)0.5 : 0, threshold = (real)p->threshold;
  if (first) {
    for (int i = 0; i < nodes; i++) solver[3 * i * n] = (real)p->voltage;
    for (int i = 0; i < p->slots; i++) state[i * n] = (real)p->initial[i];
    peak[0] = peak[n] = (real)p->voltage;
  }
  int64_t e = first ? a->offset[l] : a->cursor[l];
  const int64_t last = a->offset[l + 1];
  int next = e < last ? a->step[e] : TREES_NEVER;
  const int to = a->to, end = to < a->recorded ? to : a->recorded;
  int record = (int)(((int64_t)a->from + p->every - 1) / p->every), due = TREES_NEVER;
  if ((int64_t)record * p->every < end) due = record * p->every;
  float *out = a->record + (record - a->first_record) * n + l;
  int count = first ? 0 : a->count[l];

  for (int s = a->from; s < to; s++) {
    const int phase = s % p->period;
    const real *const decay = p->decay + (int64_t)phase * p->classes * 2;
    if (phase == 0 && s > 0) {
      for (int i = 0; i < t->synapses; i++) {
        const real *d = p->renew + 2 * t->synapse[2 * i + 1];
        real *x = state + t->synapse[2 * i] * n;
        x[0] *= d[0], x[n] *= d[1];
      }
    }
    for (; s == next; e++, next = e < last ? a->step[e] : TREES_NEVER) {
      const real w = (real)a->weight[e], *inverse = p->inverse + (int64_t)phase * p->classes * 2;
      const int r = a->receptor[e];
      for (int i = p->receptor[r]; i < p->receptor[r + 1]; i++) {
        const trees_drive *d = p->drive + i;
        real *x = state + d->state * n;
        x[0] += w * (real)d->a * inverse[2 * d->class_], x[n] += w * (real)d->b * inverse[2 * d->class_ + 1];
      }
    }
    if (s == due)
      for (int i = 0; i < p->nrecord; i++) {
        const trees_site *q = p->site + i;
        if (q->kind != TREES_AFTER)
          out[i * a->plane] = record_site(p, q, phase, q->kind == TREES_V ? solver[3 * q->at * n] : 0, state + q->at * n, n);
      }

    // Down: currents, and each node eliminated into its parent.
    int in = 0;
    real ce = 0, cr = 0, v = solver[3 * (nodes - 1) * (int64_t)n];
    for (int i = nodes - 1; i >= 0; i--) {
      const int flags = node[i].flags, up = i ? node[i].parent : 0;
      real *const x = solver + 3 * i * n, *const above = solver + 3 * up * n;
      const real *const k = constant + i * TREES_CONSTANTS;
      trees_here h = {gate_voltage(v), k[TREES_LEAK], k[TREES_DRIVE], 0, 0, 0, past};
      for (int o = node[i].first; o < node[i + 1].first; o++) {
        const trees_op *const q = p->op + o;
        const trees_row r = {row + q->row, 0, 0};
        trees_operate(q->op, state + q->state * n, n, r, decay + 2 * q->table, dt, &h);
      }
      if (in < a->currents && a->into[in] == i) h.ge += (real)a->current[in++ * n + l];
      real charge = k[TREES_CHARGE] + h.g, res = h.ge - h.g * v;
      if (flags & TREES_SUMS) res += x[n], charge += x[2 * n];
      if (flags & TREES_CARRIED) charge += ce, res += cr;
      if (i == 0) {
        x[n] = res / charge, x[2 * n] = (real)1 / charge;
        break;
      }
      const real axial = k[TREES_AXIAL], vp = above[0], flux = axial * (vp - v);
      res += flux;
      const real inverse = (real)1 / (charge + axial), f = axial * inverse;
      x[n] = res * inverse, x[2 * n] = f;
      ce = f * charge, cr = f * res - flux;
      if (flags & TREES_NEXT) {
        v = vp;
        continue;
      }
      if (flags & TREES_FIRST) above[n] = cr, above[2 * n] = ce;
      else above[n] += cr, above[2 * n] += ce;
      v = x[-3 * n];
    }
    if (s == due) {
      for (int i = 0; i < p->nrecord; i++) {
        const trees_site *q = p->site + i;
        if (q->kind == TREES_AFTER) out[i * a->plane] = record_site(p, q, phase, 0, state + q->at * n, n);
      }
      out += n;
      due = due < end - p->every ? due + p->every : TREES_NEVER;
    }

    // Up: the change of v, from the root.
    const real old = solver[0];
    real dv = 0;
    if (two) thread_second(p, solver, n);
    for (int i = 0; i < nodes && !two; i++) {
      real *const x = solver + 3 * i * n;
      const int flags = node[i].flags;
      if (!(flags & TREES_NEXT) && i) dv = solver[(3 * node[i].parent + 1) * n];
      dv = x[n] + x[2 * n] * dv;
      if (flags & TREES_SAVE) x[n] = dv;
      x[0] += twice * dv;
    }
    v = solver[0];
    if (p->peak) {
      if ((s + 1) % p->peak_every) continue;
      const real was = peak[n];
      if (was > threshold && was > peak[0] && was >= v) push_spike(a, p->dt * (double)(s + 1 - p->peak_every), l), count++;
      peak[0] = was, peak[n] = v;
    } else if (v > threshold && old <= threshold) {
      push_spike(a, p->dt * ((double)s + (double)((threshold - old) / (v - old))), l), count++;
    }
  }
  a->cursor[l] = e, a->count[l] = count;
}

KERNEL(THREAD_THREADS, THREAD_BLOCKS, NAME(trees_thread), const trees_cell p, const trees_thread_tables t, const trees_launch a) {
  const int l = THREAD;
  if (l < a.lanes) thread_run(&p, &t, &a, l);
}
