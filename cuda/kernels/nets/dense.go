package nets

/*
#include "nets.h"

static void sum(const nets_table *t, const float *x, const float *y, float *total, int64_t n) { t->sum(x, y, total, n); }
static void depthwise_rows(const nets_table *t, const float *x, const float *w, const float *bias, int time, int channels,
                           int taps, int dilation, int t0, int t1, float *y) {
  t->depthwise_rows(x, w, bias, time, channels, taps, dilation, t0, t1, y);
}
static void depthwise_dx(const nets_table *t, const float *dy, const float *w, int time, int channels, int taps,
                         int dilation, int t0, int t1, float *dx) {
  t->depthwise_dx(dy, w, time, channels, taps, dilation, t0, t1, dx);
}
static void depthwise_dw(const nets_table *t, const float *x, const float *dy, int channels, int taps, int dilation,
                         int t0, int t1, float *dw) {
  t->depthwise_dw(x, dy, channels, taps, dilation, t0, t1, dw);
}
static void layer_norm(const nets_table *t, const float *x, const float *gamma, const float *beta, int64_t rows,
                       int channels, float epsilon, float *y) {
  t->layer_norm(x, gamma, beta, rows, channels, epsilon, y);
}
static void layer_norm_dx(const nets_table *t, const float *x, const float *gamma, const float *dy, int64_t rows,
                          int channels, float epsilon, float *dx) {
  t->layer_norm_dx(x, gamma, dy, rows, channels, epsilon, dx);
}
static void layer_norm_sums(const nets_table *t, const float *x, const float *dy, int64_t rows, int channels,
                            float epsilon, float *sums) {
  t->layer_norm_sums(x, dy, rows, channels, epsilon, sums);
}
static int64_t attention_scratch(const nets_table *t, int time, int width, int span, int grad) {
  return t->attention_scratch(time, width, span, grad);
}
static void attention(const nets_table *t, const float *qkv, const float *bias, int time, int nheads, int width, int span,
                      int head, float *scratch, float *y) {
  t->attention(qkv, bias, time, nheads, width, span, head, scratch, y);
}
static void attention_grad(const nets_table *t, const float *qkv, const float *bias, const float *dy, int time, int nheads,
                           int width, int span, int head, float *scratch, float *dqkv, float *dbias) {
  t->attention_grad(qkv, bias, dy, time, nheads, width, span, head, scratch, dqkv, dbias);
}
static void route(const nets_table *t, const float *logits, int64_t rows, int experts, int top, int32_t *chosen,
                  float *gates) {
  t->route(logits, rows, experts, top, chosen, gates);
}
static void route_grad(const nets_table *t, const float *logits, const int32_t *chosen, const float *gates,
                       const float *dgates, int64_t rows, int experts, int top, const float *share, float weight,
                       float *dlogits) {
  t->route_grad(logits, chosen, gates, dgates, rows, experts, top, share, weight, dlogits);
}
static void gather_rows(const nets_table *t, const float *parts, const int32_t *at, const float *gates, int64_t rows,
                        int top, int channels, float *y) {
  t->gather_rows(parts, at, gates, rows, top, channels, y);
}
static void spread_rows(const nets_table *t, const float *dy, const float *given, const int32_t *at, const float *gates,
                        int64_t rows, int top, int channels, float *parts, float *dgates) {
  t->spread_rows(dy, given, at, gates, rows, top, channels, parts, dgates);
}
*/
import "C"

// Sum computes total = x + y.
func (k Kernels) Sum(x, y, total []float32) { C.sum(k.t, f(x), f(y), f(total), C.int64_t(len(x))) }

// DepthwiseRows computes rows t0 <= t < t1 of y [time][channels] = bias + sum over taps of w[tap] x[t - tap*dilation],
// each channel by itself; w is [taps][channels].
func (k Kernels) DepthwiseRows(x, w, bias []float32, time, channels, taps, dilation, t0, t1 int, y []float32) {
	C.depthwise_rows(k.t, f(x), f(w), f(bias), C.int(time), C.int(channels), C.int(taps), C.int(dilation), C.int(t0), C.int(t1), f(y))
}

// DepthwiseDX computes rows t0 <= t < t1 of DepthwiseRows' gradient with respect to x.
func (k Kernels) DepthwiseDX(dy, w []float32, time, channels, taps, dilation, t0, t1 int, dx []float32) {
	C.depthwise_dx(k.t, f(dy), f(w), C.int(time), C.int(channels), C.int(taps), C.int(dilation), C.int(t0), C.int(t1), f(dx))
}

