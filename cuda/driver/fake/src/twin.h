/* CPU twins of kernels for the fake driver. A twin of kernel NAME is a function twin_NAME in a shared object named in
   FAKE_CUDA_TWINS (colons between). It runs the whole grid and returns 0, or the CUresult that the kernel ends with:
   700 after a look outside device memory. arg[i] points to argument i, as in cuLaunchKernel. */
#ifndef FAKE_TWIN_H
#define FAKE_TWIN_H
#include <stddef.h>
typedef struct {
  unsigned grid[3], block[3], shared;
} fake_launch;
typedef int (*fake_twin)(const fake_launch *, void **arg);

/* Whether n bytes from p lie in one living buffer of the device. */
int fake_range(const void *p, size_t n);
/* Queues f on a stream with a copy of n bytes of data; a result but 0 ends the context. */
int fake_enqueue(void *stream, int (*f)(void *), const void *data, size_t n);
#endif
