// The Expressive Leaky Memory neuron (Spieler et al. 2024) over time, and back through it:
//
//	z[t] = b1 + x[t] W1x + (keep m[t-1]) W1m    hidden units before their activation
//	y[t] = tanh(2/3 (act(z[t]) W2 + b2))
//	m[t] = keep m[t-1] + gain y[t]
//
// Channels are in the lanes, so that up to ELM_ROWS sequences go together: a vector of weights is loaded once for all of
// them, and their chains of additions hide each other's latency. Only m depends on time: the inputs' part of z and all
// gradients of weights are matrix products over pieces of ELM_PIECE ms. Rows are padded to whole vectors with zeros,
// which stay zero: weights are packed for that.

typedef struct {
  int in, hidden, memory;    // channels; in 0: x is z's part from the inputs, [hidden]
  int hp, dp, ip;            // hidden, memory and in, padded
  int64_t x, k, b1, w2, b2;  // W1x [in][hp], keep W1m [memory][hp], b1 [hp], 2/3 W2 [hidden][dp], 2/3 b2 [dp]
  int64_t keep, gain;        // [dp]
  int64_t w2t, kt, xt, size; // the transposed [memory][hp], [hidden][dp], [hidden][ip]
} elm_packed;

enum { ELM_PIECE = 32 };

FN int whole(int n) { return (n + VW - 1) / VW * VW; }

FN elm_packed elm_shape(nets_elm e) {
  const int in = e.in, hidden = e.hidden, memory = e.memory;
  elm_packed p = {in, hidden, memory, whole(hidden), whole(memory), whole(in)};
  int64_t at = 0;
#define TAKE_ROOM(name, n) p.name = at, at += (int64_t)(n)
  TAKE_ROOM(x, in * p.hp);
  TAKE_ROOM(k, memory * p.hp);
  TAKE_ROOM(b1, p.hp);
  TAKE_ROOM(w2, hidden * p.dp);
  TAKE_ROOM(b2, p.dp);
  TAKE_ROOM(keep, p.dp);
  TAKE_ROOM(gain, p.dp);
  TAKE_ROOM(w2t, memory * p.hp);
  TAKE_ROOM(kt, hidden * p.dp);
  TAKE_ROOM(xt, hidden * p.ip);
#undef TAKE_ROOM
  p.size = at;
  return p;
}

// to [rows][whole(columns)] = scale row[r] from, element (r, c) at from[r*rb + c*cb]; row NULL: 1 each.
static void elm_place(const float *from, int64_t rb, int64_t cb, int rows, int columns, float scale, const float *row,
                      const float *column, float *to) {
  int n = whole(columns);
  for (int r = 0; r < rows; r++, to += n) {
    float s = row ? scale * row[r] : scale;
    for (int c = 0; c < columns; c++) to[c] = from[r * rb + c * cb] * (column ? s * column[c] : s);
    for (int c = columns; c < n; c++) to[c] = 0;
  }
}

// w1 [in+memory][hidden], w2 [hidden][memory], decay [2][memory]: keep, gain.
static void elm_pack(nets_elm e, const float *w1, const float *b1, const float *w2, const float *b2, const float *decay,
                     int back, float *to) {
  const elm_packed p = elm_shape(e);
  const int in = e.in, hidden = e.hidden, memory = e.memory;
  const float *wm = w1 + (int64_t)in * hidden;
  elm_place(w1, hidden, 1, in, hidden, 1, 0, 0, to + p.x);
  elm_place(wm, hidden, 1, memory, hidden, 1, decay, 0, to + p.k);
  elm_place(b1, 0, 1, 1, hidden, 1, 0, 0, to + p.b1);
  elm_place(w2, memory, 1, hidden, memory, 2.0f / 3, 0, 0, to + p.w2);
  elm_place(b2, 0, 1, 1, memory, 2.0f / 3, 0, 0, to + p.b2);
  elm_place(decay, 0, 1, 1, memory, 1, 0, 0, to + p.keep);
  elm_place(decay + memory, 0, 1, 1, memory, 1, 0, 0, to + p.gain);
  if (!back) return;
  elm_place(w2, 1, memory, memory, hidden, 2.0f / 3, 0, 0, to + p.w2t);
  elm_place(wm, 1, hidden, hidden, memory, 1, 0, decay, to + p.kt);
  elm_place(w1, 1, hidden, hidden, in, 1, 0, 0, to + p.xt);
}

