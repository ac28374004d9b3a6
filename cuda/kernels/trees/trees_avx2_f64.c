// The avx2 build in float64.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define NEQ_F64
#pragma GCC optimize("no-associative-math") // lanes round alike whatever the length of a block
#define RUN trees_run_avx2_f64
#include "run.h"
#else
typedef int trees_not_on_this_machine;
#endif
