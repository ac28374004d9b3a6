// Adam, AdamW and Nadam on all parameters at once: a block a piece of one parameter. Where gradients of several batches are
// summed, g is the sum and from the last batch's.
typedef struct {
  float *w;
  float *g, *m, *v;
  const float *from;
  int n, parameter;
  int64_t decays;
} nets_piece;

// What a step leaves: bad_step is the first whose gradient was not finite, from which on nothing changes.
typedef struct {
  double norm, norms; // of the last step, and the sum over all
  int64_t bad_step;
  float clip;
  int bad_parameter;
} nets_status;

// The sum of x over the threads of a block, in thread 0.
FN double block_sum(double *shared, double x) {
  shared[THREAD] = x;
  SYNC();
  for (int m = BLOCK_THREADS / 2; m; m /= 2) {
    if (THREAD < m) shared[THREAD] += shared[THREAD + m];
    SYNC();
  }
  return shared[0];
}

// Adds a batch's gradients to the sum, or begins it.
KERNEL(add_gradients, const nets_piece *, pieces, int, first) {
  NEEDS(pieces, BLOCKS);
  const nets_piece p = pieces[BLOCK];
  NEEDS(p.g, p.n);
  NEEDS(p.from, p.n);
  for (int i = THREAD; i < p.n; i += BLOCK_THREADS) p.g[i] = first ? p.from[i] : p.g[i] + p.from[i];
}

// The norm of all gradients times scale, and what to multiply them by so that they are scaled and it is at most most
// (torch.nn.utils.clip_grad_norm_).
KERNEL(gradient_norm, const nets_piece *, pieces, double *, partial, unsigned *, counter, nets_status *, status, double,
       most, double, scale, int64_t, step) {
  NEEDS(pieces, BLOCKS);
  NEEDS(partial, BLOCKS);
  NEEDS(status, 1);
  SHARED double shared[BLOCK_THREADS];
  SHARED int last;
  const nets_piece p = pieces[BLOCK];
  NEEDS(p.g, p.n);
  float sum = 0;
  for (int i = THREAD; i < p.n; i += BLOCK_THREADS) sum += p.g[i] * p.g[i];
  double total = block_sum(shared, sum);
  if (THREAD == 0) {
    partial[BLOCK] = total;
    FENCE();
    last = TAKE(counter, BLOCKS - 1) == BLOCKS - 1;
  }
  SYNC();
  if (!last) return;
  FENCE();
  total = 0;
  for (unsigned i = THREAD; i < BLOCKS; i += BLOCK_THREADS) total += partial[i];
  total = block_sum(shared, total);
  if (THREAD) return;
  const double largest = 1.7976931348623157e308;
  status->norm = scale * ROOT_D(total);
  if (!status->bad_step) status->norms += status->norm;
  double clip = most / (status->norm + 1e-6);
  status->clip = (float)((clip < 1 ? clip : 1) * scale);
  if (total <= largest || status->bad_step) return;
  unsigned bad = 0;
  while (bad < BLOCKS - 1 && partial[bad] <= largest) bad++;
  status->bad_parameter = pieces[bad].parameter;
  status->bad_step = step;
}

typedef struct {
  float b1, c1, b2, c2, eps, clip, sm, sg, den, keep;
} nets_adam_constants;

KERNEL(adam, const nets_piece *, pieces, const nets_status *, status, int, clipped, float, b1, float, c1, float, b2,
       float, c2, float, eps, float, sm, float, sg, float, den, float, keep, float, scale) {
  NEEDS(pieces, BLOCKS);
  if (clipped && status->bad_step) return;
  const nets_piece p = pieces[BLOCK];
  const nets_adam_constants k = {b1, c1, b2, c2, eps, clipped ? status->clip : scale, sm, sg, den, p.decays ? keep : 1};
  NEEDS(p.w, p.n);
  NEEDS(p.m, p.n);
  NEEDS(p.v, p.n);
  for (int i = THREAD; i < p.n; i += BLOCK_THREADS) {
    float w = p.w[i], m = p.m[i], v = p.v[i];
    ADAM_F(float, k, w, p.g[i], m, v, ROOT_F)
    p.w[i] = w, p.m[i] = m, p.v[i] = v;
  }
}
