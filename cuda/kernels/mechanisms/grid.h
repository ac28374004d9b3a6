// One precision of mechanisms.h: TABLE is its name. The lanes of a loop are the voltages, as in the kernels.
#include "mechanisms.h"
#include "list.h"

enum { ROW = 16 };

#define LOAD(name, states)                                            \
  name##_state z;                                                     \
  for (int k = 0; k < states; k++) ((real *)&z)[k] = (real)x[k * n + i];
#define STORE(states) \
  for (int k = 0; k < states; k++) x[k * n + i] = ((real *)&z)[k];
#define HELD gate_voltage((real)v[i])

#define NONE(name, states)
#define PREPARE(name)                       \
  double wide[ROW] = {0};                   \
  real p[ROW];                              \
  name##_prepare(params, dt, 0, wide);      \
  for (int k = 0; k < ROW; k++) p[k] = (real)wide[k];
#define OVER(name, states, ...)             \
  {                                         \
    for (int i = 0; i < n; i++) {           \
      __VA_ARGS__                           \
    }                                       \
    break;                                  \
  }

#define STEADY_(name, states, ...) OVER(name, states, name##_state z = name##_steady(__VA_ARGS__); STORE(states))
#define STEADY_PASSIVE(name, states) break;
#define STEADY_OHMIC(name, states) STEADY_(name, states, HELD, p)
#define STEADY_CALCIUM STEADY_OHMIC
#define STEADY_CALCIUM_GATED(name, states) STEADY_(name, states, HELD, p, (real)ca[i])
#define STEADY_POOL STEADY_OHMIC
#define STEADY_SYNAPSE STEADY_OHMIC
#define STEADY_BLOCKED STEADY_OHMIC
#define STEADY_DCAAP STEADY_OHMIC

#define ADVANCE_(name, states, ...) \
  OVER(name, states, LOAD(name, states) z = name##_advance(z, __VA_ARGS__); STORE(states))
#define ADVANCE_PASSIVE(name, states) break;
#define ADVANCE_OHMIC(name, states) ADVANCE_(name, states, HELD, p, (real)dt)
#define ADVANCE_CALCIUM ADVANCE_OHMIC
#define ADVANCE_CALCIUM_GATED(name, states) ADVANCE_(name, states, HELD, p, (real)ca[i], (real)dt)
#define ADVANCE_POOL(name, states) ADVANCE_(name, states, p, (real)ca[i])
#define ADVANCE_SYNAPSE ADVANCE_OHMIC
#define ADVANCE_BLOCKED ADVANCE_OHMIC
#define ADVANCE_DCAAP ADVANCE_OHMIC

#define CURRENT_(name, states, load, ...)                            \
  OVER(name, states, load real g = 0, ge = 0, ica = 0;               \
       name##_current(__VA_ARGS__); out[i] = g, out[n + i] = ge, out[2 * n + i] = ica;)
#define CURRENT_PASSIVE(name, states) CURRENT_(name, states, , p, &g, &ge)
#define CURRENT_OHMIC(name, states) CURRENT_(name, states, LOAD(name, states), z, HELD, p, &g, &ge)
#define CURRENT_CALCIUM(name, states) CURRENT_(name, states, LOAD(name, states), z, HELD, p, (real)eca[i], &g, &ge, &ica)
#define CURRENT_CALCIUM_GATED CURRENT_OHMIC
#define CURRENT_POOL(name, states) break;
#define CURRENT_SYNAPSE CURRENT_OHMIC
#define CURRENT_BLOCKED CURRENT_OHMIC
#define CURRENT_DCAAP CURRENT_OHMIC

#define OPEN_PASSIVE(name, states) break;
#define OPEN_OHMIC OPEN_PASSIVE
#define OPEN_CALCIUM OPEN_PASSIVE
#define OPEN_CALCIUM_GATED OPEN_PASSIVE
#define OPEN_POOL OPEN_PASSIVE
#define OPEN_DCAAP OPEN_PASSIVE
#define OPEN_SYNAPSE(name, states) OVER(name, states, LOAD(name, states) z = name##_open(z, (real)w, p); STORE(states))
#define OPEN_BLOCKED OPEN_SYNAPSE

#define REVERSAL_PASSIVE(name, states) break;
#define REVERSAL_OHMIC REVERSAL_PASSIVE
#define REVERSAL_CALCIUM REVERSAL_PASSIVE
#define REVERSAL_CALCIUM_GATED REVERSAL_PASSIVE
#define REVERSAL_SYNAPSE REVERSAL_PASSIVE
#define REVERSAL_BLOCKED REVERSAL_PASSIVE
#define REVERSAL_DCAAP REVERSAL_PASSIVE
#define REVERSAL_POOL(name, states) OVER(name, states, name##_state z = {(real)ca[i]}; eca[i] = name##_reversal(z, p);)

enum {
#define X(name, class, states, parameters, row) AT_##name,
  NEQ_MECHANISMS(X)
#undef X
};
#define X(name, class, states, parameters, row) \
  _Static_assert(row <= ROW, "grow ROW");
NEQ_MECHANISMS(X)
#undef X

static void steady(int m, const double *params, double dt, int n, const double *v, const double *ca, double *x) {
  switch (m) {
#define X(name, class, states, parameters, row) case AT_##name: { PREPARE(name) STEADY_##class(name, states) }
    NEQ_MECHANISMS(X)
#undef X
  }
}
static void advance(int m, const double *params, double dt, int n, const double *v, const double *ca, double *x) {
  switch (m) {
#define X(name, class, states, parameters, row) case AT_##name: { PREPARE(name) ADVANCE_##class(name, states) }
    NEQ_MECHANISMS(X)
#undef X
  }
}
static void current(int m, const double *params, double dt, int n, const double *v, const double *eca, const double *x,
                    double *out) {
  switch (m) {
#define X(name, class, states, parameters, row) case AT_##name: { PREPARE(name) CURRENT_##class(name, states) }
    NEQ_MECHANISMS(X)
#undef X
  }
}
static void open(int m, const double *params, double dt, int n, double w, double *x) {
  switch (m) {
#define X(name, class, states, parameters, row) case AT_##name: { PREPARE(name) OPEN_##class(name, states) }
    NEQ_MECHANISMS(X)
#undef X
  }
}
static void reversal(int m, const double *params, double dt, int n, const double *ca, double *eca) {
  switch (m) {
#define X(name, class, states, parameters, row) case AT_##name: { PREPARE(name) REVERSAL_##class(name, states) }
    NEQ_MECHANISMS(X)
#undef X
  }
}

const mechanisms_table TABLE = {steady, advance, current, open, reversal};
