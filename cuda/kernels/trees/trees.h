// The C side of package trees: a compiled cell, a block of lanes, and the function that runs one on the other.
// Every build (instruction set x precision) has the same function under its own name; `real` below is float or double.
//
// Layout. A cell is nodes, each with its mechanisms as a run of operations (trees_op). State is in two arrays, both
// [..][lane] with the lanes of a block innermost: solver[node][3] holds v (mV) and two numbers of the elimination,
// state[slot] what the mechanisms remember, slots in the order of operations. All lanes share the cell's tables.
#ifndef NEQ_TREES_H
#define NEQ_TREES_H
#include <stdint.h>

// What a node does in a step; bits of trees_node.flags.
enum {
  TREES_SUMS = 1,     // children have left sums in memory
  TREES_CARRIED = 2,  // the child after it hands its sums over in registers
  TREES_NEXT = 4,     // its parent is the node before it
  TREES_FIRST = 8,    // it is the first to leave sums in its parent's memory
  TREES_SAVE = 16     // a child that is not the node after it wants its change of v
};

typedef struct {
  int32_t parent, first, flags; // operations of node i: first of i to first of i+1
} trees_node;

enum { TREES_AXIAL, TREES_CHARGE, TREES_LEAK, TREES_DRIVE, TREES_RESISTANCE, TREES_CONSTANTS };
// Constants of a node, reals [nodes][TREES_CONSTANTS]: conductance to the parent (uS), capacity over the step of the
// solve (uS; of the second-order schemes, half a step or 1 - 1/sqrt 2 of one: step.h), sum of g and of g e of its leaks (uS, nA),
// the inverse of the first (of the root 1).

#define TREES_SECOND 2.414213562373095049 // 1 + sqrt 2: of the second stage (step.h)

// Operations. Those named _T take their gates from tables (lookup.h) and exist in the build that has them;
// TREES_DIRECT + m runs the source of mechanism m, and does all that they do.
enum {
  TREES_SYNAPSE, // state a, b; table: its class
  TREES_BLOCKED_T, // a synapse under a block whose slope and current are tabulated
  TREES_REVERSAL, // eca of a node without a pool: row[0]
  TREES_SYNAPSES_T, // two synapses and a blocked one in a row
  TREES_CALCIUM_ALL_T, // ca_pool, ca_hva, ca_lva and sk_e2
  TREES_CALCIUM_T,
  TREES_M1_T, TREES_M2H_T, TREES_M3H_T, TREES_M4H_T, TREES_HH_T,
  TREES_POOL_END,
  TREES_DIRECT
};

typedef struct {
  int32_t op, state, row, table; // first slot, first parameter in rows, first coefficient in tables or class
} trees_op;

typedef struct { int32_t state, class; } trees_synapse;

// A drive is what one event adds to: a and b of a synapse.
typedef struct {
  int32_t state, class;
  double a, b; // added by an event of weight 1
} trees_drive;

enum { TREES_V, TREES_BEFORE, TREES_AFTER, TREES_OPEN, TREES_FALLING };
typedef struct {
  int32_t kind;  // v of node `at`; slot `at` before or after the pass down; conductance of the synapse at
                 // slot `at`, or its decaying part alone
  int32_t at, class;
} trees_site;

typedef struct {
  int nodes, ops, slots, rows, tables, links, synapses, classes, period, drives, receptors, sites, nrecord, every, peak, peak_every, staggered, stages;
  double dt, threshold, voltage;
  trees_node *node;      // [nodes+1]
  trees_op *op;          // [ops]
  void *constant;        // reals [nodes][TREES_CONSTANTS]
  void *row, *table;     // reals
  int32_t *link;         // what an operation for several mechanisms has in place of one table
  trees_synapse *synapse; // [synapses]
  double *initial;       // [slots]
  void *decay;           // reals [period][classes][2]: factors of a and b within a step of that phase
  void *now, *inverse;   // the same at the step's start, and its reciprocal: what an event of that phase is scaled by
  void *renew;           // reals [classes][2]: factors of a whole period
  int32_t *receptor;     // [receptors+1] first drive of each
  trees_drive *drive;    // [drives]
  trees_site *site;      // [nrecord]
} trees_program;

typedef struct { double time; int64_t lane; } trees_spike;
typedef struct { float weight; uint16_t lane, receptor; } trees_event;
typedef struct { int32_t node; float amp[64]; } trees_current; // nA into one node, by lane

// A block is some cells between two calls: everything but the events.
typedef struct {
  int lanes;           // of the block
  void *solver;        // reals [nodes][3][lanes]: v, change of v without its parent, fraction of its parent's
  void *state;         // reals [slots][lanes]
  void *peak;          // reals [2][lanes]: v of the two samples before
  float *record;       // [nrecord][records of a call][lanes]
  trees_spike *spikes; // of the last call, by time
  int64_t nspikes, spike_capacity;
  trees_event *sorted; // events of a call, by step
  int64_t sorted_capacity;
  int64_t *cursor;     // [lanes] first event of each lane not yet delivered
  int32_t *first;      // [steps of a call + 2]
} trees_block;

// A run function takes a block from step `from` towards step `to`, with the events of its lanes (offset is that of its
// first lane; lanes beyond `lanes` are padding and have none) and currents by falling node, the last of node -1. It stops
// early when the spike buffer may not hold another step's spikes and returns the step it reached, or -1 when memory is
// short. The block's spikes and records are those of this call alone.
typedef int64_t trees_run(const trees_program *p, trees_block *b, int64_t from, int64_t to, int lanes,
                          const int64_t *offset, const int32_t *step, const uint16_t *receptor, const float *weight,
                          const trees_current *current);
int64_t trees_dispatch(int isa, int wide, const trees_program *p, trees_block *b, int64_t from, int64_t to, int lanes,
                       const int64_t *offset, const int32_t *step, const uint16_t *receptor, const float *weight,
                       const trees_current *current);

trees_program *trees_program_new(const trees_program *sizes, int wide);
void trees_program_free(trees_program *p);
trees_block *trees_new(const trees_program *p, int wide, int lanes, int64_t steps);
void trees_reset(const trees_program *p, trees_block *b, int wide);
void trees_free(trees_block *b);
int trees_finite(const trees_program *p, const trees_block *b, int wide, int lanes);
int trees_transpose(const trees_block *b, int variable, int64_t count, int64_t capacity, int lanes, float *out,
                    int64_t stride);

// What the host asks of the mechanisms' own source, in double (host.h).
typedef struct { const char *name; int class, states, params, row; } trees_mechanism;
enum { TREES_PASSIVE, TREES_OHMIC, TREES_CALCIUM, TREES_CALCIUM_GATED, TREES_POOL, TREES_SYNAPSES, TREES_BLOCK, TREES_DCAAP };
int trees_mechanisms(const trees_mechanism **all);
void trees_prepare(int mechanism, const double *params, double dt, int staggered, double *row);
void trees_steady(int mechanism, double v, double ca, const double *row, double *state);
void trees_advance(int mechanism, double v, double ca, const double *row, double dt, double *state);
void trees_currents(int mechanism, const double *state, double v, double eca, const double *row, double *g, double *ge, double *ica);
double trees_reversal(int mechanism, double ca, const double *row);
#endif
