// LSTM and GRU over time, one persistent kernel a pass: a block takes RECUR_ROWS windows through all of their ms, their h in
// shared memory, [unit][row]; weights come from the L2 cache every ms, each once for the block's rows. A ms is a product,
// each thread some columns of it, and then the units, each thread some units of a row.
#include "recurrent.h"

enum { RECUR_ROWS = 4, RECUR_UNITS = 512 }; // windows of a block; units at most, by shared memory

typedef struct { float v[RECUR_ROWS] __attribute__((aligned(16))); } recur_rows; // a number of every row of the block

// s += a at from <= p < to, times column w[p*columns].
FN recur_rows recur_dot(recur_rows s, const recur_rows *a, const float *w, unsigned columns, int from, int to) {
#pragma GCC unroll 8
  for (int p = from; p < to; p++) {
    recur_rows h = a[p];
    float b = w[(unsigned)p * columns];
    for (int r = 0; r < RECUR_ROWS; r++) s.v[r] += h.v[r] * b;
  }
  return s;
}

// The window of row r of this block; those past the last repeat it, and write nothing.
#define RECUR_WINDOW(r) (BLOCK * RECUR_ROWS + (r) < (unsigned)batch ? BLOCK * RECUR_ROWS + (r) : (unsigned)batch - 1)
#define RECUR_EXISTS(r) (BLOCK * RECUR_ROWS + (r) < (unsigned)batch)

// y [batch][time][units]; where kept is 1, gates [batch][time][4 units] and cells [batch][time][units].
KERNEL(lstm, const float *, x, const float *, w, float *, y, float *, gates, float *, cells, int, batch, int, time, int,
       units, int, kept) {
  const unsigned m = 4 * units;
  NEEDS(x, (int64_t)batch * time * m);
  NEEDS(w, (int64_t)units * m);
  NEEDS(y, (int64_t)batch * time * units);
  NEEDS(gates, (int64_t)batch * time * m * kept);
  NEEDS(cells, (int64_t)batch * time * units * kept);
  SHARED recur_rows h_[RECUR_UNITS], c_[RECUR_UNITS], z_[4 * RECUR_UNITS];
  for (int u = THREAD; u < units; u += BLOCK_THREADS)
    for (int r = 0; r < RECUR_ROWS; r++) h_[u].v[r] = c_[u].v[r] = 0;
  SYNC();
  for (int t = 0; t < time; t++) {
    for (unsigned q = THREAD; q < m; q += BLOCK_THREADS) {
      recur_rows s;
      for (int r = 0; r < RECUR_ROWS; r++) s.v[r] = x[(RECUR_WINDOW(r) * time + t) * m + q];
      z_[q] = recur_dot(s, h_, w + q, m, 0, units);
    }
    SYNC();
    for (int e = THREAD; e < units * RECUR_ROWS; e += BLOCK_THREADS) {
      const int u = e % units, r = e / units;
      float i = z_[u].v[r], f = z_[units + u].v[r], g = z_[2 * units + u].v[r], o = z_[3 * units + u].v[r];
      const float h = lstm_f(&i, &f, &g, &o, &c_[u].v[r]);
      const unsigned at = RECUR_WINDOW(r) * time + t;
      h_[u].v[r] = h;
      if (!RECUR_EXISTS(r)) continue;
      y[at * units + u] = h;
      if (!kept) continue;
      float *gate = gates + at * m + u;
      gate[0] = i, gate[units] = f, gate[2 * units] = g, gate[3 * units] = o;
      cells[at * units + u] = c_[u].v[r];
    }
    SYNC();
  }
}

// On the way back the product's depth is split where that gives every thread a column; parts lie one after the other.
#define RECUR_SPLITS (units < BLOCK_THREADS ? BLOCK_THREADS / units : 1)
#define RECUR_BACK(D, H, M)                                                                                            \
  for (int e = THREAD; e < units * splits; e += BLOCK_THREADS) {                                                       \
    const int s = e / units;                                                                                           \
    const recur_rows zero = {{0}};                                                                                     \
    (H)[e] = recur_dot(zero, D, back + e % units, units, (int)(M)*s / splits, (int)(M) * (s + 1) / splits);            \
  }

