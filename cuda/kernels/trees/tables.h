// The grid of a table: see lanes.h.
#ifndef NEQ_TREES_TABLES_H
#define NEQ_TREES_TABLES_H
enum { TREES_CELLS = 32, TREES_TABLE = 3 * TREES_CELLS };
#define TREES_LOW (-132.0) // mV; -60, where K_Pst's time constant bends, is between two cells
#define TREES_CELL 6.0     // mV
#define TREES_CALCIUM_LOW 0x1p-15 // mM
#endif
