// The GPU's kernels of surrogate networks. Row-major float32; activations are [rows][channels], rows = windows * time.
// Every element of a result is one thread's sum in a fixed order, or one of sums of parts in a fixed order: the same
// bits at every run, without atomic additions. Tensors have fewer than 2^31 elements. None of it has run on a GPU
// unless bench/results/gpu says so.
#include <stdint.h>
#include "grid.h"
enum { ACT_RELU, ACT_GELU, ACT_SILU, ACT_TANH };
#include "scalar.h"

// i is the thread's number in the grid; threads past n end.
#define EACH(i, n)                                                                                                     \
  unsigned i = BLOCK * BLOCK_THREADS + THREAD;                                                                         \
  if (i >= (n)) return

// The convolution over spike events: out[row] = bias + the sum over the events e of the row's window of w[key[e] + step].
// range [rows][3] is the first event, the one past the last, and the step; they are of one phase (bin modulo dilation),
// and a key is synapse*taps less the event's own step, bin/dilation.
KERNEL(event_rows, const float *, w, const int *, key, const int *, range, const float *, bias, float *, out, unsigned,
       n, int, channels) {
  NEEDS(range, n / channels * 3);
  NEEDS(bias, channels);
  NEEDS(out, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  int last = range[3 * row + 1], step = range[3 * row + 2];
  float s = bias[c];
#pragma GCC unroll 4
  for (int e = range[3 * row]; e < last; e++) {
    NEEDS(key + e, 1);
    s += w[(unsigned)(key[e] + step) * (unsigned)channels + c];
  }
  out[i] = s;
}

// dw [synapse][tap][channel] is the sum over the synapse's events of dout[row + tap * dilation] within the window. span
// [synapse][window][2] is the first of its events in a window and the one past the last, bin their ms, of which the
// window's first is origin. Threads go slice by slice of so many channels, so that those that run at a time read little
// of dout, again and again.
KERNEL(event_grad, const float *, dout, const int *, span, const int *, origin, const int *, bin, float *, dw, unsigned,
       n, unsigned, slice, int, batch, int, taps, int, channels, int, time, int, dilation) {
  NEEDS(span, (int64_t)n / taps / channels * batch * 2);
  NEEDS(origin, batch);
  NEEDS(dout, (int64_t)batch * time * channels);
  NEEDS(dw, n);
  EACH(i, n);
  unsigned filters = n / channels, at = i / slice % filters, c = i / slice / filters * slice + i % slice;
  int64_t reach = (int64_t)(at % taps) * dilation;
  const int lag = reach < time ? (int)reach : time;
  const int *of = span + (uint64_t)(at / taps) * batch * 2;
  const float *d = dout + c;
  float sum = 0;
  for (int b = 0; b < batch; b++, d += (int64_t)time * channels) {
    const int last = of[2 * b + 1], off = lag - origin[b];
#pragma GCC unroll 4
    for (int e = of[2 * b]; e < last; e++) {
      NEEDS(bin + e, 1);
      int t = bin[e] + off;
      if (t < time) sum += d[(unsigned)t * (unsigned)channels];
    }
  }
  dw[at * channels + c] = sum;
}

KERNEL(activate, int, kind, const float *, x, float *, y, unsigned, n) {
  NEEDS(x, n);
  NEEDS(y, n);
  EACH(i, n);
  y[i] = act_f(kind, x[i]);
}

KERNEL(activate_grad, int, kind, const float *, x, const float *, dy, float *, dx, unsigned, n) {
  NEEDS(x, n);
  NEEDS(dy, n);
  NEEDS(dx, n);
  EACH(i, n);
  dx[i] = dy[i] * act_slope(kind, x[i]);
}

// y [rows][heads] = x [rows][channels] w [heads][channels]' + bias: a warp a row.
KERNEL(heads, const float *, x, const float *, w, const float *, bias, float *, y, unsigned, rows, int, channels, int,
       heads) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(w, heads * channels);
  NEEDS(y, (int64_t)rows * heads);
  unsigned row = BLOCK * (BLOCK_THREADS / 32) + THREAD / 32;
  int lane = THREAD % 32;
  for (int h = 0; h < heads; h++) {
    float s = 0;
    if (row < rows)
      for (int c = lane; c < channels; c += 32) s += x[row * (unsigned)channels + c] * w[h * channels + c];
    s = WARP_SUM(s);
    if (row < rows && lane == 0) y[row * (unsigned)heads + h] = s + bias[h];
  }
}

