/* What the host hands to the input kernel. */
#ifndef NEQ_INPUTS_RUN_H
#define NEQ_INPUTS_RUN_H
#define MAX_ROW 65536 /* synapses drawn at a time; a row holds at most this many */
typedef struct {
  unsigned long long seed;
  unsigned stream;        /* stream of synapse 0 */
  int exponential;        /* 1: the rate is the mean of an exponentially distributed probability */
  int row;                /* synapses, padded to a multiple of 16 with rate 0 */
  int bins, groups;       /* ms, and groups of 4 ms */
  int band;               /* intervals that reach a group of 4 ms */
  const int *first;       /* [groups] first of those intervals */
  const float *kernel;    /* [groups][band][4] weight of an interval in a ms */
  const float *amplitude; /* [intervals][row] events per ms in an interval */
} inputs_plan;
int inputs_avx512(const inputs_plan *, unsigned long long sample, int capacity, int *bin, int *synapse);
int inputs_avx2(const inputs_plan *, unsigned long long sample, int capacity, int *bin, int *synapse);
int inputs_portable(const inputs_plan *, unsigned long long sample, int capacity, int *bin, int *synapse);
#endif
