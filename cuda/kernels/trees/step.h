// The time loop over a block of U vectors of lanes: included once for each U, as STEP(name).
//
// A step is two passes over the nodes. Down, from the leaves to the root: a node's mechanisms advance their gates at its
// voltage and give conductance g and drive ge, and the node is eliminated into its parent. The unknown is the change dv,
// not v, and the diagonal is kept without the conductance a to the parent, e = C/dt + g + sum over children f e, so that
// nothing cancels in float32 and the resting state does not depend on the rounding of the matrix:
//   (e + a) dv - a dv_parent = r,   r = ge - g v + a (v_parent - v) + sum over children (f r - flux)
//   q = r / (e + a),  f = a / (e + a)        up, from the root:  dv = q + f dv_parent
// Synapses are a = exp(-t/decay), b = exp(-t/rise) and never written but by events: what is stored is their value over
// the common decay since the last renewal, every `period` steps. So six of the states of a segment are read, not written.
enum { STEP(lanes_) = U * W };
#define B STEP(lanes_)
#define EACH for (int u = 0; u < U; u++)

static int64_t STEP(loop)(const trees_program *p, trees_block *b, int64_t from, int64_t to, const trees_current *current) {
  real *const solver = __builtin_assume_aligned(b->solver, 64), *const state = __builtin_assume_aligned(b->state, 64);
  const trees_node *const node = p->node;
  const trees_op *const op = p->op;
  const real *const constant = p->constant, *const row = p->row;
  const real dt = p->dt, twice = p->staggered ? 2 : 1, threshold = p->threshold;
  const int n = p->nodes;
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
        EACH here[u] = place_of(v[u], (float)(1 / TREES_CELL), (float)(-TREES_LOW / TREES_CELL - 0.5));
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
            EACH {
              V open = load(y + u * W) * d[0] - load(y + B + u * W) * d[1];
              g[u] += open * look_up(t, here[u]), ge[u] += open * look_up(t + TREES_TABLE, here[u]);
            }
            break;
          }
#define GATE(i) V x##i = tabulated(load(y + (i) * B + u * W), t + (i) * 2 * TREES_TABLE, here[u]); store(y + (i) * B + u * W, x##i)
#define OHMIC(name, gates, product)                                              \
  case name: {                                                                   \
    const real *t = table + o->table;                                            \
    EACH {                                                                       \
      gates;                                                                     \
      V c = r[0] * (product);                                                    \
      g[u] += c, ge[u] += c * r[1];                                              \
    }                                                                            \
    break;                                                                       \
  }
          OHMIC(TREES_M1_T, GATE(0), x0)
          OHMIC(TREES_M1H_T, GATE(0); GATE(1), x0 * x1)
          OHMIC(TREES_M2H_T, GATE(0); GATE(1), (x0 * x0) * x1)
          OHMIC(TREES_M3H_T, GATE(0); GATE(1), (x0 * x0) * (x0 * x1))
          OHMIC(TREES_M4H_T, GATE(0); GATE(1), (x0 * x0) * (x0 * x0) * x1)
          case TREES_HH_T: {
            const real *t = table + o->table;
            EACH {
              GATE(0);
              GATE(1);
              GATE(2);
              V na = r[HH_GNA] * ((x0 * x0) * (x0 * x1)), n2 = x2 * x2, kd = r[HH_GK] * (n2 * n2);
              g[u] += na + kd + r[HH_GL], ge[u] += na * r[HH_ENA] + kd * r[HH_EK] + r[HH_GL] * r[HH_EL];
            }
            break;
          }
          case TREES_CALCIUM_T: {
            const real *t = table + o->table;
            EACH {
              GATE(0);
              GATE(1);
              V c = r[0] * ((x0 * x0) * x1), e = load(ecab + u * W);
              g[u] += c, ge[u] += c * e;
              store(icab + u * W, load(icab + u * W) + c * (v[u] - e));
            }
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
              direct(o, y + l, B, r, dt, decay, vb + l, gb + l, eb + l, cab + l, ecab + l, icab + l);
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
        EACH store(x + B + u * W, res[u] / e[u]), store(x + 2 * B + u * W, (V){});
        break;
      }
      const V a = all(k[TREES_AXIAL]);
      real *const up = solver + (size_t)at->parent * 3 * B;
      EACH {
        V flux = a * (load(up + u * W) - v[u]);
        res[u] += flux;
        V inv = (real)1 / (e[u] + a), f = a * inv;
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
    V dv[U];
    EACH dv[u] = (V){};
    for (int i = 0; i < n; i++) {
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
#undef OHMIC
