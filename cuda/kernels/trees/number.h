// The number of each mechanism of the list.
#ifndef NEQ_TREES_NUMBER_H
#define NEQ_TREES_NUMBER_H
#include "trees.h"
#include "mechanisms/list.h"

#define X(name, class, n, params, width) MECHANISM_##name,
enum { NEQ_MECHANISMS(X) TREES_MECHANISMS };
#undef X
#endif
