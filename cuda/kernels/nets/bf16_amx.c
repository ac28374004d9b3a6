#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 11)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16,prefer-vector-width=512")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#endif
#define VBYTES 64
#define ISA "amx"
#define TABLE nets_bf16_amx
#define PRODUCT "bf16_amx.h"
#include "bf16.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
