#ifndef __clang__
#pragma GCC optimize("O3,no-trapping-math,no-signed-zeros")
#endif
#define VBYTES 16
#define ISA "portable"
#define TABLE nets_bf16_portable
#define PRODUCT "bf16_plain.h"
#include "bf16.h"
