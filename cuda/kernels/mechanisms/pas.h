// Leak: i = g (v - e). Parameters: g (uS), e (mV).
#ifndef NEQ_PAS_H
#define NEQ_PAS_H
#include "gate.h"

FN void pas_prepare(const double *params, double dt, int staggered, double *p) { p[0] = params[0], p[1] = params[1]; }

FN void pas_current(const scalar *p, real *g, real *ge) { *g += p[0], *ge += p[0] * p[1]; }
#endif
