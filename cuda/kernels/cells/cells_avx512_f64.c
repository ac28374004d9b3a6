// The avx512 build in float64.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")
#define NEQ_F64
#define RUN cells_run_avx512_f64
#include "run.h"
#else
typedef int cells_not_on_this_machine;
#endif
