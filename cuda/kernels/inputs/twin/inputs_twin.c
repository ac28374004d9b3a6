/* The CPU twins of inputs.cu for the fake driver (cuda/driver/fake): the same text, compiled as C. */
#pragma GCC optimize("O2,fp-contract=off")
#define NEQ_TWIN
#include "twin.h" /* the fake driver's */

static __thread int twin_thread, twin_y, twin_z;
#define THREAD twin_thread
#define BLOCK_Y twin_y
#define BLOCK_Z twin_z
#define KERNEL(name) static void name
#include "../inputs.cu"

/* Whether all that a tile names lies in living buffers of the device. */
static int twin_fits(const inputs_tile *t) {
  const size_t spans = t->spans, row = t->row, synapses = t->synapses, room = t->capacity;
  if (t->lanes < 1 || !fake_range(t->lane, sizeof(inputs_lane) * t->lanes)) return 0;
  if (!fake_range(t->part, 8 * synapses) || !fake_range(t->group, 4 * synapses) || !fake_range(t->chance, 8 * synapses)) return 0;
  if (!fake_range(t->receptor, 2 * synapses) || !fake_range(t->weight, 4 * synapses) || !fake_range(t->due, 4 * (size_t)t->bins)) return 0;
  if (!fake_range(t->synapse, 2 * room) || !fake_range(t->step, 4 * room) || !fake_range(t->at, 2 * room) || !fake_range(t->w, 4 * room)) return 0;
  if (!fake_range(t->hit, t->lanes * spans * row)) return 0;
  int groups = 0;
  for (int s = 0; s < t->synapses; s++)
    if (t->group[s] >= groups) groups = t->group[s] + 1;
  for (int l = 0; l < t->lanes; l++) {
    const inputs_lane *n = &t->lane[l];
    if (!fake_range(t->first + n->first, 4 * spans) || !fake_range(t->table + n->mass, 8 * (2 * (size_t)n->far + 1))) return 0;
    if (!fake_range(t->table + n->rates, 8 * (size_t)groups * n->intervals) || !fake_range(t->kernel + n->kernel, 16 * spans * n->band)) return 0;
    if (!fake_range(t->amplitude + n->amplitude, 4 * (size_t)n->intervals * row)) return 0;
    if (!fake_range(t->drawn + 4 * spans * n->lane, 16 * spans) || !fake_range(t->delivered + 4 * spans * n->lane, 16 * spans)) return 0;
    if (!fake_range(t->from, 8 * (size_t)(n->lane + 2)) || !fake_range(t->offset, 8 * (size_t)(n->lane + 2))) return 0;
    for (size_t g = 0; g < spans; g++)
      if (t->first[n->first + g] < 0 || t->first[n->first + g] + n->band > n->intervals) return 0;
  }
  return 1;
}

/* Runs the whole grid, which must hold threads x rows x lanes, from the last thread to the first: no order is promised. */
static int twin_grid(const fake_launch *l, const inputs_tile *t, long threads, long rows, long lanes, void (*body)(void **), void **arg) {
  const long x = (long)l->grid[0] * l->block[0];
  if (x < threads || (long)l->grid[1] < rows || (long)l->grid[2] < lanes || (long)l->grid[2] > lanes || !twin_fits(t)) return 700;
  for (twin_z = (int)l->grid[2] - 1; twin_z >= 0; twin_z--)
    for (twin_y = (int)l->grid[1] - 1; twin_y >= 0; twin_y--)
      for (twin_thread = (int)x - 1; twin_thread >= 0; twin_thread--) body(arg);
  return 0;
}

static long most_band(const inputs_tile *t) {
  int most = 0;
  for (int l = 0; l < t->lanes; l++)
    if (t->lane[l].band > most) most = t->lane[l].band;
  return most;
}
static long most_intervals(const inputs_tile *t) {
  int most = 0;
  for (int l = 0; l < t->lanes; l++)
    if (t->lane[l].intervals > most) most = t->lane[l].intervals;
  return most;
}

#define TWIN(name, threads, rows, lanes)                                                       \
  static void run_##name(void **arg) { name(*(inputs_tile *)arg[0]); }                         \
  int twin_##name(const fake_launch *l, void **arg) {                                          \
    const inputs_tile *t = arg[0];                                                             \
    return fake_range(t->lane, sizeof(inputs_lane)) ? twin_grid(l, t, threads, rows, lanes, run_##name, arg) : 700; \
  }
TWIN(inputs_smooth, t->spans * most_band(t), 1, t->lanes)
TWIN(inputs_draw, t->row, t->spans, t->lanes)
TWIN(inputs_release, t->synapses, 1, t->lanes)
TWIN(inputs_count, t->spans, 1, t->lanes)
TWIN(inputs_scan, t->lanes, 1, 1)
TWIN(inputs_offsets, 1, 1, 1)
TWIN(inputs_emit, t->spans, 1, t->lanes)

static void run_inputs_amplitude(void **arg) { inputs_amplitude(*(inputs_tile *)arg[0], *(double *)arg[1]); }
int twin_inputs_amplitude(const fake_launch *l, void **arg) {
  const inputs_tile *t = arg[0];
  if (!fake_range(t->lane, sizeof(inputs_lane))) return 700;
  return twin_grid(l, t, t->row, (most_intervals(t) + 3) / 4, t->lanes, run_inputs_amplitude, arg);
}
