// Branches and the Expressive Leaky Memory neuron (Spieler et al. 2024) on the GPU: what is per event goes through the
// event convolution, what is not recurrent through the dense one; here is what is between them. A scan over time is one
// launch: a block takes two sequences through all of it, with weights that fit in shared memory, else in its L1 cache.

// w [inputs][branches] of the event convolution: the sum over a synapse's slots on a branch of sign relu(slot).
// first [inputs+1] are where a synapse's slots begin, list [slots][2] each slot, ~slot of an inhibitory one, and branch.
KERNEL(branch_weights, const float *, slot, const int *, first, const int *, list, float *, w, unsigned, n, unsigned,
       branches) {
  NEEDS(first, n / branches + 1);
  NEEDS(w, n);
  EACH(i, n);
  const unsigned s = i / branches;
  const int branch = (int)(i % branches), last = first[s + 1];
  float sum = 0;
  for (int k = first[s]; k < last; k++) {
    const int at = list[2 * k];
    if (list[2 * k + 1] != branch) continue;
    const float v = slot[at < 0 ? ~at : at];
    if (!(v <= 0)) sum += at < 0 ? -v : v; // NaN stays
  }
  w[i] = sum;
}

// The slots' gradient: cell [slots] is where in dw a slot's is, ~cell of an inhibitory one, and none INT32_MIN.
KERNEL(branch_slots, const float *, slot, const int *, cell, const float *, dw, float *, d, unsigned, n) {
  NEEDS(slot, n);
  NEEDS(cell, n);
  NEEDS(d, n);
  EACH(i, n);
  const int at = cell[i];
  float v = 0;
  if (at != INT32_MIN && !(slot[i] <= 0)) v = at < 0 ? -dw[~at] : dw[at];
  d[i] = v;
}

// y[t] = keep y[t-1] + x[t], over time or, with back, against it: a thread a channel of a window, eight loads at a time.
KERNEL(leak, const float *, x, float, keep, float *, y, unsigned, n, unsigned, time, unsigned, channels, int, back) {
  enum { AHEAD = 8 };
  NEEDS(x, (int64_t)n * time);
  NEEDS(y, (int64_t)n * time);
  EACH(i, n);
  const int64_t step = back ? -(int64_t)channels : channels;
  int64_t at = (int64_t)(i / channels) * time * channels + i % channels + (back ? (int64_t)(time - 1) * channels : 0);
  float s = 0;
  for (unsigned t = 0; t < time; t += AHEAD) {
    float v[AHEAD];
    const int left = time - t < AHEAD ? (int)(time - t) : AHEAD;
#pragma GCC unroll 8
    for (int j = 0; j < AHEAD; j++) v[j] = j < left ? x[at + j * step] : 0;
#pragma GCC unroll 8
    for (int j = 0; j < AHEAD; j++) {
      s = keep * s + v[j];
      if (j < left) y[at + j * step] = s;
    }
    at += AHEAD * step;
  }
}

// exp(x) - 1 for x <= 0, to a few roundings of itself: the series near 0.
FN float exp_less_one(float x) {
  float p = 1.0f / 5040;
  p = p * x + 1.0f / 720;
  p = p * x + 1.0f / 120;
  p = p * x + 1.0f / 24;
  p = p * x + 1.0f / 6;
  p = p * x + 0.5f;
  p = p * x + 1.0f;
  return x > -0.3f ? p * x : exp_f(x) - 1;
}

// What memory keeps of itself and gains of the tanh in a ms, and their slopes in the weight of its time constant.
typedef struct {
  float keep, gain, dkeep, dgain;
} decay_f;

FN decay_f decay_of(float w, float least, float most, float lambda, float step, int version) {
  const float s = sigmoid_f(w), tau = least + (most - least) * s, rate = step / tau;
  const float slope = (most - least) * s * (1 - s) * rate / tau, lost = -exp_less_one(-rate), scale = 1.7159f;
  decay_f d = {1 - lost, scale * lambda * lost, (1 - lost) * slope, 0};
  d.dgain = -scale * lambda * d.dkeep;
  if (version == 2) {
    const float left = exp_less_one(-lambda * rate);
    d.gain = -scale * left, d.dgain = -scale * lambda * (1 + left) * slope;
  }
  return d;
}

