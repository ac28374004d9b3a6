#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 11)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#endif
#define VBYTES 64
#define ISA "avx512_bf16"
#define TABLE nets_bf16_avx512
#define PRODUCT "bf16_dot.h"
#include "bf16.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
