#if defined(__x86_64__)
#pragma GCC target("avx2")
#endif
#define NAME inputs_avx2
#include "inputs_cpu.h"
