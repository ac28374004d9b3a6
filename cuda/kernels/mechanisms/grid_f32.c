// The mechanisms in float32.
#define TABLE mechanisms_f32
#include "grid.h"

static const mechanisms_entry entries[] = {
#define X(name, class, states, parameters, row) {#name, class, states, parameters},
  NEQ_MECHANISMS(X)
#undef X
};

int mechanisms_list(const mechanisms_entry **all) {
  *all = entries;
  return sizeof entries / sizeof *entries;
}
