// The mechanisms in float64.
#define NEQ_F64
#define TABLE mechanisms_f64
#include "grid.h"
