#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#define VBYTES 64
#define ISA "avx512"
#define TABLE nets_avx512
#include "table.h"
#endif