// c [rows][..] += a [rows][k] b [k][n], n whole vectors, for the few rows of a step.
FN void elm_step(int rows, int n, int k, const float *a, int64_t ra, const float *b, float *c, int64_t ldc) {
#define STEP_ROWS(R, NV) tile(R, NV, k, a + i * ra, ra, 1, b + j, n, c + i * ldc + j, ldc), i += R
  int j = 0;
#define STEP_COLUMNS(NV, LARGE)                                                                                        \
  {                                                                                                                    \
    int i = 0;                                                                                                         \
    while (rows - i >= LARGE) STEP_ROWS(LARGE, NV);                                                                    \
    if (LARGE > 4 && rows - i >= 4) STEP_ROWS(4, NV);                                                                  \
    if (rows - i >= 2) STEP_ROWS(2, NV);                                                                               \
    if (rows - i >= 1) STEP_ROWS(1, NV);                                                                               \
    j += NV * VW;                                                                                                      \
  }
#if VBYTES == 64
  while (n - j > 4 * VW || n - j == 3 * VW) STEP_COLUMNS(3, 8)
  while (n - j >= 2 * VW) STEP_COLUMNS(2, 8)
#else
  while (n - j >= 2 * VW) STEP_COLUMNS(2, 4)
#endif
  if (n - j) STEP_COLUMNS(1, 8)
#undef STEP_COLUMNS
#undef STEP_ROWS
}

// c [m][n] += a b, element (i, p) of a at a[i*ra + p*ca], b [k][n], n whole vectors.
static void elm_product(int m, int n, int64_t k, const float *a, int64_t ra, int64_t ca, const float *b, float *c) {
  for (int j = 0; j < n; j += PANEL_COLUMNS) {
    int nv = (n - j < PANEL_COLUMNS ? n - j : PANEL_COLUMNS) / VW;
    for (int64_t p = 0; p < k; p += DEPTH)
      panel(nv, m, k - p < DEPTH ? k - p : DEPTH, a + p * ca, ra, ca, b + p * n + j, n, c + j, n);
  }
}

// to [rows][n] without the padding of from [rows][whole(n)]: whole vectors where what they write too far is written later.
static void elm_unpad(const float *from, int64_t rows, int n, float *to) {
  const int wide = whole(n);
  const int64_t end = rows * n;
  for (int64_t r = 0; r < rows; r++, from += wide)
    if (r * n + wide <= end)
      for (int c = 0; c < wide; c += VW) STORE(to + r * n + c, LOAD(from + c));
    else
      for (int c = 0; c < n; c++) to[r * n + c] = from[c];
}

// to [rows][whole(n)] from [rows][n], of which there may be no more: whole vectors where the next rows are read into too.
static void elm_pad(const float *from, int64_t rows, int n, float *to) {
  const int wide = whole(n), full = n / VW * VW;
  typedef int32_t I __attribute__((vector_size(VBYTES)));
  I kept;
  for (int i = 0; i < VW; i++) kept[i] = full + i < n ? -1 : 0;
  for (int64_t r = 0; r < rows; r++, to += wide, from += n) {
    for (int c = 0; c < full; c += VW) STORE(to + c, LOAD(from + c));
    if (full == n) continue;
    if (r * n + wide <= rows * n) {
      STORE(to + full, (V)((I)LOAD(from + full) & kept));
    } else {
      for (int c = full; c < n; c++) to[c] = from[c];
      for (int c = n; c < wide; c++) to[c] = 0;
    }
  }
}

#define ELM_ACT(KIND)                                                                                                  \
  case KIND:                                                                                                           \
    for (int64_t i = 0; i < n; i++) h[i] = act_f(KIND, z[i]);                                                          \
    break;
#define ELM_SLOPE(KIND)                                                                                                \
  case KIND:                                                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      float v = z[i];                                                                                                  \
      h[i] = act_f(KIND, v), slope[i] = act_slope(KIND, v);                                                            \
    }                                                                                                                  \
    break;

FN void elm_act(int kind, const float *restrict z, float *restrict h, int64_t n) {
  switch (kind) { ELM_ACT(ACT_RELU) ELM_ACT(ACT_GELU) ELM_ACT(ACT_SILU) ELM_ACT(ACT_TANH) }
}

static void elm_act_slope(int kind, const float *restrict z, float *restrict h, float *restrict slope, int64_t n) {
  switch (kind) { ELM_SLOPE(ACT_RELU) ELM_SLOPE(ACT_GELU) ELM_SLOPE(ACT_SILU) ELM_SLOPE(ACT_TANH) }
}

