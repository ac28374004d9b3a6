// What the host asks of the mechanisms, from the kernels' own source in double: rows of parameters, the initial state,
// and the rates that tables are made of.
static const trees_mechanism mechanisms_[] = {
#define TREES_CLASS_PASSIVE TREES_PASSIVE
#define TREES_CLASS_OHMIC TREES_OHMIC
#define TREES_CLASS_CALCIUM TREES_CALCIUM
#define TREES_CLASS_CALCIUM_GATED TREES_CALCIUM_GATED
#define TREES_CLASS_POOL TREES_POOL
#define TREES_CLASS_SYNAPSE TREES_SYNAPSES
#define TREES_CLASS_BLOCKED TREES_BLOCK
#define TREES_CLASS_DCAAP TREES_DCAAP
#define X(name, class, n, params, width) {#name, TREES_CLASS_##class, n, params, width},
    NEQ_MECHANISMS(X)
#undef X
};

int trees_mechanisms(const trees_mechanism **all) {
  *all = mechanisms_;
  return TREES_MECHANISMS;
}

void trees_prepare(int mechanism, const double *params, double dt, int staggered, double *row) {
#define X(name, class, n, p, width) \
  if (mechanism == MECHANISM_##name) name##_prepare(params, dt, staggered, row);
  NEQ_MECHANISMS(X)
#undef X
}

#define STEADY_PASSIVE(name, n)
#define STEADY_OHMIC(name, n)                                                    \
  {                                                                              \
    name##_state z = name##_steady(v, row);                                      \
    for (int k = 0; k < n; k++) state[k] = ((const double *)&z)[k];              \
  }
#define STEADY_CALCIUM(name, n) STEADY_OHMIC(name, n)
#define STEADY_CALCIUM_GATED(name, n)                                            \
  {                                                                              \
    name##_state z = name##_steady(v, row, ca);                                  \
    for (int k = 0; k < n; k++) state[k] = ((const double *)&z)[k];              \
  }
#define STEADY_POOL(name, n) STEADY_OHMIC(name, n)
#define STEADY_SYNAPSE(name, n) STEADY_OHMIC(name, n)
#define STEADY_BLOCKED(name, n) STEADY_OHMIC(name, n)
#define STEADY_DCAAP(name, n) STEADY_OHMIC(name, n)

// trees_steady is the state at the start; v is held where gates are.
void trees_steady(int mechanism, double v, double ca, const double *row, double *state) {
  v = gate_voltage(v);
#define X(name, class, n, p, width) \
  if (mechanism == MECHANISM_##name) { STEADY_##class(name, n) }
  NEQ_MECHANISMS(X)
#undef X
}

#define ADVANCE_PASSIVE(name, n)
#define ADVANCE_POOL(name, n)
#define ADVANCE_SYNAPSE(name, n)
#define ADVANCE_BLOCKED(name, n)
#define ADVANCE_(name, n, ...)                                                   \
  {                                                                              \
    name##_state z;                                                              \
    for (int k = 0; k < n; k++) ((double *)&z)[k] = state[k];                    \
    z = name##_advance(z, v, row, __VA_ARGS__);                                  \
    for (int k = 0; k < n; k++) state[k] = ((const double *)&z)[k];              \
  }
#define ADVANCE_OHMIC(name, n) ADVANCE_(name, n, dt)
#define ADVANCE_DCAAP(name, n) ADVANCE_OHMIC(name, n)
#define ADVANCE_CALCIUM(name, n) ADVANCE_OHMIC(name, n)
#define ADVANCE_CALCIUM_GATED(name, n) ADVANCE_(name, n, ca, dt)

// trees_advance advances the gates of a mechanism by dt at v.
void trees_advance(int mechanism, double v, double ca, const double *row, double dt, double *state) {
  v = gate_voltage(v);
#define X(name, class, n, p, width) \
  if (mechanism == MECHANISM_##name) { ADVANCE_##class(name, n) }
  NEQ_MECHANISMS(X)
#undef X
}

#define CURRENT_(name, n, ...)                                                   \
  {                                                                              \
    name##_state z;                                                              \
    for (int k = 0; k < n; k++) ((double *)&z)[k] = state[k];                    \
    name##_current(z, v, row, __VA_ARGS__);                                      \
  }
#define CURRENT_PASSIVE(name, n) name##_current(row, g, ge);
#define CURRENT_OHMIC(name, n) CURRENT_(name, n, g, ge)
#define CURRENT_SYNAPSE(name, n) CURRENT_OHMIC(name, n)
#define CURRENT_DCAAP(name, n) CURRENT_OHMIC(name, n)
#define CURRENT_BLOCKED(name, n) CURRENT_OHMIC(name, n)
#define CURRENT_CALCIUM_GATED(name, n) CURRENT_OHMIC(name, n)
#define CURRENT_CALCIUM(name, n) CURRENT_(name, n, eca, g, ge, ica)
#define CURRENT_POOL(name, n)

// trees_currents adds what a mechanism's current is at v.
void trees_currents(int mechanism, const double *state, double v, double eca, const double *row, double *g, double *ge,
                    double *ica) {
  v = gate_voltage(v);
#define X(name, class, n, p, width) \
  if (mechanism == MECHANISM_##name) { CURRENT_##class(name, n) }
  NEQ_MECHANISMS(X)
#undef X
}

#define REVERSAL_PASSIVE(name)
#define REVERSAL_OHMIC(name)
#define REVERSAL_CALCIUM(name)
#define REVERSAL_CALCIUM_GATED(name)
#define REVERSAL_SYNAPSE(name)
#define REVERSAL_BLOCKED(name)
#define REVERSAL_DCAAP(name)
#define REVERSAL_POOL(name)                                                      \
  {                                                                              \
    name##_state z = {ca};                                                       \
    return name##_reversal(z, row);                                              \
  }

// trees_reversal is the reversal potential of calcium at a pool's concentration (mV).
double trees_reversal(int mechanism, double ca, const double *row) {
#define X(name, class, n, p, width) \
  if (mechanism == MECHANISM_##name) { REVERSAL_##class(name) }
  NEQ_MECHANISMS(X)
#undef X
  return 0;
}
