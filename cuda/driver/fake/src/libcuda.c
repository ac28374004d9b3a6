/* A driver for tests: devices are host memory, streams are queues that run only when something waits for them, so
   that a missing wait shows as old data. It checks arguments, contexts, bounds and lifetimes: a wrong call gets the
   driver's code and a line on stderr. FAKE_CUDA="name=value,..." sets what it pretends; see setting(). */
#define _GNU_SOURCE
#include "cuda.h"
#include "twin.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { GUARD = 4096, PATTERN = 0xA5, FRESH = 0xFB };

/* version=12040   what cuDriverGetVersion says       init=N      what cuInit returns
   devices=1       how many                           crash=1     cuInit writes to address 0
   memory=67108864 bytes of each                      hang=1      cuInit does not return; hang=2: cuCtxCreate
   major=9 minor=0 compute capability                 exit=N      cuInit calls exit(N)
   context=N       what cuCtxCreate returns           isa=N       the newest PTX taken, 85 for 8.5
   jit=N           what module loading returns        lost=N      from call N in a context on, all fail with 719
   lostcode=N      or with this                       pinned=N    bytes of host memory that can be pinned
   capture=N       what ending a capture returns
   FAKE_CUDA_COUNTS names a file of 8 * COUNTED bytes, into which it counts: see Counts in fake.go. */
static long long setting(const char *name, long long otherwise) {
  const char *s = getenv("FAKE_CUDA");
  size_t n = strlen(name);
  while (s && *s) {
    if (!strncmp(s, name, n) && s[n] == '=') return strtoll(s + n + 1, 0, 10);
    s = strchr(s, ',');
    if (s) s++;
  }
  return otherwise;
}

static int wrong(int code, const char *form, ...) {
  va_list a;
  va_start(a, form);
  fprintf(stderr, "fake driver: ");
  vfprintf(stderr, form, a);
  fprintf(stderr, "\n");
  va_end(a);
  return code;
}

/* --- state. Calls of one context come from one thread; what contexts share is the list of buffers and the counts. --- */
typedef struct buffer { /* device or pinned memory */
  struct buffer *next;
  char *base, *at;
  size_t n, whole;
  struct CUctx_st *ctx;
  int pinned, freed;
} buffer;
typedef struct op {
  struct op *next;
  enum { COPY, FILL, LAUNCH, CALL, RECORD, AFTER } kind;
  char *dst;
  const char *src;
  size_t n;
  int value;
  struct CUfunc_st *f;
  fake_launch shape;
  char *args;
  int (*call)(void *);
  void *data;
  struct CUevent_st *event;
  long serial;
} op;
struct CUstream_st { struct CUctx_st *ctx; op *first, **last; int freed; struct CUstream_st *next; struct CUgraph_st *into; };
struct CUgraph_st { op *first, **last; int broken; };
struct CUgraphExec_st { struct CUctx_st *ctx; op *first; int freed; };
struct CUevent_st { struct CUctx_st *ctx; struct CUstream_st *on; long recorded, passed; double at; int freed; };
typedef struct kernel { struct kernel *next; char name[256]; int n; size_t bytes[128], align[128]; } kernel;
struct CUmod_st { struct CUctx_st *ctx; kernel *kernels; int unloaded; };
struct CUfunc_st { struct CUmod_st *mod; kernel *k; fake_twin twin; int shared; };
struct CUctx_st { int device; int sticky, destroyed; struct CUstream_st *streams; size_t held; };

static __thread CUcontext now;
static buffer *buffers;
static long calls, pinned_bytes;
static int started;

static size_t capacity(void) { return setting("memory", 64 << 20); }

/* Every call in a context is counted; a wait is one that returns when the device has done something. */
enum { CALLS, LAUNCHES, GRAPHS, WAITS, COPIES, ALLOCATIONS, COUNTED };
static void count(int what) {
  static long long *to, none[COUNTED];
  if (!to) {
    const char *path = getenv("FAKE_CUDA_COUNTS");
    int f = path ? open(path, O_RDWR) : -1;
    void *p = f < 0 ? MAP_FAILED : mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
    to = p == MAP_FAILED ? none : p;
    if (f >= 0) close(f);
  }
  __sync_add_and_fetch(to + what, 1);
}