// decay [2][n]: keep and gain.
KERNEL(decay, const float *, w, float *, decay, unsigned, n, float, least, float, most, float, lambda, float, step, int,
       version) {
  NEEDS(w, n);
  NEEDS(decay, 2 * n);
  EACH(i, n);
  const decay_f d = decay_of(w[i], least, most, lambda, step, version);
  decay[i] = d.keep, decay[n + i] = d.gain;
}

KERNEL(decay_slope, const float *, w, const float *, grad, float *, dw, unsigned, n, float, least, float, most, float,
       lambda, float, step, int, version) {
  NEEDS(grad, 2 * n);
  NEEDS(dw, n);
  EACH(i, n);
  const decay_f d = decay_of(w[i], least, most, lambda, step, version);
  dw[i] = d.dkeep * grad[i] + d.dgain * grad[n + i];
}

// Of a scan: the sequences of a block, and the most that a neuron may have of hidden units and of memory (ops knows
// them too). Weights of both directions are held in shared memory where they are no more than ELM_HELD.
enum { ELM_TWO = 2, ELM_HIDDEN = 512, ELM_MEMORY = 256, ELM_HELD = 7168 };

// For every n < N and r < ELM_TWO what follows w, with the float s, the sum over k < K of a[r][k] w[k*N + n]: K is split among the
// threads, whose parts are added in order. A barrier comes before it, and one is to come after.
#define ELM_PRODUCT(N, K, a, w, ...)                                                                                   \
  {                                                                                                                    \
    const int splits = (N) < BLOCK_THREADS ? BLOCK_THREADS / (N) : 1, q_ = THREAD / (N);                               \
    for (int n_ = splits > 1 ? THREAD % (N) : THREAD; n_ < (N) && (splits == 1 || q_ < splits);                        \
         n_ += splits > 1 ? (N) : BLOCK_THREADS) {                                                                     \
      const int to_ = splits > 1 ? (K) * (q_ + 1) / splits : (K);                                                      \
      float s0 = 0, s1 = 0;                                                                                            \
      _Pragma("GCC unroll 4") for (int k = splits > 1 ? (K)*q_ / splits : 0; k < to_; k++) {                           \
        const float v_ = w[k * (N) + n_];                                                                              \
        s0 += a[0][k] * v_, s1 += a[1][k] * v_;                                                                        \
      }                                                                                                                \
      const int p_ = splits > 1 ? THREAD : n_;                                                                         \
      part[0][p_] = s0, part[1][p_] = s1;                                                                              \
    }                                                                                                                  \
    SYNC();                                                                                                            \
    for (int i = THREAD, j = 0; i < ELM_TWO * (N); i += BLOCK_THREADS, j++) {                                          \
      const int r = i / (N), n = i % (N);                                                                              \
      float s = 0;                                                                                                     \
      for (int q = 0; q < splits; q++) s += part[r][q * (N) + n];                                                      \
      const unsigned row = BLOCK * ELM_TWO + r;                                                                        \
      const unsigned at = (row * time + (unsigned)t) * (unsigned)(N) + n;                                              \
      __VA_ARGS__                                                                                                      \
    }                                                                                                                  \
  }

