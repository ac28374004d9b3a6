// The C side of package cells: tables of a program, a block of lanes, and the function that runs one on the
// other. Every build (instruction set x precision) has the same function under its own name.
#ifndef NEQ_CELLS_H
#define NEQ_CELLS_H
#include <stdint.h>

enum {
  CELLS_LANES = 128,     // lanes in a block; a multiple of every vector length
  CELLS_STATES = 12,    // most state variables of a kernel
  CELLS_PARAMS = 24,    // most parameters of a kernel
  CELLS_RECEPTORS = 16, // most receptors of a program
  CELLS_RECORD = 32     // most recorded variables
};

enum { CELLS_LIF, CELLS_IZHIKEVICH, CELLS_ADEX, CELLS_HH, CELLS_POSPISCHIL };

typedef struct {
  int kind;                // NEQ_DELTA, NEQ_CONDUCTANCE, NEQ_BLOCKED
  int rises;               // whether it has a second exponential
  double da, db;           // decay factors of a step
  double ka, kb;           // what an event of weight 1 adds to each exponential
  double ra, rb;           // scale of each exponential where it is recorded
  double reversal, mg, slope;
} cells_receptor;

typedef struct {
  int kernel, staggered, nstates, nreceptors, nrecord, every;
  double dt, threshold;
  double params[CELLS_PARAMS];
  double initial[CELLS_STATES];
  cells_receptor receptors[CELLS_RECEPTORS];
  int record[CELLS_RECORD]; // state, or nstates + receptor
} cells_program;

typedef struct { double time; int64_t lane; } cells_spike;

typedef struct { float weight; uint16_t lane, receptor; } cells_event;

// A block is CELLS_LANES cells between two calls: everything but the events.
typedef struct {
  void *state;        // [states + 2 receptors + 4][CELLS_LANES] of the build's real, 64-byte aligned
  float *record;      // [nrecord][records of a call][CELLS_LANES]
  cells_spike *spikes; // of the last call, by time
  int64_t nspikes, spike_capacity;
  cells_event *sorted; // events of a call, by step
  int64_t sorted_capacity;
  int64_t *cursor;     // [CELLS_LANES] first event of each lane not yet delivered
  int32_t *first;      // [steps of a call + 2] first sorted event of each step
} cells_block;

// A run function takes a block from step `from` towards step `to`, with the events of its lanes (offset is that
// of its first lane; lanes beyond `lanes` are padding and have none) and a constant current per lane (mV/ms).
// It stops early when the spike buffer may not hold another step's spikes and returns the step it reached, or
// -1 when memory is short. The block's spikes and records are those of this call alone.
typedef int64_t cells_run(const cells_program *p, cells_block *b, int64_t from, int64_t to, int lanes,
                          const int64_t *offset, const int32_t *step, const uint16_t *receptor,
                          const float *weight, const float *current);

int64_t cells_dispatch(int isa, int wide, const cells_program *p, cells_block *b, int64_t from, int64_t to,
                       int lanes, const int64_t *offset, const int32_t *step, const uint16_t *receptor,
                       const float *weight, const float *current);
cells_block *cells_new(const cells_program *p, int wide, int64_t steps);
void cells_reset(const cells_program *p, cells_block *b, int wide);
void cells_free(cells_block *b);
int cells_transpose(const cells_block *b, int variable, int64_t count, int64_t capacity, int lanes, float *out,
                    int64_t stride);
#endif
