// The time loop over a block of U vectors of lanes: included once for each U, as STEP(name).
//
// A step is two passes over the nodes. Down, from the leaves to the root: a node's mechanisms advance their gates at its
// voltage and give conductance g and drive ge, and the node is eliminated into its parent. The unknown is the change dv,
// not v, and the diagonal is kept without the conductance a to the parent, e = C/dt + g + sum over children f e, so that
// nothing cancels in float32 and the resting state does not depend on the rounding of the matrix:
//   (e + a) dv - a dv_parent = r,   r = ge - g v + a (v_parent - v) + sum over children (f r - flux)
//   q = r / (e + a),  f = a / (e + a)        up, from the root:  dv = q + f dv_parent
// Crank-Nicolson takes dt/2 here and adds 2 dv. Two L-stable stages of second order (SDIRK: Alexander 1977, SIAM J Numer Anal
// 14:1006) take h = (1 - 1/sqrt 2) dt: with M the matrix above, M d = r and M w = (C/h) d, then v += d + (1 + sqrt 2) w. No
// mechanism is asked again: f is there and 1/(e + a) is f/a, so w costs the right-hand side's way down and one more way up.
//
// Synapses are a = exp(-t/decay), b = exp(-t/rise) and never written but by events: what is stored is their value over
// the common decay since the last renewal, every `period` steps. So six of the states of a segment are read, not written.
enum { STEP(lanes_) = U * W };
#define B STEP(lanes_)
#define EACH for (int u = 0; u < U; u++)

// second takes a step of two stages from the elimination of the first, kept as q and f (of the root 1/e), to the new v.
static void STEP(second)(const trees_program *p, real *solver) {
  const trees_node *const node = p->node;
  const real *const constant = p->constant;
  const real share = (real)TREES_SECOND;
  V d[U], carried[U];
  for (int i = 0; i < p->nodes; i++) {
    real *const x = solver + (size_t)i * 3 * B;
    if (i == 0) EACH d[u] = (V){};
    else if (!(node[i].flags & TREES_NEXT)) EACH d[u] = load(solver + ((size_t)node[i].parent * 3 + 1) * B + u * W);
    EACH {
      d[u] = load(x + B + u * W) + load(x + 2 * B + u * W) * d[u];
      store(x + B + u * W, d[u]), store(x + u * W, load(x + u * W) + d[u]);
    }
  }
  // Down: r of the second stage is (C/h) d and what children add; the first that is not the node after it puts both in d's place.
  for (int i = p->nodes - 1; i >= 0; i--) {
    real *const x = solver + (size_t)i * 3 * B;
    const real *const k = constant + (size_t)i * TREES_CONSTANTS;
    const int flags = node[i].flags;
    const V resistance = all(k[TREES_RESISTANCE]);
    const V charge = all(flags & TREES_SUMS ? 1 : k[TREES_CHARGE]);
    V r[U];
    EACH r[u] = charge * load(x + B + u * W);
    if (flags & TREES_CARRIED) EACH r[u] += carried[u];
    EACH carried[u] = r[u] * load(x + 2 * B + u * W), store(x + B + u * W, carried[u] * resistance);
    if (i == 0 || flags & TREES_NEXT) continue;
    real *const up = solver + ((size_t)node[i].parent * 3 + 1) * B;
    const V first = all(flags & TREES_FIRST ? constant[(size_t)node[i].parent * TREES_CONSTANTS + TREES_CHARGE] : 1);
    EACH store(up + u * W, first * load(up + u * W) + carried[u]);
  }
  for (int i = 0; i < p->nodes; i++) {
    real *const x = solver + (size_t)i * 3 * B;
    if (i == 0) EACH d[u] = (V){};
    else if (!(node[i].flags & TREES_NEXT)) EACH d[u] = load(solver + ((size_t)node[i].parent * 3 + 1) * B + u * W);
    EACH d[u] = load(x + B + u * W) + load(x + 2 * B + u * W) * d[u];
    if (node[i].flags & TREES_SAVE) EACH store(x + B + u * W, d[u]);
    EACH store(x + u * W, load(x + u * W) + share * d[u]);
  }
}