// Memory over time. z [rows][time][hidden] is what the hidden units get from the inputs, without their bias, and then
// the units before their activation; m and y [rows][time][memory]; w1 [memory][hidden], w2 [hidden][memory], decay
// [2][memory]. What a ms reads is asked for a ms before.
KERNEL(elm_scan, const float *, drive, const float *, w1, const float *, b1, const float *, w2, const float *, b2,
       const float *, decay, float *, m, float *, z, float *, y, unsigned, rows, unsigned, time, int, hidden, int, memory,
       int, act) {
  NEEDS(drive, (int64_t)rows * time * hidden);
  NEEDS(w1, memory * hidden);
  NEEDS(w2, memory * hidden);
  NEEDS(decay, 2 * memory);
  NEEDS(m, (int64_t)rows * time * memory);
  NEEDS(z, (int64_t)rows * time * hidden);
  NEEDS(y, (int64_t)rows * time * memory);
  SHARED float held[ELM_HELD], h[ELM_TWO][ELM_HIDDEN], km[ELM_TWO][ELM_MEMORY], part[ELM_TWO][ELM_HIDDEN];
  const int n = hidden * memory, fit = 2 * n <= ELM_HELD;
  if (fit)
    for (int i = THREAD; i < n; i += BLOCK_THREADS) held[i] = w1[i], held[n + i] = w2[i];
  for (int i = THREAD; i < ELM_TWO * memory; i += BLOCK_THREADS) km[i / memory][i % memory] = 0;
  const float *u = fit ? held : w1, *v = fit ? held + n : w2;
  enum { AHEAD = ELM_TWO * ELM_HIDDEN / BLOCK_THREADS };
  float next[AHEAD];
#pragma GCC unroll 4
  for (int j = 0; j < AHEAD; j++) {
    const int i = THREAD + j * BLOCK_THREADS;
    const unsigned row = BLOCK * ELM_TWO + i / hidden;
    next[j] = i < ELM_TWO * hidden && row < rows ? drive[row * time * hidden + i % hidden] : 0;
  }
  SYNC();
  for (unsigned t = 0; t < time; t++) {
    float now[AHEAD];
#pragma GCC unroll 4
    for (int j = 0; j < AHEAD; j++) {
      const int i = THREAD + j * BLOCK_THREADS;
      const unsigned row = BLOCK * ELM_TWO + i / hidden;
      now[j] = next[j];
      if (i < ELM_TWO * hidden && row < rows && t + 1 < time)
        next[j] = drive[(row * time + t + 1) * hidden + i % hidden];
    }
    ELM_PRODUCT(hidden, memory, km, u, {
      s += b1[n] + (j == 0 ? now[0] : j == 1 ? now[1] : j == 2 ? now[2] : now[3]);
      h[r][n] = act_f(act, s);
      if (row < rows) z[at] = s;
    })
    SYNC();
    ELM_PRODUCT(memory, hidden, h, v, {
      (void)j;
      const float o = tanh_f(2.0f / 3 * (s + b2[n])), next_m = km[r][n] + decay[memory + n] * o;
      km[r][n] = decay[n] * next_m;
      if (row < rows) m[at] = next_m, y[at] = o;
    })
    SYNC();
  }
}