// z of some ms of one sequence from the inputs alone.
FN void elm_drive(const elm_packed *p, const float *w, const float *x, int n, float *z) {
  if (p->in == 0) {
    elm_pad(x, n, p->hidden, z);
    for (int t = 0; t < n; t++)
      for (int c = 0; c < p->hp; c += VW)
        STORE(z + (int64_t)t * p->hp + c, LOAD(z + (int64_t)t * p->hp + c) + LOAD(w + p->b1 + c));
    return;
  }
  for (int t = 0; t < n; t++) memcpy(z + (int64_t)t * p->hp, w + p->b1, sizeof(float) * p->hp);
  elm_product(n, p->hp, p->in, x, p->in, 1, w + p->x, z);
}

// Forward over time for at most ELM_ROWS sequences: x [rows][time][in], m [rows][time][memory]. state [rows][memory] is
// m before and after, NULL: from 0. z [rows][time][hp] and y [rows][time][dp] keep what the way back needs, or are NULL.
static void elm_forward(nets_elm e, const float *w, int rows, int64_t time, const float *x, float *state, float *m,
                        float *z, float *y, float *room) {
  const unsigned mode = flush_on();
  const elm_packed p = elm_shape(e);
  const int in = e.in, hidden = e.hidden, memory = e.memory, hp = p.hp, dp = p.dp, wide = in ? in : hidden;
  float *h = room, *ms = h + ELM_ROWS * hp, *s = ms + (int64_t)ELM_ROWS * (ELM_PIECE + 1) * dp;
  float *zs = s + ELM_ROWS * dp; // of a piece, where z is not kept
  const float *keep = w + p.keep, *gain = w + p.gain, *b2 = w + p.b2;
  const int64_t lm = (ELM_PIECE + 1) * dp; // from a sequence to the next in ms
  for (int r = 0; r < rows; r++) {
    memset(ms + r * lm, 0, sizeof(float) * dp);
    if (state) memcpy(ms + r * lm, state + (int64_t)r * memory, sizeof(float) * memory);
  }
  for (int64_t t0 = 0; t0 < time; t0 += ELM_PIECE) {
    const int n = time - t0 < ELM_PIECE ? time - t0 : ELM_PIECE;
    float *zp = z ? z + t0 * hp : zs;
    const int64_t lz = z ? time * hp : ELM_PIECE * hp;
    if (time == 1 && in) { // a stream's: all sequences in one product
      for (int r = 0; r < rows; r++) memcpy(zp + r * lz, w + p.b1, sizeof(float) * hp);
      elm_step(rows, hp, in, x, in, w + p.x, zp, lz);
    } else {
      for (int r = 0; r < rows; r++) elm_drive(&p, w, x + (r * time + t0) * wide, n, zp + r * lz);
    }
    for (int t = 0; t < n; t++) {
      elm_step(rows, hp, memory, ms + (int64_t)t * dp, lm, w + p.k, zp + (int64_t)t * hp, lz);
      for (int r = 0; r < rows; r++) {
        elm_act(e.act, zp + r * lz + (int64_t)t * hp, h + r * hp, hp);
        memcpy(s + r * dp, b2, sizeof(float) * dp);
      }
      elm_step(rows, dp, hidden, h, hp, w + p.w2, s, dp);
      for (int r = 0; r < rows; r++) {
        float *at = ms + r * lm + (int64_t)t * dp, *o = s + r * dp;
#pragma GCC ivdep
        for (int c = 0; c < dp; c++) {
          float v = tanh_f(o[c]);
          o[c] = v;
          at[dp + c] = keep[c] * at[c] + gain[c] * v;
        }
        if (y) memcpy(y + (r * time + t0 + t) * dp, o, sizeof(float) * dp);
      }
    }
    for (int r = 0; r < rows; r++) {
      elm_unpad(ms + r * lm + dp, n, memory, m + (r * time + t0) * memory);
      memcpy(ms + r * lm, ms + r * lm + (int64_t)n * dp, sizeof(float) * dp);
    }
  }
  if (state)
    for (int r = 0; r < rows; r++) memcpy(state + (int64_t)r * memory, ms + r * lm, sizeof(float) * memory);
  flush_restore(mode);
}

// Sums over time, as wide as the packed weights they are for: of the gradients with respect to W1x [in][hp], to keep m
// before times W1m [memory][hp], to b1 [hp], 2/3 W2 [hidden][dp], 2/3 b2 [dp]; and, times m before and y, to the decay
// of m apart from W1m and to gain [dp].
typedef struct {
  int64_t x, k, b1, w2, b2, keep, gain, size;
} elm_sums;

