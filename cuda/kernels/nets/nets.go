// Package nets has the compute kernels of surrogate networks on the CPU: one header a topic, compiled once per
// instruction set, picked at run time. Slices are row-major float32; lengths are the caller's to get right, through
// package ops, and are not checked here.
package nets

/*
#cgo CFLAGS: -O3
#include <stdlib.h>
#include "nets.h"

static void event_rows(const nets_table *t, const float *w, const int32_t *key, const int32_t *bin, int n, int taps,
                       int channels, const float *bias, float *out, int64_t stride, int t0, int t1) {
  if (channels >= t->lanes) t->event_rows(w, key, bin, n, taps, channels, bias, out, stride, t0, t1);
  else t->event_scatter(w, key, bin, n, taps, channels, bias, out, stride, t1);
}
static void event_grads(const nets_table *t, const float *dout, const int64_t *start, const int32_t *row, const int32_t *bin,
                        int s0, int s1, int taps, int dilation, int channels, int time, float *dw) {
  for (int s = s0; s < s1; s++)
    t->event_grad(dout, row + start[s], bin + start[s], (int)(start[s + 1] - start[s]), taps, dilation, channels, time,
                  dw + (int64_t)s * taps * channels);
}
static void act(const nets_table *t, int kind, const float *x, float *y, int64_t n) { t->act(kind, x, y, n); }
static void act_grad(const nets_table *t, int kind, const float *x, const float *dy, float *dx, int64_t n) {
  t->act_grad(kind, x, dy, dx, n);
}
static void sum_columns(const nets_table *t, const float *x, int64_t rows, int channels, float *sums) {
  t->sum_columns(x, rows, channels, sums);
}
static void sum_squares(const nets_table *t, const float *x, const float *mean, int64_t rows, int channels, float *sums) {
  t->sum_squares(x, mean, rows, channels, sums);
}
static void norm(const nets_table *t, const float *x, const float *stats, const float *gamma, const float *beta,
                 int64_t rows, int channels, float *y) {
  t->norm(x, stats, gamma, beta, rows, channels, y);
}
static void norm_sums(const nets_table *t, const float *x, const float *stats, const float *dy, int64_t rows,
                      int channels, float *sums) {
  t->norm_sums(x, stats, dy, rows, channels, sums);
}
static void norm_grad(const nets_table *t, const float *x, const float *stats, const float *gamma, const float *dy,
                      const float *means, int64_t rows, int channels, float *dx) {
  t->norm_grad(x, stats, gamma, dy, means, rows, channels, dx);
}
static void heads(const nets_table *t, const float *x, const float *w, const float *b, int64_t rows, int channels,
                  int nheads, float *y) {
  t->heads(x, w, b, rows, channels, nheads, y);
}
static void heads_dx(const nets_table *t, const float *dy, const float *w, int64_t rows, int channels, int nheads,
                     float *dx) {
  t->heads_dx(dy, w, rows, channels, nheads, dx);
}
static void heads_dw(const nets_table *t, const float *dy, const float *x, int64_t rows, int channels, int nheads,
                     float *dw) {
  t->heads_dw(dy, x, rows, channels, nheads, dw);
}
static double spike_loss(const nets_table *t, const float *y, const float *target, int64_t rows, int nheads, float scale,
                         float *dy) {
  return t->spike_loss(y, target, rows, nheads, scale, dy);
}
static double square_loss(const nets_table *t, const float *y, const float *target, int64_t rows, int nheads, float scale,
                          float *dy) {
  return t->square_loss(y, target, rows, nheads, scale, dy);
}
static void adam(const nets_table *t, nets_adam p, float *w, const float *g, float *m, float *v, int64_t n) {
  t->adam(&p, w, g, m, v, n);
}
static int64_t conv_packed(const nets_table *t, int taps, int rows, int columns) { return t->conv_packed(taps, rows, columns); }
static void conv_pack(const nets_table *t, const float *w, int64_t rb, int64_t cb, int rows, int columns, float *packed) {
  t->conv_pack(w, rb, cb, rows, columns, packed);
}
static void conv_rows(const nets_table *t, const float *x, const float *packed, const float *bias, int cin, int cout,
                      int taps, int dilation, int t0, int t1, float *y) {
  t->conv_rows(x, packed, bias, cin, cout, taps, dilation, t0, t1, y);
}
static void conv_dx(const nets_table *t, const float *packed, const float *dy, int time, int cin, int cout, int taps,
                    int dilation, int t0, int t1, float *dx) {
  t->conv_dx(packed, dy, time, cin, cout, taps, dilation, t0, t1, dx);
}
static void conv_dw(const nets_table *t, const float *x, const float *dy, int batch, int time, int cin, int cout, int lag,
                    int j, float *dw) {
  t->conv_dw(x, dy, batch, time, cin, cout, lag, j, dw);
}
static double square_sum(const nets_table *t, const float *x, int64_t n) { return t->square_sum(x, n); }
static void add(const nets_table *t, const float *x, float *y, int64_t n) { t->add(x, y, n); }
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Kernels are the kernels compiled for one instruction set.
type Kernels struct{ t *C.nets_table }

// New picks the kernels of an instruction set: "avx512", "avx2", "portable", or "" for the best this machine has.
func New(isa string) (Kernels, error) {
	s := C.CString(isa)
	defer C.free(unsafe.Pointer(s))
	t := C.nets_pick(s)
	if t == nil {
		return Kernels{}, fmt.Errorf("nets: instruction set %q: this machine does not have it: use \"portable\"", isa)
	}
	return Kernels{t}, nil
}

// ISA is the instruction set's name.
func (k Kernels) ISA() string { return C.GoString(k.t.name) }

// Lanes is how many floats a vector of the instruction set holds.
func (k Kernels) Lanes() int { return int(k.t.lanes) }

func f(s []float32) *C.float {
	if len(s) == 0 {
		return nil
	}
	return (*C.float)(unsafe.Pointer(&s[0]))
}

func i32(s []int32) *C.int32_t {
	if len(s) == 0 {
		return nil
	}
	return (*C.int32_t)(unsafe.Pointer(&s[0]))
}

// EventRows computes rows t0 <= t < t1 of a causal convolution over one sequence of events, sorted by bin:
// out[t*stride+c] = base + sum over events with 0 <= t-bin < taps of w[(key+t)*channels+c], key = synapse*taps - bin.
// The base is bias where given, else what out holds. With fewer channels than Lanes, t0 must be 0.
func (k Kernels) EventRows(w []float32, key, bin []int32, taps, channels int, bias, out []float32, stride, t0, t1 int) {
	C.event_rows(k.t, f(w), i32(key), i32(bin), C.int(len(key)), C.int(taps), C.int(channels), f(bias), f(out), C.int64_t(stride), C.int(t0), C.int(t1))
}

// EventGrads computes the weight gradients of synapses s0 <= s < s1: dw[s][lag] = sum of dout's rows row+lag*dilation
// over the synapse's events start[s] <= i < start[s+1], sorted by bin, that have bin+lag*dilation < time.
func (k Kernels) EventGrads(dout []float32, start []int64, row, bin []int32, s0, s1, taps, dilation, channels, time int, dw []float32) {
	C.event_grads(k.t, f(dout), (*C.int64_t)(unsafe.Pointer(&start[0])), i32(row), i32(bin), C.int(s0), C.int(s1), C.int(taps), C.int(dilation), C.int(channels), C.int(time), f(dw))
}

// ConvPanels is how many panels of columns a product has: the parts of ConvDW.
func (k Kernels) ConvPanels(columns int) int {
	return (columns + int(k.t.panel_columns) - 1) / int(k.t.panel_columns)
}

// ConvPacked is the length of the packed weights of a convolution of so many taps, rows and columns.
func (k Kernels) ConvPacked(taps, rows, columns int) int {
	return int(C.conv_packed(k.t, C.int(taps), C.int(rows), C.int(columns)))
}

// ConvPack packs one tap's weights w [cin][cout] for ConvRows.
func (k Kernels) ConvPack(w []float32, cin, cout int, packed []float32) {
	C.conv_pack(k.t, f(w), C.int64_t(cout), 1, C.int(cin), C.int(cout), f(packed))
}

// ConvPackTransposed packs one tap's weights w [cin][cout] for ConvDX.
func (k Kernels) ConvPackTransposed(w []float32, cin, cout int, packed []float32) {
	C.conv_pack(k.t, f(w), 1, C.int64_t(cout), C.int(cout), C.int(cin), f(packed))
}

// ConvRows computes rows t0 <= t < t1 of y [time][cout] = bias + sum over taps of x[t-lag] w[tap], lag = tap*dilation,
// with the taps packed one after the other.
func (k Kernels) ConvRows(x, packed, bias []float32, cin, cout, taps, dilation, t0, t1 int, y []float32) {
	C.conv_rows(k.t, f(x), f(packed), f(bias), C.int(cin), C.int(cout), C.int(taps), C.int(dilation), C.int(t0), C.int(t1), f(y))
}

// ConvDX computes rows t0 <= t < t1 of ConvRows' gradient with respect to x [time][cin].
func (k Kernels) ConvDX(packed, dy []float32, time, cin, cout, taps, dilation, t0, t1 int, dx []float32) {
	C.conv_dx(k.t, f(packed), f(dy), C.int(time), C.int(cin), C.int(cout), C.int(taps), C.int(dilation), C.int(t0), C.int(t1), f(dx))
}

// ConvDW computes a panel of columns of the gradient of the tap at a lag, dw [cin][cout], over a batch.
func (k Kernels) ConvDW(x, dy []float32, batch, time, cin, cout, lag, panel int, dw []float32) {
	C.conv_dw(k.t, f(x), f(dy), C.int(batch), C.int(time), C.int(cin), C.int(cout), C.int(lag), C.int(panel)*k.t.panel_columns, f(dw))
}

// Activation is a nonlinearity.
type Activation int

// The activations; GELU is x times the normal distribution's cumulative (Hendrycks & Gimpel 2016), not its tanh form.
const (
	ReLU Activation = C.ACT_RELU
	GELU Activation = C.ACT_GELU
	SiLU Activation = C.ACT_SILU
	Tanh Activation = C.ACT_TANH
)

// Activate computes y = a(x).
func (k Kernels) Activate(a Activation, x, y []float32) {
	C.act(k.t, C.int(a), f(x), f(y), C.int64_t(len(x)))
}

// ActivateGrad computes dx = dy a'(x).
func (k Kernels) ActivateGrad(a Activation, x, dy, dx []float32) {
	C.act_grad(k.t, C.int(a), f(x), f(dy), f(dx), C.int64_t(len(x)))
}

// SumColumns sums rows of x into sums [channels].
func (k Kernels) SumColumns(x []float32, channels int, sums []float32) {
	C.sum_columns(k.t, f(x), C.int64_t(len(x)/channels), C.int(channels), f(sums))
}

// SumSquares sums squares of x - mean over rows into sums [channels].
func (k Kernels) SumSquares(x, mean []float32, sums []float32) {
	C.sum_squares(k.t, f(x), f(mean), C.int64_t(len(x)/len(mean)), C.int(len(mean)), f(sums))
}

// Norm computes y = (x - mean) inv gamma + beta per column; stats is mean then inv.
func (k Kernels) Norm(x, stats, gamma, beta, y []float32) {
	C.norm(k.t, f(x), f(stats), f(gamma), f(beta), C.int64_t(len(x)/len(gamma)), C.int(len(gamma)), f(y))
}

// NormSums sums over rows dy, then dy times the normalised x, into sums [2][channels].
func (k Kernels) NormSums(x, stats, dy, sums []float32) {
	c := len(stats) / 2
	C.norm_sums(k.t, f(x), f(stats), f(dy), C.int64_t(len(x)/c), C.int(c), f(sums))
}

// NormGrad computes Norm's gradient with respect to x. means is NormSums over the rows that entered the statistics; nil
// for rows that did not enter them.
func (k Kernels) NormGrad(x, stats, gamma, dy, means, dx []float32) {
	C.norm_grad(k.t, f(x), f(stats), f(gamma), f(dy), f(means), C.int64_t(len(x)/len(gamma)), C.int(len(gamma)), f(dx))
}

// Heads computes y [rows][heads] = x w' + b, w [heads][channels].
func (k Kernels) Heads(x, w, b []float32, channels int, y []float32) {
	C.heads(k.t, f(x), f(w), f(b), C.int64_t(len(x)/channels), C.int(channels), C.int(len(b)), f(y))
}

// HeadsDX computes dx [rows][channels] = dy w.
func (k Kernels) HeadsDX(dy, w []float32, channels, heads int, dx []float32) {
	C.heads_dx(k.t, f(dy), f(w), C.int64_t(len(dy)/heads), C.int(channels), C.int(heads), f(dx))
}

// HeadsDW computes dw [heads][channels] = dy' x.
func (k Kernels) HeadsDW(dy, x []float32, channels, heads int, dw []float32) {
	C.heads_dw(k.t, f(dy), f(x), C.int64_t(len(dy)/heads), C.int(channels), C.int(heads), f(dw))
}

// SpikeLoss sums the binary cross-entropy of logits y[r*heads] over rows; its gradient times scale goes to dy where
// that is not nil.
func (k Kernels) SpikeLoss(y, target []float32, heads int, scale float32, dy []float32) float64 {
	return float64(C.spike_loss(k.t, f(y), f(target), C.int64_t(len(target)), C.int(heads), C.float(scale), f(dy)))
}

// SquareLoss is SpikeLoss for the squared error.
func (k Kernels) SquareLoss(y, target []float32, heads int, scale float32, dy []float32) float64 {
	return float64(C.square_loss(k.t, f(y), f(target), C.int64_t(len(target)), C.int(heads), C.float(scale), f(dy)))
}

// AdamStep are the constants of one step: m and v decay with the betas; the clipped gradient is Clip g; then
// w = Keep w - (StepM m + StepG g) / (sqrt(v) Denom + Epsilon).
type AdamStep struct{ Beta1, Beta2, Epsilon, Clip, StepM, StepG, Denom, Keep float64 }

// Adam makes one step in place.
func (k Kernels) Adam(p AdamStep, w, g, m, v []float32) {
	C.adam(k.t, C.nets_adam{C.double(p.Beta1), C.double(p.Beta2), C.double(p.Epsilon), C.double(p.Clip), C.double(p.StepM), C.double(p.StepG), C.double(p.Denom), C.double(p.Keep)}, f(w), f(g), f(m), f(v), C.int64_t(len(w)))
}

// SquareSum is the sum of squares of x.
func (k Kernels) SquareSum(x []float32) float64 {
	return float64(C.square_sum(k.t, f(x), C.int64_t(len(x))))
}

// Add adds x to y.
func (k Kernels) Add(x, y []float32) { C.add(k.t, f(x), f(y), C.int64_t(len(x))) }
