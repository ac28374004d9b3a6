// The portable build in float64.
#define NEQ_F64
#define RUN cells_run_portable_f64
#include "run.h"
