// What a launch of a tree kernel takes beside the program's tables: launch.go is its Go side.
#ifndef NEQ_TREES_LAUNCH_H
#define NEQ_TREES_LAUNCH_H
#include "../neq.h"
#include "trees.h"

// A compiled cell as both kernels take it: trees_program without what the GPU has no use for.
typedef struct {
  int32_t nodes, ops, slots, rows, classes, period, drives, receptors, nrecord, every, peak, peak_every, staggered, stages;
  double dt, threshold, voltage;
  const trees_node *node;
  const trees_op *op; // op is one of those below
  const real *constant, *row;
  const double *initial;
  const real *decay, *now, *inverse, *renew;
  const int32_t *receptor;
  const trees_drive *drive;
  const trees_site *site;
} trees_cell;

// Operations of the GPU: it runs the mechanisms' own source, from GPU_MECHANISM on in the order of mechanisms/list.h.
enum { GPU_SYNAPSE, GPU_REVERSAL, GPU_POOL_END, GPU_MECHANISM };

enum { TREES_NEVER = 0x7fffffff };
#ifdef NEQ_F64
enum { THREAD_THREADS = 128, THREAD_BLOCKS = 2, BLOCK_THREADS = 128, BLOCK_BLOCKS = 2, BLOCK_FAR_BLOCKS = 2 };
#else
enum { THREAD_THREADS = 128, THREAD_BLOCKS = 4, BLOCK_THREADS = 128, BLOCK_BLOCKS = 4, BLOCK_FAR_BLOCKS = 3 };
#endif

// n lanes. A thread of trees_thread integrates a lane, in the interleaved layout: solver[3 nodes][n], state[slots][n],
// peak[2][n]. A block of trees_block integrates a lane: solver[n][nodes], v alone, state[n][slots], peak[n][2].
typedef struct {
  real *solver, *state, *peak; // not read where from is 0
  int64_t *cursor;             // [n] next event of each lane
  int32_t *count;              // [n] spikes so far
  const int64_t *offset;       // [n+1] into the events
  const int32_t *step;
  const uint16_t *receptor;
  const float *weight;         // uS
  const int32_t *into;         // [currents] nodes that receive a current, falling
  const float *current;        // [currents][n] nA
  float *record;               // [recorded variables][records of the chunk][n]
  uint32_t *spikes;            // how many there are; more than capacity: those beyond are lost
  double *spike_time;          // [capacity] ms
  int32_t *spike_lane;         // [capacity]
  int64_t plane;               // records of the chunk times n
  int32_t from, to, lanes, first_record, recorded;
  uint32_t capacity;
  int32_t currents, pad;
} trees_launch;

// The arrays of a block in shared memory: see block.cuh.
enum { BLOCK_V, BLOCK_E, BLOCK_R, BLOCK_A, BLOCK_F, BLOCK_K, BLOCK_ARRAYS };

// What a thread's kernel takes beside the program.
typedef struct {
  const int32_t *synapse; // [synapses][2] slot and class, for their renewal
  int32_t synapses, pad;
} trees_thread_tables;

// A block's tables. Its nodes are in an order of their own, in groups of those with the same operations; a group's
// states lie [state][node of the group], so that neighbouring threads are at neighbouring numbers.
typedef struct { int32_t op, ops, first, nodes, slot; } trees_group; // first operation, first node, first state

// Elimination of one node: from its parent and at most one child, -1 where there is none.
typedef struct { int16_t node, parent, child, pad; } trees_away;
// A node that its neighbours' elimination changes: by that of its parent, or -1, and of children, from <= i < to of `gone`.
typedef struct { int16_t node, parent, from, to; } trees_stays;
// A round: eliminations that touch no common edge, then the nodes they leave changed.
typedef struct { int32_t away, aways, stays, stayed; } trees_round;

typedef struct {
  int32_t tiles, rounds, nodes, slots, root, synapses;
  const trees_group *group;
  const int32_t *tile;      // [tiles] group of each run of 32 places, and which of its nodes is the first
  const trees_op *op;       // of each group; state: distance from the group's first, in nodes of the group; row: columns
  const int32_t *column;    // of each row: where its entries are, and whether they differ between nodes (0, 1)
  const real *row;
  const real *constant;     // [TREES_CONSTANTS][nodes]
  const int32_t *edge;      // [nodes+1] first child of each
  const int16_t *parent, *child;
  const trees_round *round;
  const trees_away *away;
  const trees_stays *stays;
  const int16_t *gone;
  const trees_drive *drive; // as the program's, state the place of a; that of b is in second
  const int32_t *second;
  const int32_t *synapse;   // [synapses][3] places of a and b, and class
  const int32_t *stride;    // [recorded variables] from the place of a to that of b
} trees_block_tables;
#endif