// back [4 units][units] is the weights transposed.
KERNEL(lstm_grad, const float *, dy, const float *, back, const float *, gates, const float *, cells, float *, dx, int,
       batch, int, time, int, units) {
  const unsigned m = 4 * units;
  NEEDS(dy, (int64_t)batch * time * units);
  NEEDS(back, (int64_t)units * m);
  NEEDS(gates, (int64_t)batch * time * m);
  NEEDS(cells, (int64_t)batch * time * units);
  NEEDS(dx, (int64_t)batch * time * m);
  SHARED recur_rows h_[RECUR_UNITS], c_[RECUR_UNITS], z_[4 * RECUR_UNITS];
  const int splits = RECUR_SPLITS;
  for (int u = THREAD; u < units * splits; u += BLOCK_THREADS)
    for (int r = 0; r < RECUR_ROWS; r++) h_[u].v[r] = c_[u].v[r] = 0;
  SYNC();
  for (int t = time - 1; t >= 0; t--) {
    for (int e = THREAD; e < units * RECUR_ROWS; e += BLOCK_THREADS) {
      const int u = e % units, r = e / units;
      const unsigned at = RECUR_WINDOW(r) * time + t;
      const float *gate = gates + at * m + u;
      float i = gate[0], f = gate[units], g = gate[2 * units], o = gate[3 * units], dh = dy[at * units + u];
      for (int s = 0; s < splits; s++) dh += h_[s * units + u].v[r];
      lstm_grad_f(&i, &f, &g, &o, cells[at * units + u], t ? cells[(at - 1) * units + u] : 0, dh, &c_[u].v[r]);
      z_[u].v[r] = i, z_[units + u].v[r] = f, z_[2 * units + u].v[r] = g, z_[3 * units + u].v[r] = o;
      if (!RECUR_EXISTS(r)) continue;
      float *d = dx + at * m + u;
      d[0] = i, d[units] = f, d[2 * units] = g, d[3 * units] = o;
    }
    SYNC();
    RECUR_BACK(z_, h_, m)
    SYNC();
  }
}

// gates [batch][time][4 units] are r, z, n and q.
KERNEL(gru, const float *, x, const float *, w, const float *, bias, float *, y, float *, gates, int, batch, int, time,
       int, units, int, kept) {
  const unsigned m = 3 * units;
  NEEDS(x, (int64_t)batch * time * m);
  NEEDS(w, (int64_t)units * m);
  NEEDS(bias, units);
  NEEDS(y, (int64_t)batch * time * units);
  NEEDS(gates, (int64_t)batch * time * 4 * units * kept);
  SHARED recur_rows h_[RECUR_UNITS], z_[3 * RECUR_UNITS];
  for (int u = THREAD; u < units; u += BLOCK_THREADS)
    for (int r = 0; r < RECUR_ROWS; r++) h_[u].v[r] = 0;
  SYNC();
  for (int t = 0; t < time; t++) {
    for (unsigned q = THREAD; q < m; q += BLOCK_THREADS) {
      recur_rows s;
      for (int r = 0; r < RECUR_ROWS; r++)
        s.v[r] = q < 2 * (unsigned)units ? x[(RECUR_WINDOW(r) * time + t) * m + q] : bias[q - 2 * units];
      z_[q] = recur_dot(s, h_, w + q, m, 0, units);
    }
    SYNC();
    for (int e = THREAD; e < units * RECUR_ROWS; e += BLOCK_THREADS) {
      const int u = e % units, r = e / units;
      const unsigned at = RECUR_WINDOW(r) * time + t;
      float a = z_[u].v[r], z = z_[units + u].v[r], n = x[at * m + 2 * units + u], q = z_[2 * units + u].v[r];
      const float h = gru_f(&a, &z, &n, q, h_[u].v[r]);
      h_[u].v[r] = h;
      if (!RECUR_EXISTS(r)) continue;
      y[at * units + u] = h;
      if (!kept) continue;
      float *gate = gates + at * 4 * units + u;
      gate[0] = a, gate[units] = z, gate[2 * units] = n, gate[3 * units] = q;
    }
    SYNC();
  }
}