FN elm_sums elm_sums_shape(const elm_packed *p) {
  elm_sums s = {0};
  s.k = s.x + (int64_t)p->in * p->hp;
  s.b1 = s.k + (int64_t)p->memory * p->hp;
  s.w2 = s.b1 + p->hp;
  s.b2 = s.w2 + (int64_t)p->hidden * p->dp;
  s.keep = s.b2 + p->dp;
  s.gain = s.keep + p->dp;
  s.size = s.gain + p->dp;
  return s;
}

FN void elm_add_rows(const float *from, int64_t rows, int n, float *to) {
  for (; rows > 0; rows--, from += n)
    for (int c = 0; c < n; c += VW) STORE(to + c, LOAD(to + c) + LOAD(from + c));
}

static nets_elm_sizes elm_size(nets_elm e) {
  const elm_packed p = elm_shape(e);
  const int wide = p.ip > p.hp ? p.ip : p.hp;
  nets_elm_sizes s = {.packed = p.size, .z = p.hp, .y = p.dp, .sums = elm_sums_shape(&p).size};
  s.forward = (int64_t)ELM_ROWS * ((ELM_PIECE + 1) * (p.hp + p.dp) + p.dp);
  s.backward = (int64_t)ELM_ROWS * (ELM_PIECE * (p.hp + (e.learned ? 3 : 2) * p.dp + 2 * wide) + p.dp);
  return s;
}

// Back over time for at most ELM_ROWS sequences that started from 0: dm [rows][time][memory] to dx [rows][time][in] and
// sums, one for every so many sequences (group), so that they do not depend on how many go together. z and y are what forward kept, or NULL: then they are computed anew, piece by piece, from x and m.
static void elm_backward(nets_elm e, const float *w, int rows, int group, int64_t time, const float *x, const float *m,
                         const float *dm, const float *z, const float *y, float *dx, float *sums, float *room) {
  const unsigned mode = flush_on();
  const elm_packed p = elm_shape(e);
  const elm_sums to = elm_sums_shape(&p);
  const int in = e.in, hidden = e.hidden, memory = e.memory, hp = p.hp, dp = p.dp, wide = in ? in : hidden, row = p.ip > hp ? p.ip : hp;
  enum { ALL = ELM_ROWS * ELM_PIECE };
  float *h = room, *gs = h + (int64_t)ALL * hp, *ys = gs + (int64_t)ALL * dp; // [rows][n][..] each
  float *gz = ys + (int64_t)ALL * dp, *spare = gz + (int64_t)ALL * row, *carry = spare + (int64_t)ALL * row;
  float *before = carry + ELM_ROWS * dp; // m a ms before, where decay's gradient is wanted
  const float *keep = w + p.keep, *gain = w + p.gain;
  memset(sums, 0, sizeof(float) * to.size * ((rows + group - 1) / group));
  memset(carry, 0, sizeof(float) * ELM_ROWS * dp);
  for (int64_t t0 = (time - 1) / ELM_PIECE * ELM_PIECE; t0 >= 0; t0 -= ELM_PIECE) {
    const int n = time - t0 < ELM_PIECE ? time - t0 : ELM_PIECE, first = t0 == 0;
    for (int r = 0; r < rows; r++) {
      const int64_t at = r * time + t0;
      float *hr = h + (int64_t)r * n * hp, *slope = gz + (int64_t)r * n * hp, *yr = ys + (int64_t)r * n * dp;
      if (z) {
        elm_act_slope(e.act, z + at * hp, hr, slope, (int64_t)n * hp);
        memcpy(yr, y + at * dp, sizeof(float) * n * dp);
      } else {
        elm_drive(&p, w, x + at * wide, n, spare);
        elm_product(n - first, hp, memory, m + (at + first - 1) * memory, memory, 1, w + p.k, spare + first * hp);
        elm_act_slope(e.act, spare, hr, slope, (int64_t)n * hp);
        for (int t = 0; t < n; t++) memcpy(yr + (int64_t)t * dp, w + p.b2, sizeof(float) * dp);
        elm_product(n, dp, hidden, hr, hp, 1, w + p.w2, yr);
#pragma GCC ivdep
        for (int64_t i = 0; i < (int64_t)n * dp; i++) yr[i] = tanh_f(yr[i]);
      }
      elm_pad(dm + at * memory, n, memory, gs + (int64_t)r * n * dp);
      if (!e.learned) continue;
      if (first) memset(before + (int64_t)r * n * dp, 0, sizeof(float) * dp);
      elm_pad(m + (at + first - 1) * memory, n - first, memory, before + ((int64_t)r * n + first) * dp);
    }
    for (int t = n - 1; t >= 0; t--) {
      for (int r = 0; r < rows; r++) {
        const int64_t i = (int64_t)r * n + t;
        float *g = gs + i * dp, *of = carry + r * dp;
        const float *yt = ys + i * dp, *past = before + i * dp;
        float *own = sums + r / group * to.size;
        for (int c = 0; c < dp; c += VW) {
          const V d = LOAD(g + c) + LOAD(of + c), v = LOAD(yt + c);
          if (e.learned) {
            STORE(own + to.keep + c, LOAD(own + to.keep + c) + d * LOAD(past + c));
            STORE(own + to.gain + c, LOAD(own + to.gain + c) + d * v);
          }
          STORE(g + c, d * LOAD(gain + c) * (1 - v * v));
          STORE(of + c, d * LOAD(keep + c));
        }
        memset(spare + r * hp, 0, sizeof(float) * hp);
      }
      elm_step(rows, hp, memory, gs + (int64_t)t * dp, (int64_t)n * dp, w + p.w2t, spare, hp);
      for (int r = 0; r < rows; r++) {
        float *g = gz + ((int64_t)r * n + t) * hp;
        const float *s = spare + r * hp;
        for (int c = 0; c < hp; c += VW) STORE(g + c, LOAD(g + c) * LOAD(s + c));
      }
      elm_step(rows, dp, hidden, gz + (int64_t)t * hp, (int64_t)n * hp, w + p.kt, carry, dp);
    }
    for (int r = 0; r < rows; r += group) {
      const int64_t at = (int64_t)r * n, all = (int64_t)(rows - r < group ? rows - r : group) * n;
      float *own = sums + r / group * to.size;
      elm_product(hidden, dp, all, h + at * hp, 1, hp, gs + at * dp, own + to.w2);
      elm_add_rows(gz + at * hp, all, hp, own + to.b1);
      elm_add_rows(gs + at * dp, all, dp, own + to.b2);
    }
    for (int r = 0; r < rows; r++) {
      const int64_t at = r * time + t0;
      const float *g = gz + (int64_t)r * n * hp;
      float *own = sums + r / group * to.size;
      elm_product(memory, hp, n - first, m + (at + first - 1) * memory, 1, memory, g + first * hp, own + to.k);
      if (!in) {
        elm_unpad(g, n, hidden, dx + at * hidden);
        continue;
      }
      elm_product(in, hp, n, x + at * in, 1, in, g, own + to.x);
      memset(spare, 0, sizeof(float) * n * p.ip);
      elm_product(n, p.ip, hidden, g, hp, 1, w + p.xt, spare);
      elm_unpad(spare, n, in, dx + at * in);
    }
  }
  flush_restore(mode);
}

