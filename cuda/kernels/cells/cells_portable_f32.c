// The portable build in float32.
#define RUN cells_run_portable_f32
#include "run.h"
