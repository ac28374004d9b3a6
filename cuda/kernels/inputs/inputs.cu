/* The GPU's side of inputs.h: one thread per synapse and group of 4 ms, a row of hit masks out. The same text is
   compiled as C for the fake driver of the tests (twin), which defines NEQ_TWIN. */
#include "inputs.h"
#ifndef NEQ_TWIN
#define KERNEL(name) extern "C" __attribute__((global)) void name
#define THREAD (__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x())
#define BLOCK_Y __nvvm_read_ptx_sreg_ctaid_y()
#endif
KERNEL(inputs_draw)(u64 seed, u64 sample, u32 stream, int exponential, int row, int groups, int band,
                    const int *first, const float *kernel, const float *amplitude, unsigned char *hit) {
  int s = THREAD;
  int t4 = BLOCK_Y;
  if (s >= row || t4 >= groups) return;
  float r[4] = {0, 0, 0, 0};
  for (int j = 0; j < band; j++) {
    float a = amplitude[(long)(first[t4] + j) * row + s];
    const float *k = kernel + ((long)t4 * band + j) * 4;
    for (int q = 0; q < 4; q++) r[q] = r[q] + a * k[q];
  }
  u32 c[4] = {(u32)t4, stream + (u32)s, (u32)sample, (u32)(sample >> 32)};
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
  for (int i = 0; i < PHILOX_ROUNDS; i++, k0 += PHILOX_BUMP0, k1 += PHILOX_BUMP1) philox_round(c, c + 1, c + 2, c + 3, k0, k1);
  int h = 0;
  for (int q = 0; q < 4; q++) {
    float p = exponential ? exponential_chance(r[q]) : r[q];
    h |= ((int)(c[q] >> 1) < threshold(p)) << q;
  }
  hit[(long)t4 * row + s] = (unsigned char)h;
}