/* Every call in a context begins so. */
static int enter(void) {
  count(CALLS);
  if (!started) return wrong(3, "a call before cuInit");
  if (!now) return wrong(201, "a call without a context: not on the context's thread?");
  if (now->destroyed) return wrong(709, "a call in a destroyed context");
  if (now->sticky) return now->sticky;
  long long lost = setting("lost", 0);
  if (lost && __sync_add_and_fetch(&calls, 1) >= lost) return now->sticky = setting("lostcode", 719);
  return 0;
}
#define ENTER do { int e_ = enter(); if (e_) return e_; } while (0)

static buffer *containing(const void *p, size_t n, int pinned) {
  for (buffer *b = buffers; b; b = b->next)
    if (b->pinned == pinned && !b->freed && (char *)p >= b->at && (size_t)((char *)p - b->at) <= b->n && n <= b->n - ((char *)p - b->at)) return b;
  return 0;
}
int fake_range(const void *p, size_t n) { return containing(p, n, 0) != 0; }

/* The first of n bytes from p that is not the pattern, 0 where all are. */
static char *spoilt(char *p, size_t n) {
  static const char want[GUARD] = {[0 ... GUARD - 1] = (char)PATTERN};
  while (n) {
    size_t m = n < GUARD ? n : GUARD;
    if (memcmp(p, want, m)) {
      while (*p == (char)PATTERN) p++;
      return p;
    }
    p += m, n -= m;
  }
  return 0;
}
static int guards(buffer *b) {
  char *p = spoilt(b->base, GUARD);
  if (!p) p = spoilt(b->at + b->n, b->whole - GUARD - b->n);
  return p ? wrong(700, "a write %ld bytes from the start of a buffer of %zu", (long)(p - b->at), b->n) : 0;
}
static int all_guards(void) {
  for (buffer *b = buffers; b; b = b->next)
    if (!b->freed && b->ctx == now) {
      int e = guards(b);
      if (e) return now->sticky = e;
    }
  return 0;
}

static buffer *take(size_t n, int pinned) {
  buffer *b = calloc(1, sizeof *b);
  size_t page = 4096, body = (n + page - 1) / page * page;
  b->whole = body + 2 * GUARD;
  b->base = mmap(0, b->whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->base == MAP_FAILED) { free(b); return 0; }
  b->at = b->base + GUARD, b->n = n, b->ctx = now, b->pinned = pinned;
  memset(b->base, PATTERN, GUARD);
  memset(b->at, FRESH, n);
  memset(b->at + n, PATTERN, b->whole - GUARD - n);
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the list only grows, and only here */
  pthread_mutex_lock(&lock);
  b->next = buffers;
  __atomic_store_n(&buffers, b, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  return b;
}
/* Freed memory stays mapped to nothing, so that its use faults and its address is not given again. */
static void give(buffer *b) {
  b->freed = 1;
  mprotect(b->base, b->whole, PROT_NONE);
}

/* --- queues --- */
static double clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}
static int step(CUstream s);
static int drain(CUstream s) {
  int e = 0;
  if (s->into) return s->into->broken = wrong(900, "a wait for a stream that is being captured");
  while (s->first && !e) e = step(s);
  return e;
}
static int pass(CUevent e) {
  int r = 0;
  while (e->passed < e->recorded && e->on && e->on->first && !r) r = step(e->on);
  return r;
}
/* Runs the first operation of a stream. */
static int step(CUstream s) {
  op *o = s->first;
  if (!(s->first = o->next)) s->last = &s->first;
  int e = 0;
  switch (o->kind) {
  case COPY: memcpy(o->dst, o->src, o->n); break;
  case FILL: memset(o->dst, o->value, o->n); break;
  case CALL: e = o->call(o->data); free(o->data); break;
  case RECORD: o->event->passed = o->serial, o->event->at = clock_ms(); break;
  case AFTER:
    while (o->event->passed < o->serial && o->event->on->first && !e) e = step(o->event->on);
    break;
  case LAUNCH: {
    void *arg[128];
    size_t at = 0;
    for (int i = 0; i < o->f->k->n; i++) {
      at = (at + o->f->k->align[i] - 1) / o->f->k->align[i] * o->f->k->align[i];
      arg[i] = o->args + at;
      at += o->f->k->bytes[i];
    }
    e = o->f->twin(&o->shape, arg);
    if (!e) e = all_guards();
    free(o->args);
  }
  }
  free(o);
  if (e) now->sticky = e;
  return e;
}
static int run_all(void) {
  int e = 0;
  for (CUstream s = now->streams; s && !e; s = s->next) e = drain(s);
  return e ? e : all_guards();
}
static op *queue(CUstream s, int kind) {
  op *o = calloc(1, sizeof *o);
  o->kind = kind;
  if (s->into) {
    *s->into->last = o;
    s->into->last = &o->next;
    return o;
  }
  *s->last = o;
  s->last = &o->next;
  return o;
}
static int stream_ok(CUstream s) {
  if (!s) return wrong(400, "the default stream, which does not wait for the others");
  if (s->freed) return wrong(400, "a stream that was destroyed");
  if (s->ctx != now) return wrong(400, "a stream of another context");
  return 0;
}
#define STREAM(s) do { int e_ = stream_ok(s); if (e_) return e_; } while (0)
int fake_enqueue(void *s, int (*f)(void *), const void *data, size_t n) {
  ENTER; count(LAUNCHES);
  STREAM((CUstream)s);
  op *o = queue(s, CALL);
  o->call = f, o->data = memcpy(malloc(n), data, n), o->n = n;
  return 0;
}

