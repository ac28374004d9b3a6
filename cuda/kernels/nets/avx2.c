#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#define VBYTES 32
#define ISA "avx2"
#define TABLE nets_avx2
#include "table.h"
#endif
