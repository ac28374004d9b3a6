#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <string.h>
#include "nets.h"

extern const nets_bf16 nets_bf16_portable;
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 11)
extern const nets_bf16 nets_bf16_amx, nets_bf16_avx512;

// Linux gives a process tiles when it asks, since a signal's frame grows by 8 KB (Documentation/arch/x86/xstate.rst). A
// hypervisor that hides them, or a kernel that does not know them, says no.
static int tiles_granted(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
  enum { REQUEST = 0x1023, TILE_DATA = 18 }; // ARCH_REQ_XCOMP_PERM
  return !syscall(SYS_arch_prctl, REQUEST, TILE_DATA);
#else
  return 0;
#endif
}
#define VECTORS 1
#endif

const nets_bf16 *nets_bf16_pick(const char *isa) {
  int any = !*isa;
#if defined(VECTORS)
  __builtin_cpu_init();
  int vectors = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bf16");
  if ((any || !strcmp(isa, "amx")) && vectors && __builtin_cpu_supports("amx-tile") &&
      __builtin_cpu_supports("amx-bf16") && tiles_granted())
    return &nets_bf16_amx;
  if ((any || !strcmp(isa, "avx512_bf16")) && vectors) return &nets_bf16_avx512;
#endif
  return !any && !strcmp(isa, "portable") ? &nets_bf16_portable : 0;
}
