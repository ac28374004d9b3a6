// A mechanism's own source run over one vector of lanes of a node, a loop for each class (mechanisms/list.h). The loops
// see the voltage and sum conductance and drive in arrays of their own: vb, gb, eb, and of calcium cab, ecab, icab.
#define GET(n) for (int k = 0; k < (n); k++) ((real *)&z)[k] = x[k * stride + l]
#define PUT(n) for (int k = 0; k < (n); k++) x[k * stride + l] = ((real *)&z)[k]
#define LANES _Pragma("GCC ivdep") for (int l = 0; l < W; l++)

#define DIRECT_PASSIVE(name, n)
#define DIRECT_SYNAPSE(name, n)
#define DIRECT_OHMIC(name, n)                                                    \
  LANES {                                                                        \
    name##_state z;                                                              \
    GET(n);                                                                      \
    z = name##_advance(z, vb[l], r, dt);                                         \
    PUT(n);                                                                      \
    real g = gb[l], ge = eb[l];                                                  \
    name##_current(z, vb[l], r, &g, &ge);                                        \
    gb[l] = g, eb[l] = ge;                                                       \
  }
#define DIRECT_DCAAP(name, n) DIRECT_OHMIC(name, n)
// In the second-order scheme gates are half a step ahead of v: the pool, as far ahead, takes the mean of the currents at v
// by the gates before and after, else calcium would come in at the wrong phase of a spike.
#define DIRECT_CALCIUM(name, n)                                                  \
  LANES {                                                                        \
    name##_state z;                                                              \
    GET(n);                                                                      \
    real g = 0, ge = 0, before = 0, ica = 0;                                     \
    name##_current(z, vb[l], r, ecab[l], &g, &ge, &before);                      \
    z = name##_advance(z, vb[l], r, dt);                                         \
    PUT(n);                                                                      \
    g = gb[l], ge = eb[l];                                                       \
    name##_current(z, vb[l], r, ecab[l], &g, &ge, &ica);                         \
    gb[l] = g, eb[l] = ge, icab[l] += ica + past * (before - ica);               \
  }
#define DIRECT_CALCIUM_GATED(name, n)                                            \
  LANES {                                                                        \
    name##_state z;                                                              \
    GET(n);                                                                      \
    z = name##_advance(z, vb[l], r, cab[l], dt);                                 \
    PUT(n);                                                                      \
    real g = gb[l], ge = eb[l];                                                  \
    name##_current(z, vb[l], r, &g, &ge);                                        \
    gb[l] = g, eb[l] = ge;                                                       \
  }
// A pool: before the calcium currents of its node. TREES_POOL_END runs after them.
#define DIRECT_POOL(name, n)                                                     \
  LANES {                                                                        \
    name##_state z;                                                              \
    GET(n);                                                                      \
    cab[l] = x[l], ecab[l] = name##_reversal(z, r), icab[l] = 0;                 \
  }
#define POOL_END(name, n)                                                        \
  LANES {                                                                        \
    name##_state z;                                                              \
    GET(n);                                                                      \
    z = name##_advance(z, r, icab[l]);                                           \
    PUT(n);                                                                      \
  }
// A blocked synapse: its conductance from the stored exponentials, its block and slope at v.
#define DIRECT_BLOCKED(name, n)                                                  \
  {                                                                              \
    const real *d = decay + 2 * o->table;                                        \
    LANES {                                                                      \
      name##_state z = {x[l] * d[0] - x[stride + l] * d[1], 0};                       \
      real g = gb[l], ge = eb[l];                                                \
      name##_current(z, vb[l], r, &g, &ge);                                      \
      gb[l] = g, eb[l] = ge;                                                     \
    }                                                                            \
  }

// direct takes one operation whose state is at x, one state `stride` from the next.
static __attribute__((noinline, noclone)) void direct(const trees_op *o, real *restrict x, const int stride, const real *r,
                                             const real dt, const real past, const real *decay, const real *restrict vb,
                                             real *restrict gb, real *restrict eb, real *restrict cab,
                                             real *restrict ecab, real *restrict icab) {
  switch (o->op) {
  case TREES_POOL_END: POOL_END(ca_pool, 1) break;
#define X(name, class, n, params, width) \
  case TREES_DIRECT + MECHANISM_##name: DIRECT_##class(name, n) break;
    NEQ_MECHANISMS(X)
#undef X
  }
}
