#if defined(__x86_64__)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#endif
#define VBYTES 64
#define ISA "avx512"
#define TABLE nets_avx512
#include "table.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
