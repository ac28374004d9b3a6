// A bell calls a team's workers to the next job. Waiting is done here and not in Go: a goroutine that looks out for long
// keeps Go's scheduler at work on the other cores, and one that sleeps takes long to wake.
#pragma once
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

struct bell {
  uint64_t rings; // grows from job to job
  int asleep;
  pthread_mutex_t lock;
  pthread_cond_t rung;
};

static void bell_init(struct bell *b) {
  b->rings = 0, b->asleep = 0;
  pthread_mutex_init(&b->lock, 0);
  pthread_cond_init(&b->rung, 0);
}

static void bell_destroy(struct bell *b) {
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->rung);
}

static inline uint64_t bell_rings(struct bell *b) { return __atomic_load_n(&b->rings, __ATOMIC_SEQ_CST); }

static inline void bell_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static inline int64_t bell_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Who is about to sleep says so, then looks once more; who rings does so, then looks who sleeps: none is missed.
static void bell_ring(struct bell *b) {
  __atomic_fetch_add(&b->rings, 1, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&b->lock);
  pthread_cond_broadcast(&b->rung);
  pthread_mutex_unlock(&b->lock);
}

// bell_await returns the number of rings once it is no longer heard: it looks out for patience ns, after the first 50 us
// letting others run in between, then sleeps.
static uint64_t bell_await(struct bell *b, uint64_t heard, int64_t patience) {
  int64_t began = bell_now(), waited = 0;
  for (; waited < patience; waited = bell_now() - began) {
    if (waited > 50000) sched_yield();
    for (int i = 0; i < 50; i++) {
      uint64_t now = bell_rings(b);
      if (now != heard) return now;
      bell_pause();
    }
  }
  pthread_mutex_lock(&b->lock);
  __atomic_fetch_add(&b->asleep, 1, __ATOMIC_SEQ_CST);
  while (bell_rings(b) == heard) pthread_cond_wait(&b->rung, &b->lock);
  __atomic_fetch_sub(&b->asleep, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&b->lock);
  return bell_rings(b);
}
