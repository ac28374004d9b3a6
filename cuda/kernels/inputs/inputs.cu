/* The GPU's side of inputs.h and recipe.go: the tables of each sample's plan, the events, and of them what the cells'
   kernels take, a tile of samples at a time. Each kernel is a loop over one of the plan's axes in the threads of a row
   and the lanes in the grid's last. The same text is compiled as C for the fake driver of the tests (twin), which
   defines NEQ_TWIN. Sums and products are as on the host, to the bit. */
#include "inputs.h"
#include "lanes.h"
#ifndef NEQ_TWIN
#define KERNEL(name) extern "C" __attribute__((global)) void name
#define THREAD ((int)(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x()))
#define BLOCK_Y ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define BLOCK_Z ((int)__nvvm_read_ptx_sreg_ctaid_z())
#endif

FN void philox_block(u32 *c, u64 seed) {
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
  for (int i = 0; i < PHILOX_ROUNDS; i++, k0 += PHILOX_BUMP0, k1 += PHILOX_BUMP1) philox_round(c, c + 1, c + 2, c + 3, k0, k1);
}
/* A word as a number in (0, 1). */
FN double uniform(u32 word) { return ((double)word + 0.5) / 4294967296.0; }

/* The smoothing of one span of 4 ms: thread (span, interval of the band). */
KERNEL(inputs_smooth)(const inputs_tile t) {
  const inputs_lane *n = &t.lane[BLOCK_Z];
  const int j = THREAD % n->band, g = THREAD / n->band;
  if (g >= t.spans) return;
  const double *mass = t.table + n->mass;
  const int k = t.first[n->first + g] + j - n->before;
  for (int q = 0; q < 4; q++) {
    int here = k * n->length - (4 * g + q) + n->far, next = here + n->length;
    const int end = 2 * n->far;
    here = here < 0 ? 0 : here > end ? end : here;
    next = next < 0 ? 0 : next > end ? end : next;
    t.kernel[n->kernel + ((long)g * n->band + j) * 4 + q] = (float)(mass[here] - mass[next]);
  }
}

/* What a synapse receives in 4 intervals: thread (synapse), row of blocks (4 intervals). */
KERNEL(inputs_amplitude)(const inputs_tile t, const double most) {
  const inputs_lane *n = &t.lane[BLOCK_Z];
  const int s = THREAD, k4 = 4 * BLOCK_Y;
  if (s >= t.row || k4 >= n->intervals) return;
  const int g = s < t.synapses ? t.group[s] : -1;
  u32 c[4] = {(u32)BLOCK_Y, t.shares + (u32)s, (u32)n->sample, (u32)(n->sample >> 32)};
  philox_block(c, t.seed);
  for (int q = 0; q < 4 && k4 + q < n->intervals; q++) {
    float a = 0;
    if (g >= 0) {
      const double whole = t.table[n->rates + (long)g * n->intervals + k4 + q] * t.part[s];
      const double rate = whole * (t.low + (t.high - t.low) * uniform(c[q]));
      a = (float)(rate < most ? rate : most);
    }
    t.amplitude[n->amplitude + (long)(k4 + q) * t.row + s] = a;
  }
}

/* The events of one synapse in 4 ms: thread (synapse), row of blocks (span). */
KERNEL(inputs_draw)(const inputs_tile t) {
  const inputs_lane *n = &t.lane[BLOCK_Z];
  const int s = THREAD, g = BLOCK_Y;
  if (s >= t.row || g >= t.spans) return;
  const float *amplitude = t.amplitude + n->amplitude + (long)t.first[n->first + g] * t.row + s;
  const float *kernel = t.kernel + n->kernel + (long)g * n->band * 4;
  float r[4] = {0, 0, 0, 0};
  for (int j = 0; j < n->band; j++) {
    const float a = amplitude[(long)j * t.row];
    for (int q = 0; q < 4; q++) r[q] = r[q] + a * kernel[4 * j + q];
  }
  u32 c[4] = {(u32)g, t.stream + (u32)s, (u32)n->sample, (u32)(n->sample >> 32)};
  philox_block(c, t.seed);
  int h = 0;
  for (int q = 0; q < 4; q++) {
    h |= ((int)(c[q] >> 1) < threshold(exponential_chance(r[q])) && 4 * g + q < t.bins) << q;
  }
  t.hit[((long)BLOCK_Z * t.spans + g) * t.row + s] = (unsigned char)h;
}

/* Which events of a synapse release, and are due before the end: thread (synapse), one after the other in time, as
   each draws the next number of the synapse's stream. */
