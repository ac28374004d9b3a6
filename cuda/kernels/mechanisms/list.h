// All mechanisms, from which the loops over them are generated: X(name, class, states, parameters, row).
//   parameters  those of an instance, in the order of cuda.TreeMechanisms
//   row         what NAME_prepare(const double *params, double dt, int staggered, double *p) makes of them, on the host,
//               and every other function takes as p: [row] reals
//   states      the fields of NAME_state, all real; the first of a synapse is its conductance (uS)
// v is gate_voltage(v) in all functions (gate.h), applied once a node. Conductances in uS, currents in nA.
//
// class          functions, besides prepare
// PASSIVE        NAME_current(p, &g, &ge): adds di/dv to g, and g v - i at v to ge
// OHMIC          NAME_steady(v, p), NAME_advance(x, v, p, dt), NAME_current(x, v, p, &g, &ge)
// CALCIUM        as OHMIC, with NAME_current(x, v, p, eca, &g, &ge, &ica)
// CALCIUM_GATED  as OHMIC, with NAME_steady(v, p, ca), NAME_advance(x, v, p, ca, dt)
// POOL           NAME_steady(v, p), NAME_advance(x, p, ica), NAME_reversal(x, p): eca (mV)
// SYNAPSE        as OHMIC, with NAME_open(x, w, p) for an event; advance decays, after the currents
// BLOCKED        as SYNAPSE; its current bends with v
// DCAAP          see dcaap.h
#ifndef NEQ_MECHANISM_LIST_H
#define NEQ_MECHANISM_LIST_H
#include "pas.h"
#include "hh.h"
#include "exp2.h"
#include "nmda.h"

#define NEQ_MECHANISMS(X)          \
  X(pas, PASSIVE, 0, 2, 2)         \
  X(hh, OHMIC, 3, 7, HH_ROW)       \
  X(exp2, SYNAPSE, 2, 3, EXP2_ROW) \
  X(nmda, BLOCKED, 2, 6, NMDA_ROW)
#endif
