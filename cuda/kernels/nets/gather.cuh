// A batch from episodes that lie on the device whole: the ranges and spans of the events of its windows, which stay where
// they are, and its targets.
typedef struct {
  const int *window;     // [batch][2]: episode, and the ms it begins at, below 0 where its history begins before the data
  const unsigned *index; // [episodes][duration + 1]: first event of every ms in the order of phases, then steps
  const unsigned *start; // [episodes][inputs + 1]: first event of every synapse
  const int *bin;        // [events] by episode, synapse, ms
  const float *value;    // [episodes][heads][duration]: targets
  int *range, *span, *origin;
  float *target; // [heads][batch * time]
  int batch, time, burn_in, duration, inputs, heads, taps, dilation, episodes;
  int events;
} nets_windows;

// Events of bin[from] to bin[to] that come before ms t.
FN unsigned before_ms(const int *bin, unsigned from, unsigned to, int t) {
  while (from < to) {
    unsigned middle = from + (to - from) / 2;
    if (bin[middle] < t) from = middle + 1;
    else to = middle;
  }
  return from;
}

KERNEL(gather, nets_windows, g, unsigned, n) {
  const unsigned rows = (unsigned)g.batch * g.time, spans = (unsigned)g.inputs * g.batch;
  NEEDS(g.window, 2 * g.batch);
  NEEDS(g.index, (int64_t)g.episodes * (g.duration + 1));
  NEEDS(g.start, (int64_t)g.episodes * (g.inputs + 1));
  NEEDS(g.bin, g.events);
  NEEDS(g.value, (int64_t)g.episodes * g.heads * g.duration);
  NEEDS(g.range, 3 * (int64_t)rows);
  NEEDS(g.span, 2 * (int64_t)spans);
  NEEDS(g.origin, g.batch);
  NEEDS(g.target, (int64_t)rows * g.heads);
  EACH(i, n);
  if (i < (unsigned)g.batch) g.origin[i] = g.window[2 * i + 1];
  if (i < rows) {
    const int b = i / g.time, origin = g.window[2 * b + 1], at = origin + (int)(i % g.time);
    unsigned first = 0, last = 0;
    int step = 0;
    if (at >= 0 && at < g.duration) {
      // ms p, p + dilation, ... of a phase p lie together: whole is how many ms the shorter phases have.
      const int d = g.dilation, p = at % d, whole = g.duration / d, longer = g.duration % d;
      const unsigned *index = g.index + (uint64_t)g.window[2 * b] * (g.duration + 1) + (uint64_t)p * whole + (p < longer ? p : longer);
      int from = origin > p ? (origin - p + d - 1) / d : 0; // where the window begins
      step = at / d;
      if (from <= step - g.taps) from = step - g.taps + 1;
      first = index[from], last = index[step + 1];
    }
    g.range[3 * i] = (int)first, g.range[3 * i + 1] = (int)last, g.range[3 * i + 2] = step;
  }
  if (i < spans) {
    const int b = i % g.batch, origin = g.window[2 * b + 1];
    const unsigned *start = g.start + (uint64_t)g.window[2 * b] * (g.inputs + 1) + i / g.batch;
    unsigned first = before_ms(g.bin, start[0], start[1], origin);
    g.span[2 * i] = (int)first;
    g.span[2 * i + 1] = (int)before_ms(g.bin, first, start[1], origin + g.time);
  }
  if (i < rows * g.heads) {
    const int row = i % rows, b = row / g.time, t = row % g.time, at = g.window[2 * b + 1] + t;
    const float *value = g.value + ((uint64_t)g.window[2 * b] * g.heads + i / rows) * g.duration;
    g.target[i] = t < g.burn_in || at < 0 || at >= g.duration ? 0 : value[at];
  }
}
