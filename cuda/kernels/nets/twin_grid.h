// The GPU's kernels on the host: a launch runs block after block, the threads of a block in turn up to the next
// barrier, each on a stack of its own. Threads that do not all reach a barrier, or a kernel that needs more of a buffer
// than there is, end the launch as a fault would. NETS_TWIN_ORDER=reverse runs blocks and threads from the last to the
// first: where that changes a bit, a barrier is missing.
#define _GNU_SOURCE
#include "twin.h"
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define FN static inline __attribute__((always_inline, unused))
#define SHARED static __thread
#define THREAD (twin.thread)
#define BLOCK (twin.block)
#define BLOCKS (twin.blocks)
#define SYNC() twin_sync()
#define FENCE()
#define ROOT_F(x) sqrtf(x)
#define ROOT_D(x) sqrt(x)
#define TAKE(counter, last) twin_take(counter, last)
#define WARP_SUM(x) twin_warp_sum(x)
#define WARP_MAX(x) twin_warp_max(x)
#define MMA_BF16(d, a, b) twin_mma(d, a, b, 1)
#define MMA_TF32(d, a, b) twin_mma(d, a, b, 0)
#define NEEDS(p, n) twin_needs(p, sizeof *(p), n, #p)

enum { TWIN_THREADS = 1024, TWIN_STACK = 1 << 16 };
typedef void (*twin_body)(void **);
static __thread struct {
  int thread, threads, alive, fault;
  unsigned block, blocks;
  twin_body body;
  void **arg;
  jmp_buf scheduler, fiber[TWIN_THREADS];
  enum { NEW, WAITING, DONE } state[TWIN_THREADS];
  char *stack[TWIN_THREADS];
} twin;

static void twin_needs(const void *p, size_t size, long long n, const char *name) {
  if (twin.thread || n <= 0 || fake_range(p, size * n)) return;
  if (!twin.fault) fprintf(stderr, "fake GPU: %s is not the %lld elements that its kernel needs\n", name, n);
  twin.fault = 700;
}
static unsigned twin_take(unsigned *counter, unsigned last) {
  unsigned old = *counter;
  *counter = old >= last ? 0 : old + 1;
  return old;
}
static __attribute__((unused)) void twin_sync(void) {
  int i = twin.thread;
  twin.state[i] = WAITING;
  if (!_setjmp(twin.fiber[i])) _longjmp(twin.scheduler, 1);
}
static __attribute__((unused)) float twin_warp_sum(float x) {
  static __thread float lane[TWIN_THREADS];
  for (int m = 16; m; m /= 2) {
    lane[twin.thread] = x;
    twin_sync();
    x += lane[twin.thread ^ m];
    twin_sync();
  }
  return x;
}
static __attribute__((unused)) float twin_warp_max(float x) {
  static __thread float lane[TWIN_THREADS];
  lane[twin.thread] = x;
  twin_sync();
  for (int i = twin.thread & ~31, n = i + 32; i < n; i++) x = x < lane[i] ? lane[i] : x;
  twin_sync();
  return x;
}
// Round to nearest even; NaN is the one that cvt.rn.bf16.f32 gives.
static inline uint16_t round_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
}
// d += a b by the threads of a warp, whose registers hold them as PTX lays them out.
static __attribute__((unused)) void twin_mma(float *d, const uint32_t *a, const uint32_t *b, int half) {
  static __thread uint32_t lane_a[TWIN_THREADS][4], lane_b[TWIN_THREADS][2];
  memcpy(lane_a[twin.thread], a, sizeof lane_a[0]);
  memcpy(lane_b[twin.thread], b, sizeof lane_b[0]);
  twin_sync();
  const int warp = twin.thread & ~31, group = twin.thread % 32 / 4, four = twin.thread % 4, each = half ? 8 : 4;
  for (int i = 0; i < 4; i++) {
    const int row = group + i / 2 * 8, column = 2 * four + i % 2;
    for (int k = 0; k < 2 * each; k++) {
      const int holder = half ? k % 8 / 2 : k % 4;
      uint32_t x = lane_a[warp + row % 8 * 4 + holder][row / 8 + k / each * 2], y = lane_b[warp + column * 4 + holder][k / each];
      if (half) x = k % 2 ? x & 0xffff0000 : x << 16, y = k % 2 ? y & 0xffff0000 : y << 16;
      float p, q;
      memcpy(&p, &x, 4), memcpy(&q, &y, 4);
      d[i] += p * q;
    }
  }
  twin_sync();
}
static void twin_start(void) {
  for (;;) {
    int i = twin.thread;
    twin.body(twin.arg);
    twin.state[i] = DONE;
    if (!_setjmp(twin.fiber[i])) _longjmp(twin.scheduler, 1);
  }
}
// Runs thread i until its next barrier or its end.
static void twin_resume(int i) {
  static __thread ucontext_t here, there;
  twin.thread = i;
  if (_setjmp(twin.scheduler)) return;
  if (twin.stack[i]) _longjmp(twin.fiber[i], 1);
  twin.stack[i] = malloc(TWIN_STACK);
  getcontext(&there);
  there.uc_stack.ss_sp = twin.stack[i], there.uc_stack.ss_size = TWIN_STACK, there.uc_link = 0;
  makecontext(&there, twin_start, 0);
  swapcontext(&here, &there);
}
static int twin_run(const fake_launch *l, void **arg, twin_body body, const char *name) {
  const char *order = getenv("NETS_TWIN_ORDER");
  int back = order && !strcmp(order, "reverse");
  if (l->block[0] > TWIN_THREADS || l->block[1] * l->block[2] * l->grid[1] * l->grid[2] != 1) return 1;
  twin.threads = l->block[0], twin.blocks = l->grid[0], twin.body = body, twin.arg = arg, twin.fault = 0;
  for (unsigned b = 0; b < twin.blocks && !twin.fault; b++) {
    twin.block = back ? twin.blocks - 1 - b : b;
    for (int i = 0; i < twin.threads; i++) twin.state[i] = NEW;
    for (int done = 0; done < twin.threads && !twin.fault;) {
      done = 0;
      for (int j = 0; j < twin.threads; j++) {
        int i = back ? twin.threads - 1 - j : j;
        twin_resume(i);
        done += twin.state[i] == DONE;
      }
      if (done && done < twin.threads) {
        fprintf(stderr, "fake GPU: %s: %d of %d threads did not reach a barrier of block %u\n", name, done, twin.threads, twin.block);
        twin.fault = 719;
      }
    }
  }
  if (twin.fault) // threads in the middle of their work are not gone on with
    for (int i = 0; i < TWIN_THREADS; i++) free(twin.stack[i]), twin.stack[i] = 0;
  return twin.fault;
}

