// The avx512 build in float32.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")
#pragma GCC optimize("no-associative-math") // lanes round alike whatever the length of a block
#define RUN trees_run_avx512_f32
#include "run.h"
#else
typedef int trees_not_on_this_machine;
#endif