/* --- start and devices --- */
CUresult cuInit(unsigned flags) {
  if (flags) return wrong(1, "cuInit(%u)", flags);
  if (setting("crash", 0)) *(volatile int *)0 = 1;
  while (setting("hang", 0) == 1) pause();
  if (setting("exit", 0)) exit(setting("exit", 0));
  int e = setting("init", 0);
  started = !e;
  return e;
}
CUresult cuDriverGetVersion(int *v) { *v = setting("version", 12040); return 0; }
CUresult cuDeviceGetCount(int *n) { *n = setting("devices", 1); return started ? 0 : 3; }
CUresult cuDeviceGet(CUdevice *d, int i) {
  if (!started) return 3;
  if (i < 0 || i >= setting("devices", 1)) return 101;
  *d = i;
  return 0;
}
CUresult cuDeviceGetName(char *s, int n, CUdevice d) { snprintf(s, n, "Fake GPU %d", d); return 0; }
CUresult cuDeviceTotalMem(size_t *n, CUdevice d) { (void)d; *n = capacity(); return 0; }
CUresult cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice d) {
  (void)d;
  switch ((int)a) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = setting("major", 9); break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = setting("minor", 0); break;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *v = 1024; break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *v = 64; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *v = 2147483647; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *v = 65535; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *v = 49152; break;
  case 97: *v = 232448; break; /* MAX_SHARED_MEMORY_PER_BLOCK_OPTIN */
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *v = 32; break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 132; break;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *v = 1755000; break;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *v = 50 << 20; break;
  default: return wrong(1, "cuDeviceGetAttribute(%d)", (int)a);
  }
  return 0;
}

/* --- contexts --- */
CUresult cuCtxCreate(CUcontext *c, unsigned flags, CUdevice d) {
  (void)flags;
  if (!started) return 3;
  if (d < 0 || d >= setting("devices", 1)) return 101;
  while (setting("hang", 0) == 2) pause();
  int e = setting("context", 0);
  if (e) return e;
  now = *c = calloc(1, sizeof **c);
  now->device = d;
  return 0;
}
CUresult cuCtxDestroy(CUcontext c) {
  if (!c || c->destroyed) return wrong(201, "cuCtxDestroy of no context");
  if (now == c && !c->sticky) run_all();
  for (buffer *b = buffers; b; b = b->next)
    if (b->ctx == c && !b->freed) give(b);
  c->destroyed = 1;
  if (now == c) now = 0;
  return c->sticky;
}
CUresult cuCtxSetCurrent(CUcontext c) { now = c; return 0; }
CUresult cuCtxGetCurrent(CUcontext *c) { *c = now; return 0; }
CUresult cuCtxSynchronize(void) { ENTER; count(WAITS); return run_all(); }

