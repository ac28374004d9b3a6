#if defined(__x86_64__)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#endif
#define VBYTES 32
#define ISA "avx2"
#define TABLE nets_avx2
#include "table.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