#define UNPACK_ANY(...) JOIN(UNPACK_, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define NAMES_ANY(...) JOIN(NAMES_, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define UNPACK_2(T, N) T N = *(T *)*arg++;
#define UNPACK_4(T, N, ...) UNPACK_2(T, N) UNPACK_2(__VA_ARGS__)
#define UNPACK_6(T, N, ...) UNPACK_2(T, N) UNPACK_4(__VA_ARGS__)
#define UNPACK_8(T, N, ...) UNPACK_2(T, N) UNPACK_6(__VA_ARGS__)
#define UNPACK_10(T, N, ...) UNPACK_2(T, N) UNPACK_8(__VA_ARGS__)
#define UNPACK_12(T, N, ...) UNPACK_2(T, N) UNPACK_10(__VA_ARGS__)
#define UNPACK_14(T, N, ...) UNPACK_2(T, N) UNPACK_12(__VA_ARGS__)
#define UNPACK_16(T, N, ...) UNPACK_2(T, N) UNPACK_14(__VA_ARGS__)
#define UNPACK_18(T, N, ...) UNPACK_2(T, N) UNPACK_16(__VA_ARGS__)
#define UNPACK_20(T, N, ...) UNPACK_2(T, N) UNPACK_18(__VA_ARGS__)
#define UNPACK_22(T, N, ...) UNPACK_2(T, N) UNPACK_20(__VA_ARGS__)
#define UNPACK_24(T, N, ...) UNPACK_2(T, N) UNPACK_22(__VA_ARGS__)
#define UNPACK_26(T, N, ...) UNPACK_2(T, N) UNPACK_24(__VA_ARGS__)
#define UNPACK_28(T, N, ...) UNPACK_2(T, N) UNPACK_26(__VA_ARGS__)
#define NAMES_2(T, N) N
#define NAMES_4(T, N, ...) N, NAMES_2(__VA_ARGS__)
#define NAMES_6(T, N, ...) N, NAMES_4(__VA_ARGS__)
#define NAMES_8(T, N, ...) N, NAMES_6(__VA_ARGS__)
#define NAMES_10(T, N, ...) N, NAMES_8(__VA_ARGS__)
#define NAMES_12(T, N, ...) N, NAMES_10(__VA_ARGS__)
#define NAMES_14(T, N, ...) N, NAMES_12(__VA_ARGS__)
#define NAMES_16(T, N, ...) N, NAMES_14(__VA_ARGS__)
#define NAMES_18(T, N, ...) N, NAMES_16(__VA_ARGS__)
#define NAMES_20(T, N, ...) N, NAMES_18(__VA_ARGS__)
#define NAMES_22(T, N, ...) N, NAMES_20(__VA_ARGS__)
#define NAMES_24(T, N, ...) N, NAMES_22(__VA_ARGS__)
#define NAMES_26(T, N, ...) N, NAMES_24(__VA_ARGS__)
#define NAMES_28(T, N, ...) N, NAMES_26(__VA_ARGS__)
#define KERNEL(NAME, ...)                                                                                              \
  static void nets_##NAME(PARAMETERS(__VA_ARGS__));                                                                    \
  static void unpack_##NAME(void **arg) { UNPACK_ANY(__VA_ARGS__) nets_##NAME(NAMES_ANY(__VA_ARGS__)); }               \
  int twin_nets_##NAME(const fake_launch *l, void **arg) { return twin_run(l, arg, unpack_##NAME, #NAME); }            \
  static void nets_##NAME(PARAMETERS(__VA_ARGS__))
