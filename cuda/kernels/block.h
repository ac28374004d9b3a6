// What the blocks of point neurons and of cells with dendrites share: the order of their events and the buffer of their
// spikes. Included with BLOCK, EVENT and SPIKE the names of their types, whose fields are called the same.
#include <stdint.h>
#include <stdlib.h>

// sort_events puts the events of steps [from, to) in order of step, those of a lane in their own order.
static int sort_events(BLOCK *b, int64_t from, int64_t to, int lanes, const int64_t *offset, const int32_t *step,
                       const uint16_t *receptor, const float *weight) {
  int32_t *first = b->first;
  int64_t n = 0, span = to - from;
  for (int64_t s = 0; s <= span + 1; s++) first[s] = 0;
  for (int l = 0; l < lanes; l++)
    for (int64_t e = b->cursor[l]; e < offset[l + 1] && step[e] < to; e++, n++) first[step[e] - from + 2]++;
  if (n > b->sorted_capacity) {
    EVENT *grown = realloc(b->sorted, sizeof(EVENT) * (size_t)(n + n / 2));
    if (!grown) return 0;
    b->sorted = grown, b->sorted_capacity = n + n / 2;
  }
  for (int64_t s = 2; s <= span + 1; s++) first[s] += first[s - 1];
  for (int l = 0; l < lanes; l++)
    for (int64_t e = b->cursor[l]; e < offset[l + 1] && step[e] < to; e++) {
      EVENT x = {weight[e], (uint16_t)l, receptor[e]};
      b->sorted[first[step[e] - from + 1]++] = x;
    }
  return 1; // first[s]: first event of step from+s
}

static void advance_cursors(BLOCK *b, int64_t to, int lanes, const int64_t *offset, const int32_t *step) {
  for (int l = 0; l < lanes; l++)
    while (b->cursor[l] < offset[l + 1] && step[b->cursor[l]] < to) b->cursor[l]++;
}

static void push_spike(BLOCK *b, double time, int lane) {
  SPIKE x = {time, lane};
  b->spikes[b->nspikes++] = x;
}

#undef BLOCK
#undef EVENT
#undef SPIKE