/* --- memory --- */
CUresult cuMemGetInfo(size_t *f, size_t *total) {
  ENTER;
  *total = capacity(), *f = *total - now->held;
  return 0;
}
CUresult cuMemAlloc(CUdeviceptr *p, size_t n) {
  ENTER; count(ALLOCATIONS);
  if (!n) return wrong(1, "cuMemAlloc of 0 bytes");
  if (n > capacity() - now->held) return 2;
  buffer *b = take(n, 0);
  if (!b) return 2;
  now->held += n;
  *p = (CUdeviceptr)b->at;
  return 0;
}
CUresult cuMemFree(CUdeviceptr p) {
  ENTER; count(WAITS);
  for (buffer *b = buffers; b; b = b->next)
    if (!b->pinned && b->at == (char *)p) {
      if (b->freed) return wrong(1, "cuMemFree for the second time");
      int e = run_all();
      if (e) return e;
      now->held -= b->n;
      give(b);
      return 0;
    }
  return wrong(1, "cuMemFree of what is no buffer");
}
CUresult cuMemHostAlloc(void **p, size_t n, unsigned flags) {
  ENTER; count(ALLOCATIONS);
  if (!n || flags) return wrong(1, "cuMemHostAlloc(%zu, %u)", n, flags);
  if ((long long)(pinned_bytes + n) > setting("pinned", 1 << 30)) return 2;
  buffer *b = take(n, 1);
  if (!b) return 2;
  __sync_add_and_fetch(&pinned_bytes, n);
  *p = b->at;
  return 0;
}
CUresult cuMemFreeHost(void *p) {
  ENTER; count(WAITS);
  buffer *b = containing(p, 1, 1);
  if (!b || b->at != (char *)p) return wrong(1, "cuMemFreeHost of what is not pinned");
  for (CUstream s = now->streams; s; s = s->next)
    for (op *o = s->first; o; o = o->next)
      if (o->kind == COPY && (containing(o->src, 1, 1) == b || containing(o->dst, 1, 1) == b))
        return wrong(1, "cuMemFreeHost while a copy is under way");
  int e = guards(b);
  if (e) return e;
  __sync_sub_and_fetch(&pinned_bytes, b->n);
  give(b);
  return 0;
}
/* A copy to or from memory that is not pinned is done when the call returns. */
static int copy(void *dst, const void *src, size_t n, CUstream s, int host, const void *device) {
  ENTER; count(COPIES);
  STREAM(s);
  if (!fake_range(device, n)) return wrong(1, "a copy of %zu bytes that are not in one living buffer", n);
  const void *h = host == 1 ? src : dst;
  if (host && !containing(h, n, 1)) {
    if (containing(h, 1, 1)) return wrong(1, "a copy beyond pinned memory");
    count(WAITS);
    int e = drain(s);
    if (!e) memcpy(dst, src, n);
    return e;
  }
  op *o = queue(s, COPY);
  o->dst = dst, o->src = src, o->n = n;
  return 0;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr d, const void *h, size_t n, CUstream s) { return copy((void *)d, h, n, s, 1, (void *)d); }
CUresult cuMemcpyDtoHAsync(void *h, CUdeviceptr d, size_t n, CUstream s) { return copy(h, (void *)d, n, s, 2, (void *)d); }
CUresult cuMemcpyDtoDAsync(CUdeviceptr d, CUdeviceptr from, size_t n, CUstream s) {
  if (!fake_range((void *)from, n)) return wrong(1, "a copy from outside a living buffer");
  return copy((void *)d, (void *)from, n, s, 0, (void *)d);
}
CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s) {
  ENTER; count(COPIES);
  STREAM(s);
  if (!fake_range((void *)d, n)) return wrong(1, "a fill of %zu bytes that are not in one living buffer", n);
  op *o = queue(s, FILL);
  o->dst = (char *)d, o->value = v, o->n = n;
  return 0;
}