// dz is the gradient of the product, as long as dx.
KERNEL(gru_grad, const float *, dy, const float *, back, const float *, gates, const float *, y, float *, dx, float *, dz,
       int, batch, int, time, int, units) {
  const unsigned m = 3 * units;
  NEEDS(dy, (int64_t)batch * time * units);
  NEEDS(back, (int64_t)units * m);
  NEEDS(gates, (int64_t)batch * time * 4 * units);
  NEEDS(y, (int64_t)batch * time * units);
  NEEDS(dx, (int64_t)batch * time * m);
  NEEDS(dz, (int64_t)batch * time * m);
  SHARED recur_rows h_[RECUR_UNITS], through_[RECUR_UNITS], z_[3 * RECUR_UNITS];
  const int splits = RECUR_SPLITS;
  for (int u = THREAD; u < units * splits; u += BLOCK_THREADS)
    for (int r = 0; r < RECUR_ROWS; r++) h_[u].v[r] = through_[u].v[r] = 0;
  SYNC();
  for (int t = time - 1; t >= 0; t--) {
    for (int e = THREAD; e < units * RECUR_ROWS; e += BLOCK_THREADS) {
      const int u = e % units, r = e / units;
      const unsigned at = RECUR_WINDOW(r) * time + t;
      const float *gate = gates + at * 4 * units + u;
      float a = gate[0], z = gate[units], n = gate[2 * units], q = gate[3 * units];
      float d = dy[at * units + u] + through_[u].v[r];
      for (int s = 0; s < splits; s++) d += h_[s * units + u].v[r];
      through_[u].v[r] = gru_grad_f(&a, &z, &n, &q, t ? y[(at - 1) * units + u] : 0, d);
      z_[u].v[r] = a, z_[units + u].v[r] = z, z_[2 * units + u].v[r] = q;
      if (!RECUR_EXISTS(r)) continue;
      float *to = dx + at * m + u;
      to[0] = a, to[units] = z, to[2 * units] = n;
      to = dz + at * m + u;
      to[0] = a, to[units] = z, to[2 * units] = q;
    }
    SYNC();
    RECUR_BACK(z_, h_, m)
    SYNC();
  }
}

KERNEL(transpose, const float *, w, float *, to, unsigned, n, unsigned, columns) {
  NEEDS(w, n);
  NEEDS(to, n);
  EACH(i, n);
  unsigned rows = n / columns;
  to[i] = w[i % rows * columns + i / rows];
}

// The sum over rows and ms of h a ms before times dz: dw [units][columns] over a split of the rows, as conv_dw.
KERNEL(delayed_dw, const float *, h, const float *, dz, float *, part, unsigned, rows, unsigned, time, unsigned, units,
       unsigned, columns, unsigned, splits) {
  NEEDS(h, (int64_t)rows * units);
  NEEDS(dz, (int64_t)rows * columns);
  NEEDS(part, (int64_t)splits * units * columns);
  const unsigned across = (columns + TILE_MN - 1) / TILE_MN, split = BLOCK % splits;
  const unsigned m0 = BLOCK / splits / across * TILE_MN, n0 = BLOCK / splits % across * TILE_MN;
  const unsigned from = (unsigned)((uint64_t)rows * split / splits);
  const unsigned to = (unsigned)((uint64_t)rows * (split + 1) / splits);
  PRODUCT_FP32(units, columns, from, to, 0, before_f(h, k, 1, 1, time, units, m), 0, dz[k * columns + n],
               part[((uint64_t)split * units + m) * columns + n] = v)
}

KERNEL(gru_db, const float *, dz, double *, partial, unsigned *, counter, float *, sums, unsigned, rows, unsigned, units) {
  NEEDS(dz, (int64_t)rows * 3 * units);
  SUM_ROWS(rows, units, dz[(row * 3 + 2) * units + column], sums[column] = (float)total)
}
