// Cells with dendrites in float64.
#define NEQ_F64
#include "trees.cu"
