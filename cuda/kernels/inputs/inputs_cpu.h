/* The CPU's loop over the kernel in inputs.h: 16 synapses in the lanes, 4 ms to a Philox block.
   Included once per instruction set, with NAME set. */
#include "philox_lanes.h"
#include "run.h"
#include <string.h>
typedef float row16 __attribute__((vector_size(4 * LANES)));

int NAME(const inputs_plan *p, u64 sample, int capacity, int *bin, int *synapse) {
  u32 s0 = (u32)sample, s1 = (u32)(sample >> 32);
  int count = 0;
  unsigned char hit[MAX_ROW];
  for (int t4 = 0; t4 < p->groups; t4++) {
    const float *kern = p->kernel + (long)t4 * p->band * 4;
    const float *amp = p->amplitude + (long)p->first[t4] * p->row;
    u64 any = 0;
    for (int s = 0; s < p->row; s += LANES) {
      row16 r[4] = {{0}, {0}, {0}, {0}};
      for (int j = 0; j < p->band; j++) {
        row16 w;
        memcpy(&w, amp + (long)j * p->row + s, sizeof w);
        const float *k = kern + 4 * j;
        r[0] += w * k[0]; r[1] += w * k[1]; r[2] += w * k[2]; r[3] += w * k[3];
      }
      float r0[LANES], r1[LANES], r2[LANES], r3[LANES];
      memcpy(r0, r, sizeof r0); memcpy(r1, r + 1, sizeof r1); memcpy(r2, r + 2, sizeof r2); memcpy(r3, r + 3, sizeof r3);
      if (p->exponential)
        for (int l = 0; l < LANES; l++) {
          r0[l] = exponential_chance(r0[l]); r1[l] = exponential_chance(r1[l]);
          r2[l] = exponential_chance(r2[l]); r3[l] = exponential_chance(r3[l]);
        }
      u32 a[LANES], b[LANES], c[LANES], d[LANES];
      for (int l = 0; l < LANES; l++) { a[l] = (u32)t4; b[l] = p->stream + (u32)(s + l); c[l] = s0; d[l] = s1; }
      philox_lanes(a, b, c, d, (u32)p->seed, (u32)(p->seed >> 32));
      int h[LANES];
      for (int l = 0; l < LANES; l++)
        h[l] = ((int)(a[l] >> 1) < threshold(r0[l])) | ((int)(b[l] >> 1) < threshold(r1[l])) << 1 |
               ((int)(c[l] >> 1) < threshold(r2[l])) << 2 | ((int)(d[l] >> 1) < threshold(r3[l])) << 3;
      int some = 0;
      for (int l = 0; l < LANES; l++) some |= h[l];
      for (int l = 0; l < LANES; l++) hit[s + l] = (unsigned char)h[l];
      any |= (u64)some;
    }
    if (!any) continue;
    for (int q = 0; q < 4; q++) {
      if (!(any >> q & 1) || 4 * t4 + q >= p->bins) continue;
      for (int s = 0; s < p->row; s += 8) {
        u64 w;
        memcpy(&w, hit + s, 8);
        if (!(w >> q & 0x0101010101010101ull)) continue;
        for (int l = 0; l < 8; l++)
          if (hit[s + l] >> q & 1) {
            if (count < capacity) { bin[count] = 4 * t4 + q; synapse[count] = s + l; }
            count++;
          }
      }
    }
  }
  return count;
}
