//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

/* Stands in for libcuda at link time. lazycuda_load opens the real driver and initialises it; from then on every
   call jumps through its entry in cu_slot. Before that, or without a driver, those calls answer 100 (no device),
   while cuInit succeeds and cuDeviceGetCount gives 0: cu calls cuInit when a program starts and leaves the program
   if that fails, so it must touch no driver. A call that the driver found lacks answers 801. */
#define _GNU_SOURCE
#include "cuda.h"
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#ifndef CU_CALLS
#error "this is not our cuda.h: see the package's comment for CGO_CFLAGS"
#endif

/* Symbols that headers newer than ours bind some of the same calls to. */
#define NEWER(F) F(cuGraphAddKernelNode, _v2, ) F(cuStreamWaitValue32, _v2, ) F(cuStreamWriteValue32, _v2, )
#define ALL(F) CU_CALLS(F) NEWER(F)

static int no_device(void) { return 100; }
static int not_there(void) { return 801; }

#define NAME(name, more, args) #name #more,
static const char *const cu_name[] = {ALL(NAME)};
#define SLOT(name, more, args) (void *)no_device,
__attribute__((visibility("hidden"), used)) void *cu_slot[] = {ALL(SLOT)};

#if defined(__x86_64__)
#define JUMP "endbr64\n jmp *cu_slot+8*cu_n(%rip)\n"
#elif defined(__aarch64__)
#define JUMP "adrp x16, cu_slot+8*cu_n\n ldr x16, [x16, :lo12:cu_slot+8*cu_n]\n br x16\n"
#else
#error "stub.c has no jump for this processor"
#endif
#define ENTRY(name, more, args) \
  ".globl " #name #more "\n.hidden " #name #more "\n.type " #name #more ", %function\n" \
  #name #more ": " JUMP ".size " #name #more ", .-" #name #more "\n.set cu_n, cu_n+1\n"
__asm__(".text\n.balign 16\n.set cu_n, 0\n" ALL(ENTRY));

static CUresult (*init)(unsigned), (*count)(int *), (*version)(int *);
static int loaded, status = 100;
static const char *trouble = "", *path = "";

/* Where the dynamic linker looks, then where WSL keeps it. */
static void *open_driver(void) {
  void *d = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (d) return d;
  const char *e = dlerror();
  char *first = strdup(e ? e : "no libcuda.so.1");
  if ((d = dlopen("/usr/lib/wsl/lib/libcuda.so.1", RTLD_NOW | RTLD_LOCAL))) free(first);
  else trouble = first;
  return d;
}

static void load(void) {
  void *driver = open_driver();
  if (!driver) return;
  struct link_map *map;
  if (!dlinfo(driver, RTLD_DI_LINKMAP, &map) && map->l_name) path = strdup(map->l_name);
  *(void **)&init = dlsym(driver, "cuInit");
  *(void **)&count = dlsym(driver, "cuDeviceGetCount");
  *(void **)&version = dlsym(driver, "cuDriverGetVersion");
  if (!init || !count || !version) {
    trouble = "it has no cuInit, cuDeviceGetCount or cuDriverGetVersion";
    return;
  }
  loaded = 1;
  if ((status = init(0))) return;
  for (size_t i = 0; i < sizeof cu_name / sizeof *cu_name; i++) {
    void *p = dlsym(driver, cu_name[i]);
    cu_slot[i] = p ? p : (void *)not_there;
  }
}

#define OURS __attribute__((visibility("hidden")))
OURS int lazycuda_load(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  return status;
}
OURS CUresult cuInit(unsigned flags) { return status ? CUDA_SUCCESS : init(flags); }
OURS CUresult cuDeviceGetCount(int *n) { return status ? (*n = 0, CUDA_SUCCESS) : count(n); }
OURS CUresult cuDriverGetVersion(int *v) { return loaded ? version(v) : (*v = 0, CUDA_SUCCESS); }
OURS int lazycuda_loaded(void) { return loaded; }
OURS const char *lazycuda_trouble(void) { return trouble; }
OURS const char *lazycuda_path(void) { return path; }
