#include <string.h>
#include "nets.h"

extern const nets_table nets_portable;
#if defined(__x86_64__)
extern const nets_table nets_avx512, nets_avx2;
#endif

const nets_table *nets_pick(const char *isa) {
  int any = !*isa;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if ((any || !strcmp(isa, "avx512")) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &nets_avx512;
  if ((any || !strcmp(isa, "avx2")) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &nets_avx2;
#endif
  return any || !strcmp(isa, "portable") ? &nets_portable : 0;
}
