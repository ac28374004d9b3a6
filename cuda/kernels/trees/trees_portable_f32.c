// The portable build in float32.
#pragma GCC optimize("no-associative-math") // lanes round alike whatever the length of a block
#define RUN trees_run_portable_f32
#include "run.h"
