#define NAME inputs_portable
#include "inputs_cpu.h"
