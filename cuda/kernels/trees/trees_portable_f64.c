// The portable build in float64.
#define NEQ_F64
#pragma GCC optimize("no-associative-math") // lanes round alike whatever the length of a block
#define RUN trees_run_portable_f64
#include "run.h"
#include "host.h"