// The gradients d of w1 [in+memory][hidden], b1 [hidden], w2 [hidden][memory], b2 [memory] and decay [2][memory], one
// after the other, from so many sums, added in their order.
static void elm_gradients(nets_elm e, const float *w1, const float *decay, const float *sums, int parts, float *d) {
  const elm_packed p = elm_shape(e);
  const elm_sums of = elm_sums_shape(&p);
  const int in = e.in, hidden = e.hidden, memory = e.memory;
  const float *wm = w1 + (int64_t)in * hidden;
  float *dk = d + (int64_t)(in + memory) * hidden + hidden + (int64_t)hidden * memory + memory;
#define ELM_SUM(i)                                                                                                     \
  float s = 0;                                                                                                         \
  for (int q = 0; q < parts; q++) s += sums[q * of.size + (i)];
  for (int r = 0; r < in + memory; r++, d += hidden) {
    float through = 0;
    for (int c = 0; c < hidden; c++) {
      ELM_SUM(of.x + (int64_t)r * p.hp + c)
      d[c] = r < in ? s : s * decay[r - in];
      if (r >= in) through += s * wm[(int64_t)(r - in) * hidden + c];
    }
    if (r >= in) dk[r - in] = through;
  }
  for (int c = 0; c < hidden; c++) {
    ELM_SUM(of.b1 + c)
    *d++ = s;
  }
  for (int r = 0; r <= hidden; r++) // the last row is b2
    for (int c = 0; c < memory; c++) {
      ELM_SUM(of.w2 + (int64_t)r * p.dp + c)
      *d++ = s * (2.0f / 3);
    }
  for (int c = 0; c < memory; c++) {
    ELM_SUM(of.keep + c)
    *d++ += s;
  }
  for (int c = 0; c < memory; c++) {
    ELM_SUM(of.gain + c)
    *d++ = s;
  }
#undef ELM_SUM
}
