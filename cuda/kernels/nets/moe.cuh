// A mixture of experts. An assignment is a row's to one of its top experts; in the expert-major order they lie sorted by
// expert, then number. Where an expert's lie is counted on the device, so that the shape of a step does not depend on it:
// chunks of assignments, and tiles of TILE_MN places, of which there are enough for any routing.
#include "route.h"

enum { ROUTE_CHUNK = 256 }; // assignments

KERNEL(moe_route, const float *, logits, int *, chosen, float *, gates, unsigned, rows, int, experts, int, top) {
  NEEDS(logits, (int64_t)rows * experts);
  NEEDS(chosen, (int64_t)rows * top);
  NEEDS(gates, (int64_t)rows * top);
  EACH(row, rows);
  route_f(logits + row * experts, experts, top, chosen + row * top, gates + row * top);
}

// count [chunk][expert], of n assignments.
KERNEL(moe_count, const int *, chosen, int *, count, unsigned, n, unsigned, experts) {
  const unsigned chunks = (n + ROUTE_CHUNK - 1) / ROUTE_CHUNK;
  NEEDS(chosen, n);
  NEEDS(count, (int64_t)chunks * experts);
  EACH(i, chunks * experts);
  const unsigned from = i / experts * ROUTE_CHUNK, to = from + ROUTE_CHUNK < n ? from + ROUTE_CHUNK : n;
  int s = 0;
  for (unsigned a = from; a < to; a++) s += chosen[a] == (int)(i % experts);
  count[i] = s;
}

// One block: the counts become where a chunk's assignments to an expert begin; start [experts + 1]; an expert's share of
// the assignments; tile [tiles][3], an expert, its first place and the one past its last, expert -1 where there is none.
KERNEL(moe_places, int *, count, int *, start, float *, share, int *, tile, unsigned, n, unsigned, experts, unsigned, tiles) {
  const unsigned chunks = (n + ROUTE_CHUNK - 1) / ROUTE_CHUNK;
  NEEDS(count, (int64_t)chunks * experts);
  NEEDS(start, experts + 1);
  NEEDS(share, experts);
  NEEDS(tile, 3 * (int64_t)tiles);
  for (unsigned i = THREAD; i < tiles; i += BLOCK_THREADS) tile[3 * i] = -1;
  for (unsigned e = THREAD; e < experts; e += BLOCK_THREADS) {
    int s = 0;
#pragma GCC unroll 8
    for (unsigned c = 0; c < chunks; c++) s += count[c * experts + e];
    start[e + 1] = s;
  }
  SYNC();
  if (THREAD == 0) {
    int s = 0;
    for (unsigned e = 0; e <= experts; e++) start[e] = s += e ? start[e] : 0;
  }
  SYNC();
  for (unsigned e = THREAD; e < experts; e += BLOCK_THREADS) {
    int at = start[e], first = 0;
    share[e] = (float)(start[e + 1] - at) / (float)n;
    for (unsigned c = 0; c < chunks; c++) {
      int of = count[c * experts + e];
      count[c * experts + e] = at;
      at += of;
    }
    for (unsigned before = 0; before < e; before++) first += (start[before + 1] - start[before] + TILE_MN - 1) / TILE_MN;
    for (int from = start[e]; from < start[e + 1]; from += TILE_MN, first++) {
      tile[3 * first] = (int)e, tile[3 * first + 1] = from;
      tile[3 * first + 2] = from + TILE_MN < start[e + 1] ? from + TILE_MN : start[e + 1];
    }
  }
}

// at [assignment] is its place, of [place] the assignment that lies there.
KERNEL(moe_assign, const int *, chosen, const int *, count, int *, at, int *, of, unsigned, n, unsigned, experts) {
  const unsigned chunks = (n + ROUTE_CHUNK - 1) / ROUTE_CHUNK;
  NEEDS(chosen, n);
  NEEDS(count, (int64_t)chunks * experts);
  NEEDS(at, n);
  NEEDS(of, n);
  EACH(i, chunks * experts);
  const unsigned from = i / experts * ROUTE_CHUNK, to = from + ROUTE_CHUNK < n ? from + ROUTE_CHUNK : n;
  int place = count[i];
  for (unsigned a = from; a < to; a++)
    if (chosen[a] == (int)(i % experts)) at[a] = place, of[place++] = (int)a;
}

