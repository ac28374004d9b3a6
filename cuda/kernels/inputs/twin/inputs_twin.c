/* The CPU twin of inputs.cu for the fake driver (cuda/driver/fake): the same text, compiled as C. */
#pragma GCC optimize("fp-contract=off")
#define NEQ_TWIN
#include "twin.h" /* the fake driver's */

static __thread int twin_thread, twin_y;
#define THREAD twin_thread
#define BLOCK_Y twin_y
#define KERNEL(name) static void name
#include "../inputs.cu"

int twin_inputs_draw(const fake_launch *l, void **arg) {
  const int row = *(int *)arg[4], groups = *(int *)arg[5], band = *(int *)arg[6];
  const int *first = *(int **)arg[7];
  const float *kernel = *(float **)arg[8], *amplitude = *(float **)arg[9];
  unsigned char *hit = *(unsigned char **)arg[10];
  if (l->grid[0] * l->block[0] < (unsigned)row || l->grid[1] < (unsigned)groups) return 700;
  if (!fake_range(first, 4 * (size_t)groups) || !fake_range(kernel, 16 * (size_t)groups * band) || !fake_range(hit, (size_t)groups * row)) return 700;
  for (int g = 0; g < groups; g++)
    if (!fake_range(amplitude + (size_t)first[g] * row, 4 * (size_t)band * row)) return 700;
  for (unsigned y = 0; y < l->grid[1]; y++)
    for (unsigned x = 0; x < l->grid[0] * l->block[0]; x++) {
      twin_thread = (int)x, twin_y = (int)y;
      inputs_draw(*(u64 *)arg[0], *(u64 *)arg[1], *(u32 *)arg[2], *(int *)arg[3], row, groups, band, first, kernel, amplitude, hit);
    }
  return 0;
}