KERNEL(heads_dx, const float *, dy, const float *, w, float *, dx, unsigned, n, int, channels, int, heads) {
  NEEDS(dy, n / channels * heads);
  NEEDS(w, heads * channels);
  NEEDS(dx, n);
  EACH(i, n);
  unsigned row = i / channels, c = i % channels;
  float s = 0;
  for (int h = 0; h < heads; h++) s += dy[row * heads + h] * w[h * channels + c];
  dx[i] = s;
}

// Sums over rows of VALUE, which may use row and column: a block adds CHUNK rows of TILE columns, the last block of a
// tile to be done adds the blocks' parts in order and runs FINISH, which may use column and the double total. partial
// has a double for every column of every chunk, counter a zero for every tile, left at zero.
enum { TILE = 32, LANES = BLOCK_THREADS / TILE, CHUNK = 64 };
#define SUM_ROWS(ROWS, COLUMNS, VALUE, FINISH)                                                                         \
  SHARED double part[LANES][TILE];                                                                                     \
  SHARED int last;                                                                                                     \
  const unsigned tiles = ((COLUMNS) + TILE - 1) / TILE, tile = BLOCK % tiles, chunk = BLOCK / tiles;                   \
  const unsigned chunks = BLOCKS / tiles, at = THREAD % TILE, lane = THREAD / TILE, column = tile * TILE + at;         \
  NEEDS(partial, (int64_t)chunks *(COLUMNS));                                                                          \
  NEEDS(counter, tiles);                                                                                               \
  unsigned end = (chunk + 1) * CHUNK < (ROWS) ? (chunk + 1) * CHUNK : (ROWS);                                          \
  float sum = 0;                                                                                                       \
  if (column < (COLUMNS))                                                                                              \
    for (unsigned row = chunk * CHUNK + lane; row < end; row += LANES) sum += (VALUE);                                 \
  part[lane][at] = sum;                                                                                                \
  SYNC();                                                                                                              \
  double total = 0;                                                                                                    \
  if (lane == 0 && column < (COLUMNS)) {                                                                               \
    for (int l = 0; l < LANES; l++) total += part[l][at];                                                              \
    partial[(uint64_t)chunk * (COLUMNS) + column] = total;                                                             \
  }                                                                                                                    \
  FENCE();                                                                                                             \
  SYNC();                                                                                                              \
  if (THREAD == 0) last = TAKE(counter + tile, chunks - 1) == chunks - 1;                                              \
  SYNC();                                                                                                              \
  if (!last) return;                                                                                                   \
  FENCE();                                                                                                             \
  total = 0;                                                                                                           \
  if (column < (COLUMNS))                                                                                              \
    for (unsigned c = lane; c < chunks; c += LANES) total += partial[(uint64_t)c * (COLUMNS) + column];                \
  part[lane][at] = total;                                                                                              \
  SYNC();                                                                                                              \
  if (lane > 0 || column >= (COLUMNS)) return;                                                                         \
  total = 0;                                                                                                           \
  for (int l = 0; l < LANES; l++) total += part[l][at];                                                                \
  FINISH;

KERNEL(column_sums, const float *, x, double *, partial, unsigned *, counter, float *, sums, unsigned, rows, unsigned,
       columns) {
  NEEDS(x, (int64_t)rows * columns);
  SUM_ROWS(rows, columns, x[row * columns + column], sums[column] = (float)total)
}

KERNEL(heads_dw, const float *, dy, const float *, x, double *, partial, unsigned *, counter, float *, dw, unsigned,
       rows, unsigned, channels, unsigned, heads) {
  NEEDS(dy, (int64_t)rows * heads);
  NEEDS(x, (int64_t)rows * channels);
  SUM_ROWS(rows, heads * channels, dy[row * heads + column / channels] * x[row * channels + column % channels],
           dw[column] = (float)total)
}

// The term of head column of one row: nothing in the burn-in, cross-entropy for head 0, the squared error for others.
FN float loss_f(const float *y, const float *target, unsigned row, unsigned column, unsigned rows, unsigned heads,
                unsigned time, unsigned burn_in, float *slope) {
  *slope = 0;
  if (row % time < burn_in) return 0;
  float x = y[row * heads + column], want = target[column * rows + row];
  if (column == 0) return spike_f(x, want, slope);
  *slope = 2.0f * (x - want);
  return (x - want) * (x - want);
}

// sums [3][heads]: the terms' sums over this batch; over all batches since they were cleared; and those times the
// weights of their steps.
KERNEL(loss_sums, const float *, y, const float *, target, const float *, weight, double *, partial, unsigned *, counter, double *, sums,
       unsigned, rows, unsigned, heads, unsigned, time, unsigned, burn_in) {
  NEEDS(y, (int64_t)rows * heads);
  NEEDS(target, (int64_t)rows * heads);
  NEEDS(sums, 5 * heads);
  float slope;
  SUM_ROWS(rows, heads, loss_f(y, target, row, column, rows, heads, time, burn_in, &slope), {
    double counts = weight[column] != 0 ? weight[column] * total : 0; // what counts nothing may be NaN
    sums[column] = total;
    sums[heads + column] += total;
    sums[2 * heads + column] += counts;
    sums[3 * heads + column] += 1;
    if (counts - counts != 0 && sums[4 * heads + column] == 0) sums[4 * heads + column] = sums[3 * heads + column];
  })
}

