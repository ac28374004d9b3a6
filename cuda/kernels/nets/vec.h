// Vectors of the width of the unit's instruction set, and the denormals switch.
#include <stdint.h>
#include <string.h>

#define VW (VBYTES / 4)
typedef float V __attribute__((vector_size(VBYTES)));
typedef int32_t VI __attribute__((vector_size(VBYTES)));
typedef float VU __attribute__((vector_size(VBYTES), aligned(4), may_alias));
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, v) (*(VU *)(p) = (VU)(v))
#define FN static inline __attribute__((always_inline))

// Decaying sums park in denormals, 16 times slower: flushed to zero inside the kernels.
#if defined(__x86_64__)
FN unsigned flush_on(void) {
  unsigned old = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(old | 0x8040);
  return old;
}
FN void flush_restore(unsigned old) { __builtin_ia32_ldmxcsr(old); }
#else
FN unsigned flush_on(void) { return 0; }
FN void flush_restore(unsigned old) { (void)old; }
#endif

FN float lanes_sum(V v) {
  float s = 0;
  for (int i = 0; i < VW; i++) s += v[i];
  return s;
}
