// All mechanisms, from which the loops over them are generated: X(name, class, states, parameters, row).
//   parameters  those of an instance, in the order of cuda.TreeMechanisms
//   row         what NAME_prepare(const double *params, double dt, int staggered, double *p) makes of them, on the host,
//               and every other function takes as p: [row] reals
//   states      the fields of NAME_state, all real; the first of a synapse is its conductance (uS)
// v is gate_voltage(v) in all functions (gate.h), applied once a node. Conductances in uS, currents in nA.
//
// class          functions, besides prepare
// PASSIVE        NAME_current(p, &g, &ge): adds di/dv to g, and v di/dv - i to ge
// OHMIC          NAME_steady(v, p), NAME_advance(x, v, p, dt), NAME_current(x, v, p, &g, &ge)
// CALCIUM        as OHMIC, with NAME_current(x, v, p, eca, &g, &ge, &ica)
// CALCIUM_GATED  as OHMIC, with NAME_steady(v, p, ca), NAME_advance(x, v, p, ca, dt)
// POOL           NAME_steady(v, p), NAME_advance(x, p, ica), NAME_reversal(x, p): eca (mV)
// SYNAPSE        as OHMIC, with NAME_open(x, w, p) for an event of weight w (uS); advance decays, after the currents
// BLOCKED        as SYNAPSE; its current bends with v
// DCAAP          as OHMIC, but it triggers: its states jump
#ifndef NEQ_MECHANISM_LIST_H
#define NEQ_MECHANISM_LIST_H
#include "pas.h"
#include "hh.h"
#include "nats2.h"
#include "nata.h"
#include "nap.h"
#include "k_tst.h"
#include "k_pst.h"
#include "skv3_1.h"
#include "sk_e2.h"
#include "im.h"
#include "ih.h"
#include "ca_hva.h"
#include "ca_lva.h"
#include "ca_pool.h"
#include "exp2.h"
#include "nmda.h"
#include "dcaap.h"

#define NEQ_MECHANISMS(X)               \
  X(pas, PASSIVE, 0, 2, 2) \
  X(hh, OHMIC, 3, 7, HH_ROW) \
  X(nats2, OHMIC, 2, 2, 2) \
  X(nata, OHMIC, 2, 2, 2) \
  X(nap, OHMIC, 2, 2, 2) \
  X(k_tst, OHMIC, 2, 2, 2) \
  X(k_pst, OHMIC, 2, 2, 2) \
  X(skv3_1, OHMIC, 1, 2, 2) \
  X(sk_e2, CALCIUM_GATED, 1, 2, SK_E2_ROW) \
  X(im, OHMIC, 1, 2, 2) \
  X(ih, OHMIC, 1, 2, 2) \
  X(ca_hva, CALCIUM, 2, 1, 1) \
  X(ca_lva, CALCIUM, 2, 1, 1) \
  X(ca_pool, POOL, 1, 8, CA_POOL_ROW) \
  X(exp2, SYNAPSE, 2, 3, EXP2_ROW) \
  X(nmda, BLOCKED, 2, 6, NMDA_ROW) \
  X(dcaap, DCAAP, 4, 9, DCAAP_ROW)
#endif
