// The time loop of one kernel: included once for each, with LOOP its name, STATE and FIELDS its state, PREPARE and
// STEP its constants and step (STEP2, STEP3: further phases of a long step, each a loop over the lanes of its own, so
// that the chain of operations in a loop is short and the processor overlaps lanes), RESETS whether a spike is a state above the threshold (else: an upward crossing),
// HELD(l) whether events that move the voltage of lane l are ignored, PEAKED whether the record is cut at the
// threshold. The body is compiled for no receptor, one single exponential, and any number.
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define GET(i, f) x.f = state[(i) * L + l];
#define PUT(i, f) state[(i) * L + l] = x.f;

enum { PASTE(LOOP, _resets) = RESETS };

FN int64_t PASTE(LOOP, _loop)(const cells_program *p, cells_block *b, int64_t from, int64_t to, const float *current,
                              const int open) {
  PREPARE;
  real *state = __builtin_assume_aligned(b->state, 64);
  real *a = state + CELLS_STATES * L;                     // [receptors][2][L]
  real *old = a + 2 * CELLS_RECEPTORS * L;                // v before the step
  real *g = old + L, *ge = g + L, *drive = ge + L;        // conductance, drive, current
  const real threshold = p->threshold;
  const double dt = p->dt;
  for (int l = 0; l < L; l++) drive[l] = current[l];

  // the one single exponential of open == 1
  real *one = a;
  real one_decay = 0, one_e = 0;
  if (open == 1) {
    int r = 0;
    while (p->receptors[r].kind == NEQ_DELTA) r++;
    one = a + 2 * L * r, one_decay = p->receptors[r].da, one_e = p->receptors[r].reversal;
  }
  real ka[CELLS_RECEPTORS], kb[CELLS_RECEPTORS]; // gains; 0: delta
  for (int r = 0; r < p->nreceptors; r++) {
    ka[r] = p->receptors[r].kind == NEQ_DELTA ? 0 : p->receptors[r].ka;
    kb[r] = p->receptors[r].kb;
  }
  int64_t records = (to - from + p->every - 1) / p->every + 1, record = 0;
  int64_t due = (from + p->every - 1) / p->every * p->every;
  uint64_t high[L / 64]; // lanes above the threshold at the step's start
  for (int w = 0; w < L / 64; w++) high[w] = above(state + 64 * w, threshold);
  for (int64_t s = from; s < to; s++) {
    if (b->nspikes + 2 * L > b->spike_capacity) return s;
    const cells_event *e = b->sorted + b->first[s - from], *end = b->sorted + b->first[s - from + 1];
    if (e < end) {
      int moved = 0;
      for (const cells_event *i = e; i < end; i++) {
        const int lane = i->lane, r = i->receptor;
        const real weight = i->weight;
        if (!open || ka[r] == 0) { // delta
          if (RESETS) {
            if (!HELD(lane)) state[lane] += weight;
          } else { // gather the jump, so that only what the step's events sum to can cross the threshold
            if (!moved) for (int l = 0; l < L; l++) old[l] = 0;
            moved = 1;
            old[lane] += weight;
          }
        } else if (open == 1) {
          one[lane] += ka[r] * weight;
        } else {
          real *x = a + 2 * L * r + lane;
          x[0] += ka[r] * weight;
          x[L] += kb[r] * weight;
        }
      }
      if (!RESETS && moved)
        for (int l = 0; l < L; l++) {
          real v = state[l] + old[l];
          if (state[l] <= threshold && v > threshold) push_spike(b, dt * (double)s, l);
          state[l] = v;
        }
      if (!RESETS && moved)
        for (int w = 0; w < L / 64; w++) high[w] = above(state + 64 * w, threshold);
    }
    if (s == due) {
      record_step(p, state, a, PEAKED, b->record + record * L, records * L);
      record++, due += p->every;
    }
    if (RESETS)
      for (int w = 0; w < L / 64; w++)
        for (uint64_t up = above(state + 64 * w, threshold); up; up &= up - 1)
          push_spike(b, dt * (double)s, 64 * w + __builtin_ctzll(up));
    if (open > 1) {
      for (int l = 0; l < L; l++) g[l] = 0, ge[l] = drive[l];
      receptors_step(p, state, a, g, ge);
    }
#pragma GCC ivdep
    for (int l = 0; l < L; l++) {
      STATE x;
      FIELDS(GET)
      real was = x.v, sum = 0, in = drive[l];
      if (open == 1) {
        sum = one[l], in += sum * one_e;
        one[l] = sum * one_decay;
      } else if (open > 1) {
        sum = g[l], in = ge[l];
      }
      x = STEP(x, sum, in);
      FIELDS(PUT)
      if (!RESETS) old[l] = was;
    }
    if (!RESETS)
      for (int w = 0; w < L / 64; w++) {
        uint64_t now = above(state + 64 * w, threshold);
        for (uint64_t up = now & ~high[w]; up; up &= up - 1) {
          int l = 64 * w + __builtin_ctzll(up);
          push_spike(b, dt * ((double)s + (double)((threshold - old[l]) / (state[l] - old[l]))), l);
        }
        high[w] = now;
      }
#ifdef STEP2
#pragma GCC ivdep
    for (int l = 0; l < L; l++) {
      STATE x;
      FIELDS(GET)
      x = STEP2(x);
      FIELDS(PUT)
    }
#endif
#ifdef STEP3
#pragma GCC ivdep
    for (int l = 0; l < L; l++) {
      STATE x;
      FIELDS(GET)
      x = STEP3(x);
      FIELDS(PUT)
    }
#endif
  }
  return to;
}

static int64_t PASTE(LOOP, _run)(const cells_program *p, cells_block *b, int64_t from, int64_t to,
                                 const float *current) {
  int conductances = 0, simple = 1;
  for (int r = 0; r < p->nreceptors; r++)
    if (p->receptors[r].kind != NEQ_DELTA) {
      conductances++;
      simple &= p->receptors[r].kind == NEQ_CONDUCTANCE && !p->receptors[r].rises;
    }
  if (!conductances) return PASTE(LOOP, _loop)(p, b, from, to, current, 0);
  if (conductances == 1 && simple) return PASTE(LOOP, _loop)(p, b, from, to, current, 1);
  return PASTE(LOOP, _loop)(p, b, from, to, current, 2);
}

#undef GET
#undef PUT
#undef LOOP
#undef STATE
#undef FIELDS
#undef PREPARE
#undef STEP
#undef STEP2
#undef STEP3
#undef RESETS
#undef HELD
#undef PEAKED