/* --- streams and events --- */
CUresult cuStreamCreate(CUstream *s, unsigned flags) {
  ENTER;
  if (flags > 1) return wrong(1, "cuStreamCreate(%u)", flags);
  *s = calloc(1, sizeof **s);
  (*s)->ctx = now, (*s)->last = &(*s)->first, (*s)->next = now->streams;
  now->streams = *s;
  return 0;
}
CUresult cuStreamDestroy(CUstream s) {
  ENTER; count(WAITS);
  STREAM(s);
  int e = drain(s);
  s->freed = 1;
  return e;
}
CUresult cuStreamSynchronize(CUstream s) {
  ENTER; count(WAITS);
  STREAM(s);
  int e = drain(s);
  return e ? e : all_guards();
}
static int event_ok(CUevent e) {
  if (!e || e->freed) return wrong(400, "an event that does not live");
  if (e->ctx != now) return wrong(400, "an event of another context");
  return 0;
}
#define EVENT(e) do { int e_ = event_ok(e); if (e_) return e_; } while (0)
CUresult cuEventCreate(CUevent *e, unsigned flags) {
  ENTER;
  if (flags > 3) return wrong(1, "cuEventCreate(%u)", flags);
  *e = calloc(1, sizeof **e);
  (*e)->ctx = now;
  return 0;
}
CUresult cuEventDestroy(CUevent e) {
  ENTER;
  EVENT(e);
  int r = pass(e);
  e->freed = 1;
  return r;
}
CUresult cuEventRecord(CUevent e, CUstream s) {
  ENTER;
  EVENT(e);
  STREAM(s);
  int r = pass(e); /* what it stood for before has to have run: its place is lost */
  if (r) return r;
  op *o = queue(s, RECORD);
  o->event = e, o->serial = ++e->recorded;
  e->on = s;
  return 0;
}
CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned flags) {
  ENTER;
  EVENT(e);
  STREAM(s);
  if (flags) return 1;
  op *o = queue(s, AFTER);
  o->event = e, o->serial = e->recorded;
  return 0;
}
CUresult cuEventSynchronize(CUevent e) { ENTER; count(WAITS); EVENT(e); return pass(e); }
CUresult cuEventQuery(CUevent e) {
  ENTER;
  EVENT(e);
  if (e->passed < e->recorded && e->on->first) {
    int r = step(e->on);
    return r ? r : 600;
  }
  return 0;
}
CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
  ENTER;
  EVENT(a);
  EVENT(b);
  if (!a->recorded || !b->recorded) return wrong(400, "the time of an event that was not recorded");
  if (a->passed < a->recorded || b->passed < b->recorded) return 600;
  *ms = b->at - a->at;
  return 0;
}

/* --- graphs --- */
CUresult cuStreamBeginCapture(CUstream s, int mode) {
  ENTER;
  STREAM(s);
  if (s->into || mode < 0 || mode > 2) return wrong(1, "cuStreamBeginCapture(%d)", mode);
  s->into = calloc(1, sizeof *s->into);
  s->into->last = &s->into->first;
  return 0;
}
CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
  ENTER;
  STREAM(s);
  if (!s->into) return wrong(1, "cuStreamEndCapture of a stream that is not captured");
  *g = s->into;
  s->into = 0;
  return (*g)->broken ? 901 : setting("capture", 0);
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long flags) {
  ENTER;
  if (flags) return 1;
  *e = calloc(1, sizeof **e);
  (*e)->ctx = now, (*e)->first = g->first;
  return 0;
}
CUresult cuGraphDestroy(CUgraph g) { ENTER; free(g); return 0; }
CUresult cuGraphLaunch(CUgraphExec e, CUstream s) {
  ENTER; count(GRAPHS);
  STREAM(s);
  if (e->freed || e->ctx != now) return wrong(400, "a graph that does not live here");
  for (op *o = e->first; o; o = o->next) {
    op *to = queue(s, o->kind), *next = to->next;
    *to = *o;
    to->next = next;
    if (o->kind == LAUNCH) memcpy(to->args = malloc(8192), o->args, 8192);
    if (o->kind == CALL) memcpy(to->data = malloc(o->n), o->data, o->n);
  }
  return 0;
}
CUresult cuGraphExecDestroy(CUgraphExec e) {
  ENTER;
  if (e->freed) return wrong(400, "cuGraphExecDestroy for the second time");
  e->freed = 1;
  return 0;
}
#include "modules.c"