KERNEL(loss_grad, const float *, y, const float *, target, const float *, weight, float *, dy, unsigned, rows, unsigned,
       heads, unsigned, time, unsigned, burn_in, float, scale) {
  NEEDS(target, (int64_t)rows * heads);
  NEEDS(dy, (int64_t)rows * heads);
  EACH(i, rows * heads);
  float slope;
  loss_f(y, target, i / heads, i % heads, rows, heads, time, burn_in, &slope);
  dy[i] = slope * (scale * weight[i % heads]);
}

// Batch normalisation. stats is [2][channels]: mean, 1/sqrt(variance + epsilon), over the rows past the burn-in, count
// of them; the running ones move by momentum.
KERNEL(norm_mean, const float *, x, double *, partial, unsigned *, counter, float *, stats, float *, running, unsigned,
       rows, unsigned, channels, unsigned, time, unsigned, burn_in, double, count, float, momentum) {
  NEEDS(x, (int64_t)rows * channels);
  SUM_ROWS(rows, channels, row % time < burn_in ? 0 : x[row * channels + column], {
    float mean = (float)(total / count);
    stats[column] = mean;
    running[column] += momentum * (mean - running[column]);
  })
}

FN float square_f(float x) { return x * x; }

KERNEL(norm_variance, const float *, x, double *, partial, unsigned *, counter, float *, stats, float *, running,
       unsigned, rows, unsigned, channels, unsigned, time, unsigned, burn_in, double, count, float, momentum, double,
       epsilon) {
  NEEDS(x, (int64_t)rows * channels);
  SUM_ROWS(rows, channels, row % time < burn_in ? 0 : square_f(x[row * channels + column] - stats[column]), {
    stats[channels + column] = (float)(1 / ROOT_D(total / count + epsilon));
    running[column] += momentum * ((float)(total / (count - 1)) - running[column]);
  })
}

KERNEL(norm_running, const float *, mean, const float *, variance, float *, stats, unsigned, channels, double, epsilon) {
  NEEDS(stats, 2 * channels);
  EACH(i, channels);
  stats[i] = mean[i];
  stats[channels + i] = (float)(1 / ROOT_D((double)variance[i] + epsilon));
}

KERNEL(norm, const float *, x, const float *, stats, const float *, gamma, const float *, beta, float *, y, unsigned, n,
       unsigned, channels) {
  NEEDS(x, n);
  NEEDS(y, n);
  EACH(i, n);
  unsigned c = i % channels;
  y[i] = (x[i] - stats[c]) * stats[channels + c] * gamma[c] + beta[c];
}

// sums [2][channels]: of dy, and of dy times the normalised x.
KERNEL(norm_sums, const float *, x, const float *, stats, const float *, dy, double *, partial, unsigned *, counter,
       float *, sums, unsigned, rows, unsigned, channels) {
  NEEDS(x, (int64_t)rows * channels);
  NEEDS(dy, (int64_t)rows * channels);
  SUM_ROWS(rows, 2 * channels,
           column < channels ? dy[row * channels + column]
                             : dy[row * channels + column - channels] *
                                   ((x[row * channels + column - channels] - stats[column - channels]) * stats[column]),
           sums[column] = (float)total)
}

// The gradient goes through the statistics for the rows that entered them, those past the burn-in.
KERNEL(norm_grad, const float *, x, const float *, stats, const float *, gamma, const float *, dy, const float *, sums,
       float *, dx, unsigned, n, unsigned, channels, unsigned, time, unsigned, burn_in, float, count) {
  NEEDS(x, n);
  NEEDS(dy, n);
  NEEDS(dx, n);
  EACH(i, n);
  unsigned c = i % channels;
  float inv = stats[channels + c], d = dy[i];
  if (i / channels % time >= burn_in) d -= sums[c] / count + (x[i] - stats[c]) * inv * (sums[channels + c] / count);
  dx[i] = gamma[c] * inv * d;
}

#include "gather.cuh"
#include "conv.cuh"
#include "recurrent.cuh"
#include "ssm.cuh"
#include "dense.cuh"
#include "attention.cuh"
#include "moe.cuh"
#include "solver.cuh"
#include "elm.cuh"
