// The number of each mechanism of the list, and which operations are synapses.
#ifndef NEQ_TREES_NUMBER_H
#define NEQ_TREES_NUMBER_H
#include "trees.h"
#include "mechanisms/list.h"

#define X(name, class, n, params, width) MECHANISM_##name,
enum { NEQ_MECHANISMS(X) TREES_MECHANISMS };
#undef X

static inline int trees_synapse(int op) {
  if (op == TREES_SYNAPSE || op == TREES_BLOCKED_T) return 1;
#define SYNAPTIC_PASSIVE 0
#define SYNAPTIC_OHMIC 0
#define SYNAPTIC_CALCIUM 0
#define SYNAPTIC_CALCIUM_GATED 0
#define SYNAPTIC_POOL 0
#define SYNAPTIC_DCAAP 0
#define SYNAPTIC_SYNAPSE 1
#define SYNAPTIC_BLOCKED 1
#define X(name, class, n, params, width) \
  if (op == TREES_DIRECT + MECHANISM_##name) return SYNAPTIC_##class;
  NEQ_MECHANISMS(X)
#undef X
  return 0;
}
#endif
