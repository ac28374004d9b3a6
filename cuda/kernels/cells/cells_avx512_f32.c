// The avx512 build in float32.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")
#define RUN cells_run_avx512_f32
#include "run.h"
#else
typedef int cells_not_on_this_machine;
#endif