// DepthwiseDW computes the gradient of w [taps][channels] from rows t0 <= t < t1 of a window.
func (k Kernels) DepthwiseDW(x, dy []float32, channels, taps, dilation, t0, t1 int, dw []float32) {
	C.depthwise_dw(k.t, f(x), f(dy), C.int(channels), C.int(taps), C.int(dilation), C.int(t0), C.int(t1), f(dw))
}

// LayerNorm normalises rows of x by their own mean and variance: y = (x - mean) / sqrt(variance + epsilon) gamma + beta.
func (k Kernels) LayerNorm(x, gamma, beta []float32, epsilon float32, y []float32) {
	C.layer_norm(k.t, f(x), f(gamma), f(beta), C.int64_t(len(x)/len(gamma)), C.int(len(gamma)), C.float(epsilon), f(y))
}

// LayerNormDX computes LayerNorm's gradient with respect to x.
func (k Kernels) LayerNormDX(x, gamma, dy []float32, epsilon float32, dx []float32) {
	C.layer_norm_dx(k.t, f(x), f(gamma), f(dy), C.int64_t(len(x)/len(gamma)), C.int(len(gamma)), C.float(epsilon), f(dx))
}

// LayerNormSums sums over rows dy, then dy times the normalised x, into sums [2][channels].
func (k Kernels) LayerNormSums(x, dy []float32, epsilon float32, sums []float32) {
	c := len(sums) / 2
	C.layer_norm_sums(k.t, f(x), f(dy), C.int64_t(len(x)/c), C.int(c), C.float(epsilon), f(sums))
}

// AttentionShape is that of causal local attention: a window's ms, the heads, their width and how many ms they see.
type AttentionShape struct{ Time, Heads, Width, Span int }

// AttentionScratch is the length of the scratch of Attention, or of AttentionGrad: zeros, when it is first used.
func (k Kernels) AttentionScratch(s AttentionShape, grad bool) int {
	g := C.int(0)
	if grad {
		g = 1
	}
	return int(C.attention_scratch(k.t, C.int(s.Time), C.int(s.Width), C.int(s.Span), g))
}

// Attention computes a head's part of y [time][heads][width] of one window, from qkv [time][3][heads][width] and the
// head's bias [span], which may be nil.
func (k Kernels) Attention(s AttentionShape, qkv, bias []float32, head int, scratch, y []float32) {
	C.attention(k.t, f(qkv), f(bias), C.int(s.Time), C.int(s.Heads), C.int(s.Width), C.int(s.Span), C.int(head), f(scratch), f(y))
}

// AttentionGrad computes a head's part of dqkv and its dbias [span] of one window.
func (k Kernels) AttentionGrad(s AttentionShape, qkv, bias, dy []float32, head int, scratch, dqkv, dbias []float32) {
	C.attention_grad(k.t, f(qkv), f(bias), f(dy), C.int(s.Time), C.int(s.Heads), C.int(s.Width), C.int(s.Span), C.int(head), f(scratch), f(dqkv), f(dbias))
}

// Route gives each row of logits its top experts, chosen [rows][top] and gates [rows][top].
func (k Kernels) Route(logits []float32, experts, top int, chosen []int32, gates []float32) {
	C.route(k.t, f(logits), C.int64_t(len(logits)/experts), C.int(experts), C.int(top), i32(chosen), f(gates))
}

// RouteGrad computes the gradient of the logits from that of the gates, and of weight/experts times the load-balancing
// loss, share [experts] being the experts' shares of the assignments.
func (k Kernels) RouteGrad(logits []float32, chosen []int32, gates, dgates []float32, top int, share []float32, weight float32, dlogits []float32) {
	C.route_grad(k.t, f(logits), i32(chosen), f(gates), f(dgates), C.int64_t(len(logits)/len(share)), C.int(len(share)), C.int(top), f(share), C.float(weight), f(dlogits))
}

// GatherRows adds up the parts that rows were split into: y[row] = sum of gates parts[at]; without gates, y += parts[at].
func (k Kernels) GatherRows(parts []float32, at []int32, gates []float32, top, channels int, y []float32) {
	C.gather_rows(k.t, f(parts), i32(at), f(gates), C.int64_t(len(at)/top), C.int(top), C.int(channels), f(y))
}

// SpreadRows is GatherRows' gradient: of its parts, and of its gates.
func (k Kernels) SpreadRows(dy, given []float32, at []int32, gates []float32, top, channels int, parts, dgates []float32) {
	C.spread_rows(k.t, f(dy), f(given), i32(at), f(gates), C.int64_t(len(at)/top), C.int(top), C.int(channels), f(parts), f(dgates))
}
