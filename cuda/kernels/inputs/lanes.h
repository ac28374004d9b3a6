/* What the input kernels of a GPU take: the samples of a tile at a time, one a lane. lanes.go is the Go side. */
#ifndef NEQ_INPUTS_LANES_H
#define NEQ_INPUTS_LANES_H
typedef struct {
  unsigned long long sample;
  int length, before, band, intervals, far; /* as in Course: ms, intervals */
  int lane;                                 /* of the batch */
  long long first;                          /* where its firsts begin in inputs_tile.first */
  long long rates, mass;                    /* where its rates [group][interval] and mass [2 far + 1] begin in .table */
  long long kernel, amplitude;              /* where its own begin: [spans][band][4], [intervals][row] */
} inputs_lane;

typedef struct {
  unsigned long long seed;
  unsigned stream, shares, release; /* streams of synapse 0 */
  int row, synapses, bins, spans;   /* spans of 4 ms */
  int lanes;                        /* of the tile */
  int capacity;                     /* events of all lanes of the part that there is room for */
  int pad;
  double low, high;
  const inputs_lane *lane;          /* [lanes] */
  const int *first;
  const double *table;
  float *kernel, *amplitude;
  unsigned char *hit;               /* [lanes][spans][row] bit q: an event in ms q of the span; bit 4+q: which releases */
  /* of synapses */
  const double *part;               /* [synapses] of its group's events */
  const int *group;                 /* [synapses] -1: none */
  const double *chance;             /* [synapses] that an event releases */
  const unsigned short *receptor;   /* [synapses] */
  const float *weight;              /* [synapses] */
  const int *due;                   /* [bins] integration step of the events of a ms; -1: after the end */
  /* of the whole part; which events of a lane there are begins at its offset */
  int *drawn, *delivered;           /* [lanes of the part][4 spans] events of a ms; after inputs_scan, those of earlier ms */
  long long *from, *offset;         /* [lanes of the part + 1] first event drawn, and delivered */
  unsigned short *synapse;          /* [capacity] of the events drawn, by lane, ms and synapse */
  int *step;                        /* [capacity] of the events delivered, as cells.cu takes them */
  unsigned short *at;
  float *w;
} inputs_tile;
#endif
