// What nets.cu is written in: KERNEL(name, type, parameter, ...) { body }, threads of a one-dimensional grid. Compiled
// by clang for a GPU; or, with NETS_TWIN, by gcc as twins for the fake driver, where the same bodies run on the host,
// thread by thread (twin_grid.h).
#ifndef NETS_GRID_H
#define NETS_GRID_H

// Parameters come as pairs of type and name, at most 14.
#define PAIR(T, N) T N
#define PAIRS2(T, N) PAIR(T, N)
#define PAIRS4(T, N, ...) PAIR(T, N), PAIRS2(__VA_ARGS__)
#define PAIRS6(T, N, ...) PAIR(T, N), PAIRS4(__VA_ARGS__)
#define PAIRS8(T, N, ...) PAIR(T, N), PAIRS6(__VA_ARGS__)
#define PAIRS10(T, N, ...) PAIR(T, N), PAIRS8(__VA_ARGS__)
#define PAIRS12(T, N, ...) PAIR(T, N), PAIRS10(__VA_ARGS__)
#define PAIRS14(T, N, ...) PAIR(T, N), PAIRS12(__VA_ARGS__)
#define PAIRS16(T, N, ...) PAIR(T, N), PAIRS14(__VA_ARGS__)
#define PAIRS18(T, N, ...) PAIR(T, N), PAIRS16(__VA_ARGS__)
#define PAIRS20(T, N, ...) PAIR(T, N), PAIRS18(__VA_ARGS__)
#define PAIRS22(T, N, ...) PAIR(T, N), PAIRS20(__VA_ARGS__)
#define PAIRS24(T, N, ...) PAIR(T, N), PAIRS22(__VA_ARGS__)
#define PAIRS26(T, N, ...) PAIR(T, N), PAIRS24(__VA_ARGS__)
#define PAIRS28(T, N, ...) PAIR(T, N), PAIRS26(__VA_ARGS__)
#define COUNT(...) COUNT_(__VA_ARGS__, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
#define COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, N, ...) N
#define JOIN(a, b) JOIN_(a, b)
#define JOIN_(a, b) a##b
#define PARAMETERS(...) JOIN(PAIRS, COUNT(__VA_ARGS__))(__VA_ARGS__)

enum { BLOCK_THREADS = 256 }; // of every launch

// SYNC is a barrier of the block, WARP_SUM the sum over the 32 threads of a warp in all of them, in an order that is
// fixed, WARP_MAX the largest: all threads of a block get to any of them. FENCE makes what was written before it seen by other blocks after it.
#ifdef NETS_TWIN
#include "twin_grid.h"
#else
#define FN static __attribute__((device)) inline __attribute__((always_inline))
#define SHARED static __attribute__((shared))
#define THREAD ((int)__nvvm_read_ptx_sreg_tid_x())
#define BLOCK ((unsigned)__nvvm_read_ptx_sreg_ctaid_x())
#define BLOCKS ((unsigned)__nvvm_read_ptx_sreg_nctaid_x())
#define SYNC() __syncthreads()
#define FENCE() __nvvm_membar_gl()
#define TAKE(counter, last) __nvvm_atom_inc_gen_ui(counter, last) // counts to last, then from 0 again
#define ROOT_F(x) __nvvm_sqrt_rn_f(x)
#define ROOT_D(x) __nvvm_sqrt_rn_d(x)
#define KERNEL(NAME, ...)                                                                                              \
  extern "C" __attribute__((global)) __attribute__((launch_bounds(BLOCK_THREADS))) void nets_##NAME(PARAMETERS(__VA_ARGS__))
#define WARP_SUM(x) warp_sum(x)
FN float warp_sum(float x) {
  for (int m = 16; m; m /= 2) { // in assembly: clang gives the builtin only to those who name a PTX version
    float y;
    __asm__ volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, -1;" : "=f"(y) : "f"(x), "r"(m));
    x += y;
  }
  return x;
}
#define WARP_MAX(x) warp_max(x)
FN float warp_max(float x) {
  for (int m = 16; m; m /= 2) {
    float y;
    __asm__ volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, -1;" : "=f"(y) : "f"(x), "r"(m));
    x = x < y ? y : x;
  }
  return x;
}
// d += a b on the tensor cores, by a warp: a 16 x 16 and b 16 x 8 of bfloat16, or 16 x 8 and 8 x 8 of TF32, laid out over
// its registers as PTX says (ISA 7.0, "Matrix Fragments for mma.m16n8k16" and "m16n8k8").
#define MMA(SHAPE, TYPE, d, a, b)                                                                                      \
  __asm__ volatile("mma.sync.aligned." SHAPE ".row.col.f32." TYPE "." TYPE ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                   : "+f"((d)[0]), "+f"((d)[1]), "+f"((d)[2]), "+f"((d)[3])                                            \
                   : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "r"((b)[0]), "r"((b)[1]))
#define MMA_BF16(d, a, b) MMA("m16n8k16", "bf16", d, a, b)
#define MMA_TF32(d, a, b) MMA("m16n8k8", "tf32", d, a, b)
FN unsigned short round_bf16(float x) {
  unsigned short y;
  __asm__("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
}
#define NEEDS(p, n) // so many elements of p are read or written: twins check it
#endif
#endif
