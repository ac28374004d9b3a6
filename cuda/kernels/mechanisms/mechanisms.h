// The C side of package mechanisms: every mechanism of the list over n voltages, in float32 (wide 0) or float64.
#ifndef NEQ_MECHANISMS_H
#define NEQ_MECHANISMS_H

enum { PASSIVE, OHMIC, CALCIUM, CALCIUM_GATED, POOL, SYNAPSE, BLOCKED, DCAAP };
typedef struct { const char *name; int class, states, params; } mechanisms_entry;
int mechanisms_list(const mechanisms_entry **all);

// x is [states][n]. ca (mM) is for those that calcium gates, and the calcium current (nA) for a pool; eca (mV) for calcium
// channels. current writes di/dv (uS), v di/dv - i and the calcium current (nA); open adds an event of weight w.
typedef struct {
  void (*steady)(int m, const double *params, double dt, int n, const double *v, const double *ca, double *x);
  void (*advance)(int m, const double *params, double dt, int n, const double *v, const double *ca, double *x);
  void (*current)(int m, const double *params, double dt, int n, const double *v, const double *eca, const double *x, double *out);
  void (*open)(int m, const double *params, double dt, int n, double w, double *x);
  void (*reversal)(int m, const double *params, double dt, int n, const double *ca, double *eca);
} mechanisms_table;
extern const mechanisms_table mechanisms_f32, mechanisms_f64;
#endif
