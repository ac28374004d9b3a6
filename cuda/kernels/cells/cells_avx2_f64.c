// The avx2 build in float64.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define NEQ_F64
#define RUN cells_run_avx2_f64
#include "run.h"
#else
typedef int cells_not_on_this_machine;
#endif