static int64_t STEP(loop)(const trees_program *p, trees_block *b, int64_t from, int64_t to, const trees_current *current) {
  real *const solver = __builtin_assume_aligned(b->solver, 64), *const state = __builtin_assume_aligned(b->state, 64);
  const trees_node *const node = p->node;
  const trees_op *const op = p->op;
  const real *const constant = p->constant, *const row = p->row;
  const real dt = p->dt, twice = p->staggered ? 2 : 1, past = p->staggered ? 0.5 : 0, threshold = p->threshold;
  const int n = p->nodes, two = p->stages == 2;
#ifdef TABLES
  const real *const table = p->table;
#endif
  int64_t records = (to - from + p->every - 1) / p->every + 1, record = 0;
  int64_t due = (from + p->every - 1) / p->every * p->every;
  for (int64_t s = from; s < to; s++) {
    if (b->nspikes + B > b->spike_capacity) return s;
    const int phase = (int)(s % p->period);
    const real *const decay = (const real *)p->decay + (size_t)phase * p->classes * 2;
    const real *const renew = phase == 0 && s > 0 ? p->renew : 0;
    if (renew) renew_synapses(p, state, B);
    deliver(p, b, s - from, phase, state, B);
    if (s == due) record_sites(p, b, solver, state, phase, 0, b->record + record * B, records * B, B);
    const trees_current *in = current;
    V ce[U], cr[U];
    EACH ce[u] = cr[u] = (V){};
    real vb[B] __attribute__((aligned(64))), gb[B] __attribute__((aligned(64))), eb[B] __attribute__((aligned(64)));
    real cab[B] __attribute__((aligned(64))), ecab[B] __attribute__((aligned(64))), icab[B] __attribute__((aligned(64)));
    for (int i = n - 1; i >= 0; i--) {
      const trees_node *const at = node + i;
      real *const x = solver + (size_t)i * 3 * B;
      const real *const k = constant + (size_t)i * TREES_CONSTANTS;
      V v[U], g[U], ge[U];
      EACH v[u] = load(x + u * W), g[u] = all(k[TREES_LEAK]), ge[u] = all(k[TREES_DRIVE]);
      const int last = at[1].first;
      if (at->first < last) {
#ifdef TABLES
        place here[U];
        EACH here[u] = place_of(v[u]);
#else
        EACH store(vb + u * W, v[u]);
        for (int l = 0; l < B; l++) vb[l] = gate_voltage(vb[l]);
#endif
        for (const trees_op *o = op + at->first; o < op + last; o++) {
          const real *const r = row + o->row;
          real *const y = state + (size_t)o->state * B;
          switch (o->op) {
          case TREES_SYNAPSE: {
            const real *d = decay + 2 * o->table;
            EACH {
              V open = load(y + u * W) * d[0] - load(y + B + u * W) * d[1];
              g[u] += open, ge[u] += open * r[0];
            }
            break;
          }
#ifdef TABLES
          case TREES_BLOCKED_T: { // r: table of the slope, then of the drive
            const real *d = decay + 2 * o->table, *t = table + (int)r[0];
            V slope[U], drive[U];
            look_up(slope, t, here, U), look_up(drive, t + TREES_TABLE, here, U);
            EACH {
              V open = load(y + u * W) * d[0] - load(y + B + u * W) * d[1];
              g[u] += open * slope[u], ge[u] += open * drive[u];
            }
            break;
          }
          // What a dendrite has most: two synapses and one under a block, opened without a look at the next operation.
          case TREES_SYNAPSES_T: {
            const int32_t *c = p->link + o->table;
            const real *t = table + c[0], *d0 = decay + 2 * c[1], *d1 = decay + 2 * c[2], *d2 = decay + 2 * c[3];
            V slope[U], drive[U];
            look_up(slope, t, here, U), look_up(drive, t + TREES_TABLE, here, U);
            EACH {
              V one = load(y + u * W) * d0[0] - load(y + B + u * W) * d0[1];
              V two = load(y + 2 * B + u * W) * d1[0] - load(y + 3 * B + u * W) * d1[1];
              V open = load(y + 4 * B + u * W) * d2[0] - load(y + 5 * B + u * W) * d2[1];
              g[u] += one + two + open * slope[u], ge[u] += one * r[0] + two * r[1] + open * drive[u];
            }
            break;
          }
#define TAKE(i) EACH x##i[u] = load(y + (i) * B + u * W)
#define PUT_BACK(i) EACH store(y + (i) * B + u * W, x##i[u])
#define GATE(i) V x##i[U]; TAKE(i); tabulated(x##i, t + (i) * 2 * TREES_TABLE, here, U)
          // The calcium of the layer 5 cell: pool, two channels, the potassium channel it opens.
          case TREES_CALCIUM_ALL_T: {
            const int32_t *c = p->link + o->table;
            const real *hva = table + c[0], *lva = table + c[1], *eca = table + c[2];
            V x0[U], x1[U], x2[U], x3[U], x4[U], x5[U], e[U], z[U];
            place there[U];
            TAKE(0);
            EACH there[u] = place_of_calcium(x0[u]);
            look_up(e, eca, there, U), look_up(z, eca + TREES_TABLE, there, U);
            TAKE(1);
            TAKE(2);
            TAKE(3);
            TAKE(4);
            TAKE(5);
            V before[U]; // see direct.h
            if (past) EACH before[u] = r[1] * (x1[u] * x1[u] * x2[u]) + r[2] * (x3[u] * x3[u] * x4[u]);
            tabulated(x1, hva, here, U), tabulated(x2, hva + 2 * TREES_TABLE, here, U);
            tabulated(x3, lva, here, U), tabulated(x4, lva + 2 * TREES_TABLE, here, U);
            EACH {
              x5[u] += (z[u] - x5[u]) * r[0];
              V ca = r[1] * (x1[u] * x1[u] * x2[u]) + r[2] * (x3[u] * x3[u] * x4[u]), k = r[3] * x5[u];
              g[u] += ca + k, ge[u] += ca * e[u] + k * r[4];
              x0[u] += (r[5] - x0[u]) * r[6] + r[7] * (ca * (v[u] - e[u]));
              if (past) x0[u] += r[7] * past * ((before[u] - ca) * (v[u] - e[u]));
            }
            PUT_BACK(0);
            PUT_BACK(1);
            PUT_BACK(2);
            PUT_BACK(3);
            PUT_BACK(4);
            PUT_BACK(5);
            break;
          }
#define OHMIC1(name, product)                                                    \
  case name: {                                                                   \
    const real *t = table + o->table;                                            \
    GATE(0);                                                                     \
    EACH {                                                                       \
      V c = r[0] * (product);                                                    \
      g[u] += c, ge[u] += c * r[1];                                              \
    }                                                                            \
    PUT_BACK(0);                                                                 \
    break;                                                                       \
  }
#define OHMIC2(name, product)                                                    \
  case name: {                                                                   \
    const real *t = table + o->table;                                            \
    GATE(0);                                                                     \
    GATE(1);                                                                     \
    EACH {                                                                       \
      V m = x0[u], h = x1[u], c = r[0] * (product);                              \
      g[u] += c, ge[u] += c * r[1];                                              \
    }                                                                            \
    PUT_BACK(0);                                                                 \
    PUT_BACK(1);                                                                 \
    break;                                                                       \
  }
          OHMIC1(TREES_M1_T, x0[u])
          OHMIC2(TREES_M2H_T, (m * m) * h)
          OHMIC2(TREES_M3H_T, (m * m) * (m * h))
          OHMIC2(TREES_M4H_T, (m * m) * (m * m) * h)
          case TREES_HH_T: {
            const real *t = table + o->table;
            GATE(0);
            GATE(1);
            GATE(2);
            EACH {
              V na = r[HH_GNA] * ((x0[u] * x0[u]) * (x0[u] * x1[u])), n2 = x2[u] * x2[u], k = r[HH_GK] * (n2 * n2);
              g[u] += na + k + r[HH_GL], ge[u] += na * r[HH_ENA] + k * r[HH_EK] + r[HH_GL] * r[HH_EL];
            }
            PUT_BACK(0);
            PUT_BACK(1);
            PUT_BACK(2);
            break;
          }
          case TREES_CALCIUM_T: {
            const real *t = table + o->table;
            GATE(0);
            GATE(1);
            EACH {
              V m = load(y + u * W), h = load(y + B + u * W), before = r[0] * ((m * m) * h);
              V c = r[0] * ((x0[u] * x0[u]) * x1[u]), e = load(ecab + u * W);
              g[u] += c, ge[u] += c * e;
              store(icab + u * W, load(icab + u * W) + (c + past * (before - c)) * (v[u] - e));
            }
            PUT_BACK(0);
            PUT_BACK(1);
            break;
          }
#endif
          case TREES_REVERSAL: for (int l = 0; l < B; l++) ecab[l] = r[0], icab[l] = 0, cab[l] = r[1]; break;
          default: {
#ifdef TABLES
            EACH store(vb + u * W, v[u]);
            for (int l = 0; l < B; l++) vb[l] = gate_voltage(vb[l]);
#endif
            EACH store(gb + u * W, g[u]), store(eb + u * W, ge[u]);
            for (int l = 0; l < B; l += W)
              direct(o, y + l, B, r, dt, past, decay, vb + l, gb + l, eb + l, cab + l, ecab + l, icab + l);
            EACH g[u] = load(gb + u * W), ge[u] = load(eb + u * W);
          }
          }
        }
      }
      if (in->node == i) { // a current: those of a node are summed
        EACH {
          V amp;
          for (int l = 0; l < W; l++) amp[l] = in->amp[u * W + l];
          ge[u] += amp;
        }
        in++;
      }
      const V charge = all(k[TREES_CHARGE]);
      const int flags = at->flags;
      V e[U], res[U];
      EACH e[u] = charge + g[u], res[u] = ge[u] - g[u] * v[u];
      if (flags & TREES_SUMS) EACH res[u] += load(x + B + u * W), e[u] += load(x + 2 * B + u * W);
      if (flags & TREES_CARRIED) EACH e[u] += ce[u], res[u] += cr[u];
      if (i == 0) {
        EACH store(x + B + u * W, res[u] / e[u]), store(x + 2 * B + u * W, 1 / e[u]);
        break;
      }
      const V a = all(k[TREES_AXIAL]);
      real *const up = solver + (size_t)at->parent * 3 * B;
      EACH {
        V flux = a * (load(up + u * W) - v[u]);
        res[u] += flux;
        V inv = reciprocal(e[u] + a), f = a * inv;
        store(x + B + u * W, res[u] * inv), store(x + 2 * B + u * W, f);
        ce[u] = f * e[u], cr[u] = f * res[u] - flux;
      }
      if (!(flags & TREES_NEXT)) {
        if (flags & TREES_FIRST) EACH store(up + B + u * W, cr[u]), store(up + 2 * B + u * W, ce[u]);
        else EACH store(up + B + u * W, load(up + B + u * W) + cr[u]), store(up + 2 * B + u * W, load(up + 2 * B + u * W) + ce[u]);
      }
    }
    if (s == due) {
      record_sites(p, b, solver, state, phase, 1, b->record + record * B, records * B, B);
      record++, due += p->every;
    }
    real old[B] __attribute__((aligned(64)));
    EACH store(old + u * W, load(solver + u * W));
    if (two) STEP(second)(p, solver);
    V dv[U];
    EACH dv[u] = (V){};
    for (int i = 0; i < n && !two; i++) {
      real *const x = solver + (size_t)i * 3 * B;
      const int flags = node[i].flags;
      if (!(flags & TREES_NEXT) && i) EACH dv[u] = load(solver + ((size_t)node[i].parent * 3 + 1) * B + u * W);
      EACH dv[u] = load(x + B + u * W) + load(x + 2 * B + u * W) * dv[u];
      if (flags & TREES_SAVE) EACH store(x + B + u * W, dv[u]);
      EACH store(x + u * W, load(x + u * W) + twice * dv[u]);
    }
    if (p->peak) find_peaks(p, b, s + 1, solver, threshold, B);
    else find_crossings(p, b, s, old, solver, threshold, B);
  }
  return to;
}
#undef B
#undef EACH
#undef GATE
#undef TAKE
#undef PUT_BACK
#undef OHMIC1
#undef OHMIC2
