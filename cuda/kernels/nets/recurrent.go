package nets

/*
#include "nets.h"

static void lstm(const nets_table *t, nets_scan s, const float *x, const float *packed, float *h, float *c, float *y,
                 float *gates, float *cells, float *work) {
  t->lstm(&s, x, packed, h, c, y, gates, cells, work);
}
static void lstm_grad(const nets_table *t, nets_scan s, const float *dy, const float *packed, const float *gates,
                      const float *cells, const float *before, float *dh, float *dc, float *dx, float *work) {
  t->lstm_grad(&s, dy, packed, gates, cells, before, dh, dc, dx, work);
}
static void gru(const nets_table *t, nets_scan s, const float *x, const float *packed, const float *bias, float *h,
                float *y, float *gates, float *work) {
  t->gru(&s, x, packed, bias, h, y, gates, work);
}
static void gru_grad(const nets_table *t, nets_scan s, const float *dy, const float *packed, const float *gates,
                     const float *y, const float *before, float *dh, float *dx, float *dz, float *work) {
  t->gru_grad(&s, dy, packed, gates, y, before, dh, dx, dz, work);
}
*/
import "C"

// Scan is a stretch of ms, From to To, of some rows of a batch of windows: Time is how many ms the rows' tensors have, and
// Kept how many the rows of kept states have, whose first is From.
type Scan struct{ Rows, Time, Units, From, To, Kept int }

func (s Scan) c() C.nets_scan {
	return C.nets_scan{rows: C.int(s.Rows), time: C.int(s.Time), units: C.int(s.Units), from: C.int(s.From), to: C.int(s.To), kept: C.int(s.Kept)}
}

// RecurrentWork is the scratch of the LSTM's and the GRU's kernels on so many rows.
func RecurrentWork(rows, units int) int { return (rows + 2) * 4 * units }

// LSTM runs the stretch: x [rows][time][4 units] are the gates' inputs in the order i, f, g, o, packed is the weights
// [units][4 units] by ConvPack, h and c [rows][units] are the state, moved on. y [rows][time][units] is h over time; gates
// [rows][kept][4 units] and cells [rows][kept][units] are what LSTMGrad needs. Those three may be nil. One ms at a time
// gives the bits of all at once.
func (k Kernels) LSTM(s Scan, x, packed, h, c, y, gates, cells, work []float32) {
	C.lstm(k.t, s.c(), f(x), f(packed), f(h), f(c), f(y), f(gates), f(cells), f(work))
}

// LSTMGrad goes back through the stretch: before [rows][units] are the cells ahead of it, packed is the weights by
// ConvPackTransposed, dh and dc [rows][units] the gradient of the state behind it, moved to that of the state ahead. dx
// [rows][time][4 units] is the gradient of x; that of the weights is x's at a ms times h at the one before.
func (k Kernels) LSTMGrad(s Scan, dy, packed, gates, cells, before, dh, dc, dx, work []float32) {
	C.lstm_grad(k.t, s.c(), f(dy), f(packed), f(gates), f(cells), f(before), f(dh), f(dc), f(dx), f(work))
}

// GRU runs the stretch: x [rows][time][3 units] are the gates' inputs in the order r, z, n, packed is the weights [units][3
// units] by ConvPack, bias [units] that of n's product, h [rows][units] the state, moved on. y [rows][time][units] is h over
// time, gates [rows][kept][4 units] what GRUGrad needs; both may be nil. One ms at a time gives the bits of all at once.
func (k Kernels) GRU(s Scan, x, packed, bias, h, y, gates, work []float32) {
	C.gru(k.t, s.c(), f(x), f(packed), f(bias), f(h), f(y), f(gates), f(work))
}

// GRUGrad goes back through the stretch: y is GRU's, before [rows][units] is h ahead of the window's first ms, packed is the
// weights by ConvPackTransposed, dh [rows][units] the gradient of the state behind the stretch, moved to that of the state
// ahead. dx [rows][time][3 units] is the gradient of x, dz as long that of the product with the weights.
func (k Kernels) GRUGrad(s Scan, dy, packed, gates, y, before, dh, dx, dz, work []float32) {
	C.gru_grad(k.t, s.c(), f(dy), f(packed), f(gates), f(y), f(before), f(dh), f(dx), f(dz), f(work))
}
