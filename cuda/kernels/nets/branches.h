// The drive of branches by spike events, and leaky sums over time. A synapse's slots are stored as runs of neighbouring
// branches, one vector each: those of neighbouring branches that share a synapse, as in the published routing, are added
// in one go.

typedef float Run __attribute__((vector_size(4 * RUN), aligned(4), may_alias));

// u [time][branches] of one sequence: for every event, its synapse's runs first[s] <= r < first[s+1] added at branch at[r].
static void branch_sums(const float *value, const int32_t *first, const int32_t *at, const int32_t *bin,
                        const int32_t *synapse, int64_t n, int time, int branches, float *u) {
  memset(u, 0, sizeof(float) * time * branches);
  for (int64_t e = 0; e < n; e++) {
    float *row = u + (int64_t)bin[e] * branches;
    for (int r = first[synapse[e]], end = first[synapse[e] + 1]; r < end; r++)
      *(Run *)(row + at[r]) += *(const Run *)(value + RUN * r);
  }
}

// The same for fewer branches than a run is long: value [run][RUN] has its one branch first.
static void branch_sums_few(const float *value, const int32_t *first, const int32_t *at, const int32_t *bin,
                            const int32_t *synapse, int64_t n, int time, int branches, float *u) {
  memset(u, 0, sizeof(float) * time * branches);
  for (int64_t e = 0; e < n; e++)
    for (int r = first[synapse[e]], end = first[synapse[e] + 1]; r < end; r++)
      u[(int64_t)bin[e] * branches + at[r]] += value[RUN * r];
}

// dvalue += the rows of du at the events of one sequence.
static void branch_grads(const float *du, const int32_t *first, const int32_t *at, const int32_t *bin,
                         const int32_t *synapse, int64_t n, int branches, float *dvalue) {
  for (int64_t e = 0; e < n; e++) {
    const float *row = du + (int64_t)bin[e] * branches;
    for (int r = first[synapse[e]], end = first[synapse[e] + 1]; r < end; r++)
      *(Run *)(dvalue + RUN * r) += *(const Run *)(row + at[r]);
  }
}

static void branch_grads_few(const float *du, const int32_t *first, const int32_t *at, const int32_t *bin,
                             const int32_t *synapse, int64_t n, int branches, float *dvalue) {
  for (int64_t e = 0; e < n; e++)
    for (int r = first[synapse[e]], end = first[synapse[e] + 1]; r < end; r++)
      dvalue[RUN * r] += du[(int64_t)bin[e] * branches + at[r]];
}

// A ms of many neurons: trace [rows][branches] = keep trace + the runs of the events start[row] <= i < start[row+1].
static void branch_step(const float *value, const int32_t *first, const int32_t *at, const int64_t *start,
                        const int32_t *synapse, int64_t rows, int branches, float keep, float *trace) {
  unsigned mode = flush_on();
  for (int64_t i = 0; i < rows * branches; i++) trace[i] *= keep;
  for (int64_t row = 0; row < rows; row++, trace += branches)
    for (int64_t e = start[row]; e < start[row + 1]; e++)
      for (int r = first[synapse[e]], end = first[synapse[e] + 1]; r < end; r++) {
        if (branches >= RUN) *(Run *)(trace + at[r]) += *(const Run *)(value + RUN * r);
        else trace[at[r]] += value[RUN * r];
      }
  flush_restore(mode);
}

// y[t] = keep y[t-1] + x[t], over time or, with back, y[t] = x[t] + keep y[t+1] against it. x and y may not overlap.
static void leak(const float *restrict x, float keep, int64_t time, int channels, int back, float *restrict y) {
  unsigned mode = flush_on();
  int64_t step = back ? -channels : channels, at = back ? (time - 1) * channels : 0;
  memcpy(y + at, x + at, sizeof(float) * channels);
  for (int64_t t = 1; t < time; t++) {
    at += step;
    const float *from = x + at, *before = y + at - step;
    float *to = y + at;
#pragma GCC ivdep
    for (int c = 0; c < channels; c++) to[c] = from[c] + keep * before[c];
  }
  flush_restore(mode);
}
