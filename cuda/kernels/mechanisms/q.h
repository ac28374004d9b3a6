// The rate factor 2.3^((34-21)/10) by which Hay et al. 2011 bring channels measured at 21 C to 34 C.
#ifndef NEQ_Q_H
#define NEQ_Q_H
#define NEQ_Q 2.952882641412121
#endif
