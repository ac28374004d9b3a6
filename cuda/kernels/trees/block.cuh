// A block a cell: mechanisms in parallel over the nodes, in groups of the same operations so that the threads of a warp
// do the same, then the tree by contraction (Miller & Reif 1985): a round eliminates leaves, and inner nodes of
// unbranched stretches no two of which are neighbours, all at once; the tree is gone after some log(nodes) rounds, where
// one level of it at a time, as DeepDendrite (Zhang et al. 2023, Nat Commun 14:5798) does, takes as many as it is deep.
//
// The unknown is dv as in step.h: (e + sum of a) dv - sum of a dv_neighbour = r over the edges of a node. Eliminating x
// between its parent p and a child k, D = e + a_p + a_k, leaves
//   e_p += (a_p/D) e,  r_p += (a_p/D) r,  the same for k with a_k/D,  and an edge a_p a_k/D between p and k;
//   later dv = r/D + (a_p/D) dv_p + (a_k/D) dv_k.
// All terms are positive, so nothing cancels. Shared memory, [nodes] each: v, e, r, the conductance of the edge to the
// present parent, and of nodes that are gone a_p/D and a_k/D; then the state where it is near.

FN void block_run(const trees_cell *p, const trees_block_tables *t, const trees_launch *a, const int l, const int near) {
  const int n = t->nodes, slots = t->slots, first = a->from == 0;
  real *const v = SHARED + BLOCK_V * n, *const e = SHARED + BLOCK_E * n, *const r = SHARED + BLOCK_R * n;
  real *const edge = SHARED + BLOCK_A * n, *const f = SHARED + BLOCK_F * n, *const k = SHARED + BLOCK_K * n;
  real *const far = a->state + (int64_t)l * slots, *const state = near ? SHARED + BLOCK_ARRAYS * n : far;
  real *const solver = a->solver + (int64_t)l * n, *const peak = a->peak + 2 * (int64_t)l;
  const real *const constant = t->constant;
  const real dt = (real)p->dt, twice = p->staggered && p->stages == 1 ? 2 : 1, past = p->staggered ? (real)0.5 : 0, threshold = (real)p->threshold;
  const int root = t->root, every = p->every;
  ALL(i, n) v[i] = first ? (real)p->voltage : solver[i];
  if (near || first) ALL(i, slots) state[i] = first ? (real)p->initial[i] : far[i];
  int64_t event = first ? a->offset[l] : a->cursor[l];
  const int64_t last = a->offset[l + 1];
  int next = event < last ? a->step[event] : TREES_NEVER;
  const int to = a->to, end = to < a->recorded ? to : a->recorded;
  int record = (int)(((int64_t)a->from + every - 1) / every), due = TREES_NEVER;
  if ((int64_t)record * every < end) due = record * every;
  float *out = a->record + (int64_t)(record - a->first_record) * a->lanes + l;
  int count = first ? 0 : a->count[l];
  real before = first ? (real)p->voltage : peak[0], latest = first ? (real)p->voltage : peak[1];
  BARRIER

  for (int s = a->from; s < to; s++) {
    const int phase = s % p->period;
    const real *const decay = p->decay + (int64_t)phase * p->classes * 2;
    if (phase == 0 && s > 0) {
      ALL(i, t->synapses) {
        const real *d = p->renew + 2 * t->synapse[3 * i + 2];
        state[t->synapse[3 * i]] *= d[0], state[t->synapse[3 * i + 1]] *= d[1];
      }
      BARRIER
    }
    if (s == next) { // all threads see the same events; one delivers them, in their order
      const real *inverse = p->inverse + (int64_t)phase * p->classes * 2;
      for (; s == next; event++, next = event < last ? a->step[event] : TREES_NEVER)
        ONE {
          const real w = (real)a->weight[event];
          const int q = a->receptor[event];
          for (int i = p->receptor[q]; i < p->receptor[q + 1]; i++) {
            const trees_drive *d = t->drive + i;
            state[d->state] += w * (real)d->a * inverse[2 * d->class_];
            state[t->second[i]] += w * (real)d->b * inverse[2 * d->class_ + 1];
          }
        }
      BARRIER
    }
    if (s == due) {
      ALL(i, p->nrecord) {
        const trees_site *q = p->site + i;
        if (q->kind != TREES_AFTER)
          out[i * a->plane] = record_site(p, q, phase, q->kind == TREES_V ? v[q->at] : 0, state + (q->kind == TREES_V ? 0 : q->at),
                                          t->stride[i]);
      }
      BARRIER
    }

    // Currents, and what flows along the edges at the old voltage.
    ALL(place, 32 * t->tiles) {
      const trees_group *const g = t->group + t->tile[2 * (place / 32)];
      const int at = t->tile[2 * (place / 32) + 1] + place % 32;
      if (at >= g->nodes) continue;
      const int i = g->first + at;
      const real here = v[i];
      trees_here h = {gate_voltage(here), constant[TREES_LEAK * n + i], constant[TREES_DRIVE * n + i], 0, 0, 0, past};
      for (int o = g->op; o < g->op + g->ops; o++) {
        const trees_op *const q = t->op + o;
        const trees_row row = {t->row, t->column + 2 * q->row, at};
        trees_operate(q->op, state + g->slot + q->state * g->nodes + at, g->nodes, row, decay + 2 * q->table, dt, &h);
      }
      const int up = t->parent[i];
      real sum = h.ge - h.g * here;
      if (up >= 0) sum += constant[TREES_AXIAL * n + i] * (v[up] - here);
      for (int c = t->edge[i]; c < t->edge[i + 1]; c++) sum += constant[TREES_AXIAL * n + t->child[c]] * (v[t->child[c]] - here);
      for (int c = 0; c < a->currents; c++)
        if (a->into[c] == i) sum += (real)a->current[(int64_t)c * a->lanes + l];
      e[i] = constant[TREES_CHARGE * n + i] + h.g, r[i] = sum;
      edge[i] = up >= 0 ? constant[TREES_AXIAL * n + i] : 0;
    }
    BARRIER
    if (s == due) {
      ALL(i, p->nrecord) {
        const trees_site *q = p->site + i;
        if (q->kind == TREES_AFTER) out[i * a->plane] = (float)state[q->at];
      }
      out += a->lanes;
      due = due < end - every ? due + every : TREES_NEVER;
    }

    // The elimination, once for each stage (step.h): the second finds f, k, the edges and the root's e as the first left them.
    const real old = v[root];
    for (int stage = 0; stage < p->stages; stage++) {
      for (int w = 0; w < t->rounds; w++) {
        const trees_round q = t->round[w];
        if (stage == 0) {
          ALL(i, q.aways) {
            const trees_away x = t->away[q.away + i];
            const real up = edge[x.node], down = x.child >= 0 ? edge[x.child] : 0, inverse = (real)1 / (e[x.node] + up + down);
            f[x.node] = up * inverse, k[x.node] = down * inverse;
          }
          BARRIER
        }
        ALL(i, q.stayed) {
          const trees_stays x = t->stays[q.stays + i];
          real sum = e[x.node], res = r[x.node];
          if (x.parent >= 0) {
            sum += k[x.parent] * e[x.parent], res += k[x.parent] * r[x.parent];
            if (stage == 0) edge[x.node] = k[x.parent] * edge[x.parent];
          }
          for (int c = x.from; c < x.to; c++) {
            const int gone = t->gone[c];
            sum += f[gone] * e[gone], res += f[gone] * r[gone];
          }
          r[x.node] = res;
          if (stage == 0) e[x.node] = sum;
        }
        BARRIER
      }
      // r becomes the change of v, from the root, in the rounds' opposite order.
      ONE r[root] = r[root] / e[root];
      BARRIER
      for (int w = t->rounds - 1; w >= 0; w--) {
        const trees_round q = t->round[w];
        ALL(i, q.aways) {
          const trees_away x = t->away[q.away + i];
          const real up = edge[x.node], fp = f[x.node], fk = k[x.node];
          // 1/D is fp/a_p: every node that is gone had a parent
          real dv = r[x.node] * (fp / up) + fp * r[x.parent];
          if (x.child >= 0) dv += fk * r[x.child];
          r[x.node] = dv;
        }
        BARRIER
      }
      const real weight = stage ? (real)TREES_SECOND : twice;
      const int more = stage + 1 < p->stages;
      ALL(i, n) {
        v[i] += weight * r[i];
        if (more) r[i] *= constant[TREES_CHARGE * n + i];
      }
      BARRIER
    }
    const real now = v[root];
    if (p->peak) {
      if ((s + 1) % p->peak_every == 0) {
        if (latest > threshold && latest > before && latest >= now) {
          ONE push_spike(a, p->dt * (double)(s + 1 - p->peak_every), l);
          count++;
        }
        before = latest, latest = now;
      }
    } else if (now > threshold && old <= threshold) {
      ONE push_spike(a, p->dt * ((double)s + (double)((threshold - old) / (now - old))), l);
      count++;
    }
  }

  ALL(i, n) solver[i] = v[i];
  if (near) ALL(i, slots) far[i] = state[i];
  ONE a->cursor[l] = event, a->count[l] = count, peak[0] = before, peak[1] = latest;
}

#define ENTRY(name, blocks, near)                                                                               \
  KERNEL(BLOCK_THREADS, blocks, NAME(name), const trees_cell p, const trees_block_tables t, const trees_launch a) { block_run(&p, &t, &a, BLOCK, near); }
ENTRY(trees_block, BLOCK_BLOCKS, 1)
ENTRY(trees_block_far, BLOCK_FAR_BLOCKS, 0)
