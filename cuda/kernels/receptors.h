// Synaptic receptors: the linear state shared by all synapses of one kind on a cell.
//   conductance: g = a - b, a' = -a/decay, b' = -b/rise; an event adds its weight times the peak normalisation
//                to both (Rise 0: to a alone)
//   blocked:     the same under the magnesium block 1/(1 + exp(-slope v) [Mg]/3.57) of Jahr & Stevens 1990
//                (J Neurosci 10:3178), at the voltage of the step's start
#ifndef NEQ_RECEPTORS_H
#define NEQ_RECEPTORS_H
#include "neq.h"

enum { NEQ_DELTA, NEQ_CONDUCTANCE, NEQ_BLOCKED };

typedef struct { real da, db, e, mg, slope; } receptor_const; // decay factors of a step, reversal, Mg/3.57, 1/mV

FN real receptor_block(real v, receptor_const c) {
  return (real)1 / ((real)1 + c.mg * neq_exp(-c.slope * v));
}
#endif
