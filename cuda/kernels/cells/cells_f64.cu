// The simulation kernels in float64.
#define NEQ_F64
#include "cells.cu"