// x [place][channels] is the row of each assignment, times its gate where there are gates.
KERNEL(moe_spread, const float *, rows, const int *, of, const float *, gates, float *, x, unsigned, n, unsigned, channels,
       unsigned, top, int, gated) {
  NEEDS(of, n / channels);
  NEEDS(x, n);
  EACH(i, n);
  unsigned a = (unsigned)of[i / channels];
  x[i] = rows[(a / top) * channels + i % channels] * (gated ? gates[a] : 1);
}

// y[row] = the sum over its assignments of gates given[at].
KERNEL(moe_combine, const float *, given, const int *, at, const float *, gates, float *, y, unsigned, n, unsigned,
       channels, unsigned, top) {
  NEEDS(given, (int64_t)n * top);
  NEEDS(at, n / channels * top);
  NEEDS(y, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = 0;
  for (unsigned k = 0; k < top; k++) s += gates[row * top + k] * given[(unsigned)at[row * top + k] * channels + c];
  y[i] = s;
}

// The gradient of a gate: dy[row] times what the expert gave, a warp an assignment.
KERNEL(moe_dgates, const float *, dy, const float *, given, const int *, at, float *, dgates, unsigned, n, unsigned,
       channels, unsigned, top) {
  NEEDS(dy, (int64_t)n / top * channels);
  NEEDS(given, (int64_t)n * channels);
  NEEDS(at, n);
  NEEDS(dgates, n);
  const unsigned a = BLOCK * (BLOCK_THREADS / 32) + THREAD / 32, lane = THREAD % 32;
  float s = 0;
  if (a < n)
    for (unsigned c = lane; c < channels; c += 32) s += dy[(a / top) * channels + c] * given[(unsigned)at[a] * channels + c];
  s = WARP_SUM(s);
  if (a < n && lane == 0) dgates[a] = s;
}

KERNEL(moe_dlogits, const float *, logits, const int *, chosen, const float *, gates, const float *, dgates, const float *,
       share, float *, dlogits, unsigned, rows, int, experts, int, top, float, weight) {
  NEEDS(logits, (int64_t)rows * experts);
  NEEDS(chosen, (int64_t)rows * top);
  NEEDS(dlogits, (int64_t)rows * experts);
  EACH(row, rows);
  const unsigned a = row * top, e = row * experts;
  route_grad_f(logits + e, chosen + a, gates + a, dgates + a, experts, top, share, weight, dlogits + e);
}

// dx[row] = dlogits router' + the sum over its assignments of parts[at].
KERNEL(moe_dx, const float *, parts, const int *, at, const float *, dlogits, const float *, router, float *, dx, unsigned,
       n, unsigned, channels, unsigned, experts, unsigned, top) {
  NEEDS(parts, (int64_t)n * top);
  NEEDS(dlogits, (int64_t)n / channels * experts);
  NEEDS(router, channels * experts);
  NEEDS(dx, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = 0;
  for (unsigned e = 0; e < experts; e++) s += dlogits[row * experts + e] * router[c * experts + e];
  for (unsigned k = 0; k < top; k++) s += parts[(unsigned)at[row * top + k] * channels + c];
  dx[i] = s;
}

// part [split][expert][column]: sums of a stretch of an expert's places of x [place][columns].
KERNEL(moe_sums, const float *, x, const int *, start, float *, part, unsigned, n, unsigned, experts, unsigned, columns,
       unsigned, splits) {
  NEEDS(start, experts + 1);
  NEEDS(part, n);
  EACH(i, n);
  const unsigned column = i % columns, e = i / columns % experts, split = i / columns / experts;
  const unsigned many = (unsigned)(start[e + 1] - start[e]);
  const unsigned from = start[e] + (unsigned)((uint64_t)many * split / splits);
  const unsigned to = start[e] + (unsigned)((uint64_t)many * (split + 1) / splits);
  float s = 0;
  for (unsigned place = from; place < to; place++) s += x[place * columns + column];
  part[i] = s;
}

// The tile of places and columns of this block; a block without one ends.
#define MOE_TILE(COLUMNS)                                                                                              \
  const unsigned across = ((COLUMNS) + TILE_MN - 1) / TILE_MN, n0 = BLOCK % across * TILE_MN;                          \
  NEEDS(tile, 3 * (int64_t)(BLOCKS / across));                                                                         \
  const int e = tile[3 * (BLOCK / across)];                                                                            \
  if (e < 0) return;                                                                                                   \
  const unsigned m0 = (unsigned)tile[3 * (BLOCK / across) + 1], m1 = (unsigned)tile[3 * (BLOCK / across) + 2];

// The products of an expert's places in one arithmetic: x w[e] + bias[e]; of a gradient, dy w[e]'; and of the weights,
// x' dy, part [split][expert][rows][columns].
#define MOE_KERNELS(SUFFIX, PRODUCT)                                                                                   \
  KERNEL(moe_rows##SUFFIX, const float *, x, const int *, tile, const float *, w, const float *, bias, float *, y,     \
         unsigned, depth, unsigned, columns) {                                                                         \
    MOE_TILE(columns)                                                                                                  \
    const float *we = w + (unsigned)e * depth * columns;                                                               \
    NEEDS(we, (int64_t)depth *columns);                                                                                \
    const float *be = bias + (unsigned)e * columns;                                                                    \
    NEEDS(be, columns);                                                                                                \
    PRODUCT(m1, columns, 0, depth, 1, x[m * depth + k], 0, we[k * columns + n], y[m * columns + n] = v + be[n])        \
  }                                                                                                                    \
  KERNEL(moe_back##SUFFIX, const float *, dy, const int *, tile, const float *, w, float *, dx, unsigned, columns,     \
         unsigned, depth) {                                                                                            \
    MOE_TILE(columns)                                                                                                  \
    const float *we = w + (unsigned)e * depth * columns;                                                               \
    NEEDS(we, (int64_t)depth *columns);                                                                                \
    PRODUCT(m1, columns, 0, depth, 1, dy[m * depth + k], 1, we[n * depth + k],                                         \
            dx[m * columns + n] = v)                                                                                   \
  }                                                                                                                    \
  KERNEL(moe_dw##SUFFIX, const float *, x, const float *, dy, const int *, start, float *, part, unsigned, experts,    \
         unsigned, down, unsigned, columns, unsigned, splits) {                                                        \
    NEEDS(start, experts + 1);                                                                                         \
    NEEDS(part, (int64_t)splits *experts *down *columns);                                                              \
    const unsigned across = (columns + TILE_MN - 1) / TILE_MN, high = (down + TILE_MN - 1) / TILE_MN;                  \
    const unsigned n0 = BLOCK % across * TILE_MN, m0 = BLOCK / across % high * TILE_MN;                                \
    const unsigned e = BLOCK / across / high % experts, split = BLOCK / across / high / experts;                       \
    const unsigned begin = (unsigned)start[e], many = (unsigned)start[e + 1] - begin;                                  \
    const unsigned from = begin + (unsigned)((uint64_t)many * split / splits);                                         \
    const unsigned to = begin + (unsigned)((uint64_t)many * (split + 1) / splits);                                     \
    PRODUCT(down, columns, from, to, 0, x[k * down + m], 0, dy[k * columns + n],                                       \
            part[((split * experts + (unsigned)e) * down + m) * columns + n] = v)                                      \
  }
MOE_KERNELS(, PRODUCT_FP32)
MOE_KERNELS(_tf32, PRODUCT_TF32)
MOE_KERNELS(_bf16, PRODUCT_BF16)
