// The GPU's time loop of one kernel, a lane: included once for each, with LOOP its name, STATE and FIELDS its state,
// PREPARE and STEP its constants and step, RESETS, HELD and PEAKED as in loop.h. The body is compiled for no
// conductance, one single exponential, receptors in registers, and any number of them in memory.
#define PASTE3_(a, b, c) a##b##c
#define PASTE3(a, b, c) PASTE3_(a, b, c)
// volatile: else the compiler chooses between two addresses, one of a parameter, and copies all parameters for it
#define GET(i, f) if ((i) < p->nstates) x.f = first ? (real)p->initial[i] : *(const volatile real *)&state[(i) * n];
#define PUT(i, f) if ((i) < p->nstates) state[(i) * n] = x.f;
#define UP(r) (*(open == OPEN_ANY ? &saved[2 * (r) * n] : &up[r]))
#define DOWN(r) (*(open == OPEN_ANY ? &saved[(2 * (r) + 1) * n] : &down[r]))
#define PICK(i, f) y = k == (i) ? x.f : y;

FN void PASTE3(LOOP, _, lane)(const cells_program *p, const cells_launch *a, const int l, const int open) {
  PREPARE;
  const int64_t n = a->lanes;
  const int first = a->from == 0, to = a->to;
  const real threshold = (real)p->threshold, drive = a->current[l];
  real *state = a->state + l, *saved = a->receptors + l;
  STATE x = {0};
  FIELDS(GET)

  // Receptors: one exponential, or both of each in registers, or all in memory.
  const int slots = open == OPEN_FEW ? CELLS_FEW : p->nreceptors;
  real up[CELLS_FEW], down[CELLS_FEW], one = 0, one_decay = 0, one_e = 0;
  if (open == OPEN_ONE) {
    int r = 0;
    while (p->receptors[r].kind == NEQ_DELTA) r++;
    one_decay = (real)p->receptors[r].da, one_e = (real)p->receptors[r].reversal;
    if (!first) one = saved[2 * r * n];
  } else if (open) {
    for (int r = 0; r < slots; r++) {
      if (first) UP(r) = 0, DOWN(r) = 0;
      else if (r < p->nreceptors) UP(r) = saved[2 * r * n], DOWN(r) = saved[(2 * r + 1) * n];
    }
  }

  int64_t e = first ? a->offset[l] : a->cursor[l];
  const int64_t last = a->offset[l + 1];
  int next = e < last ? a->step[e] : NEVER;
  // A record lies in the buffer of the chunk, which may be filled by several launches.
  const int end = to < a->recorded ? to : a->recorded;
  int record = (int)(((int64_t)a->from + p->every - 1) / p->every), due = NEVER;
  if ((int64_t)record * p->every < end) due = record * p->every;
  float *out = a->record + (record - a->first_record) * n + l;
  int count = first ? 0 : a->count[l];

  for (int s = a->from; s < to; s++) {
    if (s == next) {
      real jump = 0; // gathered, so that only what the step's events sum to can cross the threshold
      do {
        const cells_receptor *q = &p->receptors[a->receptor[e]];
        const real w = (real)a->weight[e];
        if (q->kind == NEQ_DELTA) {
          if (!RESETS) jump += w;
          else if (!(HELD)) x.v += w;
        } else if (open == OPEN_ONE) {
          one += (real)q->ka * w;
        } else if (open == OPEN_FEW) {
          const int at = a->receptor[e];
          const real ka = (real)q->ka * w, kb = (real)q->kb * w;
          for (int r = 0; r < CELLS_FEW; r++) up[r] += r == at ? ka : 0, down[r] += r == at ? kb : 0;
        } else if (open) {
          const int r = a->receptor[e];
          UP(r) += (real)q->ka * w, DOWN(r) += (real)q->kb * w;
        }
        e++;
        next = e < last ? a->step[e] : NEVER;
      } while (next == s);
      if (!RESETS) {
        const real v = x.v + jump;
        if (x.v <= threshold && v > threshold) push_spike(a, p->dt * (double)s, l), count++;
        x.v = v;
      }
    }
    if (s == due) {
      for (int i = 0; i < p->nrecord; i++) {
        int k = p->record[i];
        real y = 0;
        if (k >= p->nstates) {
          k -= p->nstates;
          real u = one, d = 0;
          if (open > OPEN_ONE) {
            for (int r = 0; r < slots; r++)
              if (r == k) u = UP(r), d = DOWN(r);
          }
          y = u * (real)p->receptors[k].ra - d * (real)p->receptors[k].rb;
        } else {
          FIELDS(PICK)
          if (PEAKED && k == 0 && y > threshold) y = threshold; // the overshoot of a peak means nothing
        }
        out[i * a->plane] = (float)y;
      }
      out += n;
      due = due < end - p->every ? due + p->every : NEVER;
    }
    if (RESETS && x.v > threshold) push_spike(a, p->dt * (double)s, l), count++;

    real sum = 0, in = drive;
    if (open == OPEN_ONE) {
      sum = one, in += one * one_e;
      one *= one_decay;
    } else if (open) {
      for (int r = 0; r < slots; r++) {
        const cells_receptor *q = &p->receptors[r];
        if (r >= p->nreceptors || q->kind == NEQ_DELTA) continue;
        real g = UP(r) - DOWN(r);
        if (q->kind == NEQ_BLOCKED) {
          const receptor_const c = {0, 0, 0, (real)q->mg, (real)q->slope};
          g *= receptor_block(x.v, c);
        }
        sum += g, in += g * (real)q->reversal;
        UP(r) *= (real)q->da, DOWN(r) *= (real)q->db;
      }
    }
    const real was = x.v;
    x = STEP;
    if (!RESETS && was <= threshold && x.v > threshold) {
      push_spike(a, p->dt * ((double)s + (double)((threshold - was) / (x.v - was))), l);
      count++;
    }
  }

  FIELDS(PUT)
  if (open == OPEN_ONE) {
    int r = 0;
    while (p->receptors[r].kind == NEQ_DELTA) r++;
    saved[2 * r * n] = one;
  } else if (open == OPEN_FEW) {
    for (int r = 0; r < slots; r++)
      if (r < p->nreceptors) saved[2 * r * n] = up[r], saved[(2 * r + 1) * n] = down[r];
  }
  a->cursor[l] = e, a->count[l] = count;
}

#define ENTRY(open, suffix)                                                                  \
  KERNEL(NAME(PASTE3(cells_, LOOP, suffix)), const cells_program p, const cells_launch a) {  \
    const int l = THREAD;                                                                    \
    if (l < a.lanes) PASTE3(LOOP, _, lane)(&p, &a, l, open);                                 \
  }
ENTRY(OPEN_NONE, _0)
ENTRY(OPEN_ONE, _1)
ENTRY(OPEN_FEW, _few)
ENTRY(OPEN_ANY, _any)

#undef ENTRY
#undef GET
#undef PUT
#undef UP
#undef DOWN
#undef PICK
#undef PASTE3
#undef PASTE3_
#undef LOOP
#undef STATE
#undef FIELDS
#undef PREPARE
#undef STEP
#undef RESETS
#undef HELD
#undef PEAKED