// Back over time, from the gradient dm with respect to m: z becomes the activated hidden units, gz [rows][time][hidden]
// their gradient before activation. kept is [4][rows*time][memory] and more: y, which is read, then the gradient of what
// tanh took, and m a ms before; then, [blocks][2][memory], sums over a block's sequences and time of the gradients with
// respect to decay, without keep's through w1. u [hidden][memory] and v [memory][hidden] are w1 and w2 transposed.
KERNEL(elm_scan_back, const float *, dm, const float *, m, const float *, u, const float *, v, const float *, decay,
       float *, kept, float *, z, float *, gz, unsigned, rows, unsigned, time, int, hidden, int, memory, int, act) {
  const unsigned all = rows * time * memory;
  NEEDS(dm, all);
  NEEDS(m, all);
  NEEDS(u, memory * hidden);
  NEEDS(v, memory * hidden);
  NEEDS(kept, 3 * all + (int64_t)BLOCKS * 2 * memory);
  NEEDS(z, (int64_t)rows * time * hidden);
  NEEDS(gz, (int64_t)rows * time * hidden);
  const float *y = kept;
  float *gs = kept + all, *before = gs + all, *sums = before + all + BLOCK * 2 * memory;
  SHARED float held[ELM_HELD], g[ELM_TWO][ELM_HIDDEN], d[ELM_TWO][ELM_MEMORY], carry[ELM_TWO][ELM_MEMORY];
  SHARED float part[ELM_TWO][ELM_HIDDEN];
  const int n = hidden * memory, fit = 2 * n <= ELM_HELD;
  if (fit)
    for (int i = THREAD; i < n; i += BLOCK_THREADS) held[i] = u[i], held[n + i] = v[i];
  for (int i = THREAD; i < ELM_TWO * memory; i += BLOCK_THREADS) carry[i / memory][i % memory] = 0;
  const float *ut = fit ? held : u, *vt = fit ? held + n : v;
  enum { AHEAD = 2, OWN = ELM_TWO * ELM_MEMORY / BLOCK_THREADS };
  float keeps[OWN] = {0}, gains[OWN] = {0};
  SYNC();
  for (unsigned t = time; t-- > 0;) {
    float zs[AHEAD];
#pragma GCC unroll 2
    for (int j = 0; j < AHEAD; j++) { // used after the first product
      const int i = THREAD + j * BLOCK_THREADS;
      const unsigned row = BLOCK * ELM_TWO + i / hidden;
      zs[j] = i < ELM_TWO * hidden && row < rows ? z[(row * time + t) * hidden + i % hidden] : 0;
    }
#pragma GCC unroll 2
    for (int j = 0; j < OWN; j++) {
      const int i = THREAD + j * BLOCK_THREADS;
      if (i >= ELM_TWO * memory) continue;
      const int r = i / memory, c = i % memory;
      const unsigned row = BLOCK * ELM_TWO + r;
      const unsigned at = (row * time + t) * memory + c;
      float s = 0, x = 0, past = 0;
      if (row < rows) s = dm[at] + carry[r][c], x = y[at], past = t > 0 ? m[at - memory] : 0;
      keeps[j] += s * past, gains[j] += s * x;
      const float o = s * decay[memory + c] * (2.0f / 3) * (1 - x * x);
      d[r][c] = o;
      carry[r][c] = s * decay[c];
      if (row < rows) gs[at] = o, before[at] = past;
    }
    SYNC();
    ELM_PRODUCT(hidden, memory, d, vt, {
      const float x = j == 0 ? zs[0] : j == 1 ? zs[1] : row < rows ? z[at] : 0;
      s *= act_slope(act, x);
      g[r][n] = s;
      if (row < rows) gz[at] = s, z[at] = act_f(act, x);
    })
    SYNC();
    ELM_PRODUCT(memory, hidden, g, ut, {
      (void)j, (void)at, (void)row;
      carry[r][n] += decay[n] * s;
    })
    SYNC();
  }
#pragma GCC unroll 2
  for (int j = 0; j < OWN; j++) {
    const int i = THREAD + j * BLOCK_THREADS;
    if (i < ELM_TWO * memory) d[i / memory][i % memory] = keeps[j], carry[i / memory][i % memory] = gains[j];
  }
  SYNC();
  for (int i = THREAD; i < memory; i += BLOCK_THREADS) sums[i] = d[0][i] + d[1][i], sums[memory + i] = carry[0][i] + carry[1][i];
}

// w1's gradient dw [memory][hidden] from the sums over time of m a ms before times the hidden units' gradient, which it
// holds; and through them keep's, added to dkeep: a warp a row.
KERNEL(elm_finish, const float *, w1, const float *, keep, float *, dw, float *, dkeep, unsigned, hidden, unsigned,
       memory) {
  NEEDS(w1, hidden * memory);
  NEEDS(dw, hidden * memory);
  NEEDS(dkeep, memory);
  const unsigned row = BLOCK * (BLOCK_THREADS / 32) + THREAD / 32, lane = THREAD % 32;
  float s = 0;
  if (row < memory)
    for (unsigned c = lane; c < hidden; c += 32) {
      const unsigned i = row * hidden + c;
      const float v = dw[i];
      s += w1[i] * v;
      dw[i] = keep[row] * v;
    }
  s = WARP_SUM(s);
  if (row < memory && lane == 0) dkeep[row] += s;
}