KERNEL(inputs_release)(const inputs_tile t) {
  const inputs_lane *n = &t.lane[BLOCK_Z];
  const int s = THREAD;
  if (s >= t.synapses) return;
  const double chance = t.chance[s];
  u32 c[4] = {0, 0, 0, 0};
  u32 drawn = 0;
  unsigned char *hit = t.hit + (long)BLOCK_Z * t.spans * t.row + s;
  for (int g = 0; g < t.spans; g++) {
    const int h = hit[(long)g * t.row];
    if (!h) continue;
    int out = h;
    for (int q = 0; q < 4; q++) {
      if (!(h >> q & 1)) continue;
      int release = 1;
      if (chance < 1) {
        if (drawn % 4 == 0) {
          c[0] = drawn / 4, c[1] = t.release + (u32)s, c[2] = (u32)n->sample, c[3] = (u32)(n->sample >> 32);
          philox_block(c, t.seed);
        }
        const u32 i = drawn++ % 4;
        release = uniform(i == 0 ? c[0] : i == 1 ? c[1] : i == 2 ? c[2] : c[3]) < chance;
      }
      out |= (release && t.due[4 * g + q] >= 0) << (4 + q);
    }
    hit[(long)g * t.row] = (unsigned char)out;
  }
}

/* How many events there are in each ms of a span: thread (span). */
KERNEL(inputs_count)(const inputs_tile t) {
  const int g = THREAD, lane = t.lane[BLOCK_Z].lane;
  if (g >= t.spans) return;
  const u64 *hit = (const u64 *)(t.hit + ((long)BLOCK_Z * t.spans + g) * t.row);
  int count[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (int i = 0; i < t.row / 8; i++) {
    const u64 w = hit[i];
    for (int q = 0; q < 8; q++) count[q] += __builtin_popcountll(w >> q & 0x0101010101010101ull);
  }
  for (int q = 0; q < 4; q++) {
    t.drawn[(long)lane * 4 * t.spans + 4 * g + q] = count[q];
    t.delivered[(long)lane * 4 * t.spans + 4 * g + q] = count[4 + q];
  }
}

/* Counts become those of all earlier ms; the lane's total goes to where the next lane begins: thread (lane). */
KERNEL(inputs_scan)(const inputs_tile t) {
  if (THREAD >= t.lanes) return;
  const int lane = t.lane[THREAD].lane;
  int *drawn = t.drawn + (long)lane * 4 * t.spans, *delivered = t.delivered + (long)lane * 4 * t.spans;
  int d = 0, e = 0;
  for (int i = 0; i < 4 * t.spans; i++) {
    const int x = drawn[i], y = delivered[i];
    drawn[i] = d, delivered[i] = e;
    d += x, e += y;
  }
  t.from[lane + 1] = d, t.offset[lane + 1] = e;
}

/* Totals become offsets: one thread, after the lanes of earlier tiles. */
KERNEL(inputs_offsets)(const inputs_tile t) {
  if (THREAD > 0) return;
  const int lane = t.lane[0].lane;
  if (lane == 0) t.from[0] = t.offset[0] = 0;
  for (int l = lane; l < lane + t.lanes; l++) t.from[l + 1] += t.from[l], t.offset[l + 1] += t.offset[l];
}

/* The events themselves, by ms and synapse: thread (span). Those that find no room are not written. */
KERNEL(inputs_emit)(const inputs_tile t) {
  const int g = THREAD, lane = t.lane[BLOCK_Z].lane;
  if (g >= t.spans) return;
  const u64 *hit = (const u64 *)(t.hit + ((long)BLOCK_Z * t.spans + g) * t.row);
  for (int q = 0; q < 4 && 4 * g + q < t.bins; q++) {
    const int ms = 4 * g + q, due = t.due[ms];
    long long d = t.from[lane] + t.drawn[(long)lane * 4 * t.spans + ms];
    long long e = t.offset[lane] + t.delivered[(long)lane * 4 * t.spans + ms];
    for (int i = 0; i < t.row / 8; i++) {
      const u64 w = hit[i];
      u64 events = w >> q & 0x0101010101010101ull;
      for (; events; events &= events - 1, d++) {
        const int byte = __builtin_ctzll(events) / 8, s = 8 * i + byte;
        if (d < t.capacity) t.synapse[d] = (unsigned short)s;
        if (!(w >> (8 * byte + 4 + q) & 1)) continue;
        if (e < t.capacity) t.step[e] = due, t.at[e] = t.receptor[s], t.w[e] = t.weight[s];
        e++;
      }
    }
  }
}
