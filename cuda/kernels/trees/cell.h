// One operation of one cell at one node: a mechanism advances its gates and gives its current. What step.h does for
// vectors of lanes, for a thread of a GPU, whose compiler needs no help with lanes. Included by trees.cu.
//   x, xs  the operation's first state and the distance to its next; ROW(k) entry k of its parameters
//   d      factors of the exponentials of its class, where it is a synapse
#ifndef NEQ_TREES_CELL_H
#define NEQ_TREES_CELL_H
#include "launch.h"
#include "../mechanisms/list.h"

#define X(name, class, n, params, width) MECHANISM_##name,
enum { NEQ_MECHANISMS(X) };
#undef X

// What the mechanisms of a node see and sum up: conductance g (uS), drive ge (nA), calcium.
typedef struct { real v, g, ge, ca, eca, ica, past; } trees_here; // past: of the gates before their step in a pool's current

// A row of parameters: entry k is at column[k], or where columns differ between nodes (a block's) node of it further.
typedef struct { const real *row; const int32_t *column; int node; } trees_row;
FN real row_entry(trees_row r, int k) { return r.column ? r.row[r.column[2 * k] + r.node * r.column[2 * k + 1]] : r.row[k]; }

#define TAKE(name, n)        \
  name##_state z;            \
  for (int k = 0; k < (n); k++) ((real *)&z)[k] = x[k * xs];
#define PUT(n) for (int k = 0; k < (n); k++) x[k * xs] = ((real *)&z)[k];

#define CELL_PASSIVE(name, n)
#define CELL_SYNAPSE(name, n)
#define CELL_OHMIC(name, n) TAKE(name, n) z = name##_advance(z, h->v, r, dt); PUT(n) name##_current(z, h->v, r, &h->g, &h->ge);
#define CELL_DCAAP(name, n) CELL_OHMIC(name, n)
#define CELL_CALCIUM(name, n)                                              \
  TAKE(name, n) real g = 0, ge = 0, before = 0, ica = 0;                   \
  name##_current(z, h->v, r, h->eca, &g, &ge, &before);                    \
  z = name##_advance(z, h->v, r, dt);                                      \
  PUT(n) name##_current(z, h->v, r, h->eca, &h->g, &h->ge, &ica);          \
  h->ica += ica + h->past * (before - ica); // see direct.h
#define CELL_CALCIUM_GATED(name, n) TAKE(name, n) z = name##_advance(z, h->v, r, h->ca, dt); PUT(n) name##_current(z, h->v, r, &h->g, &h->ge);
#define CELL_POOL(name, n) TAKE(name, n) h->ca = x[0], h->eca = name##_reversal(z, r), h->ica = 0;
#define CELL_BLOCKED(name, n) name##_state z = {x[0] * d[0] - x[xs] * d[1], 0}; name##_current(z, h->v, r, &h->g, &h->ge);

FN void trees_operate(int op, real *x, const int64_t xs, const trees_row row, const real *d, const real dt, trees_here *h) {
  switch (op) {
  case GPU_SYNAPSE: {
    const real open = x[0] * d[0] - x[xs] * d[1];
    h->g += open, h->ge += open * row_entry(row, 0);
    break;
  }
  case GPU_REVERSAL: h->eca = row_entry(row, 0), h->ca = row_entry(row, 1), h->ica = 0; break;
  case GPU_POOL_END: {
    real r[CA_POOL_ROW];
    for (int k = 0; k < CA_POOL_ROW; k++) r[k] = row_entry(row, k);
    TAKE(ca_pool, 1) z = ca_pool_advance(z, r, h->ica);
    PUT(1) break;
  }
#define X(name, class, n, params, width)                        \
  case GPU_MECHANISM + MECHANISM_##name: {                       \
    real r[width];                                              \
    (void)r;                                                    \
    for (int k = 0; k < (width); k++) r[k] = row_entry(row, k); \
    CELL_##class(name, n)                                       \
    break;                                                      \
  }
    NEQ_MECHANISMS(X)
#undef X
  }
}
#endif
