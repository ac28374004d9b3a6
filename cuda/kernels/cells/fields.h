// The fields of each kernel's state, in the order of Program.States; those beyond them pass between the phases of
// a step.
#ifndef NEQ_FIELDS_H
#define NEQ_FIELDS_H
#define LIF_FIELDS(F) F(0, v) F(1, hold)
#define IZHIKEVICH_FIELDS(F) F(0, v) F(1, u)
#define ADEX_FIELDS(F) F(0, v) F(1, w)
#define HH_FIELDS(F) F(0, v) F(1, m) F(2, h) F(3, n) F(4, e80) F(5, e18)
#define POSPISCHIL_FIELDS(F) F(0, v) F(1, m) F(2, h) F(3, n) F(4, p) F(5, q) F(6, r) F(7, u) F(8, ca)
#endif
