// What a launch of a simulation kernel takes beside the program's tables: launch.go is its Go side.
#ifndef NEQ_LAUNCH_H
#define NEQ_LAUNCH_H
#include "../neq.h"
#include <stdint.h>

enum { CELLS_FEW = 4 }; // receptors that are kept in registers
enum { OPEN_NONE, OPEN_ONE, OPEN_FEW, OPEN_ANY }; // conductances: none, one single exponential, few, any
enum { NEVER = 0x7fffffff };

typedef struct {
  real *state, *receptors; // [states][lanes], [2 receptors][lanes]; not read where from is 0
  int64_t *cursor;         // [lanes] next event of each lane
  int32_t *count;          // [lanes] spikes so far
  const int64_t *offset;   // [lanes+1] into the events
  const int32_t *step;
  const uint16_t *receptor;
  const float *weight;
  const float *current;    // [lanes] mV/ms
  float *record;           // [recorded variables][records of the chunk][lanes]
  uint32_t *spikes;        // how many there are; more than capacity: those beyond are lost
  double *spike_time;      // [capacity] ms
  int32_t *spike_lane;     // [capacity]
  int64_t plane;           // records of the chunk times lanes
  int32_t from, to, lanes;
  int32_t first_record;    // the chunk's first
  int32_t recorded;        // records are due before this step alone
  uint32_t capacity;
} cells_launch;
#endif
