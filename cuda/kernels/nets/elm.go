package nets

/*
#include "nets.h"

static void branch_sums(const nets_table *t, const float *value, const int32_t *first, const int32_t *at, const int32_t *bin,
                        const int32_t *synapse, int64_t n, int time, int branches, float *u) {
  (branches < RUN ? t->branch_sums_few : t->branch_sums)(value, first, at, bin, synapse, n, time, branches, u);
}
static void branch_grads(const nets_table *t, const float *du, const int32_t *first, const int32_t *at, const int32_t *bin,
                         const int32_t *synapse, int64_t n, int branches, float *dvalue) {
  (branches < RUN ? t->branch_grads_few : t->branch_grads)(du, first, at, bin, synapse, n, branches, dvalue);
}
static void branch_step(const nets_table *t, const float *value, const int32_t *first, const int32_t *at,
                        const int64_t *start, const int32_t *synapse, int64_t rows, int branches, float keep, float *trace) {
  t->branch_step(value, first, at, start, synapse, rows, branches, keep, trace);
}
static void elm_stream(const nets_table *t, nets_elm p, const float *w, int64_t rows, const float *x, float *state,
                       float *m, float *room) {
  const int wide = p.in ? p.in : p.hidden;
  for (int64_t r = 0; r < rows; r += ELM_ROWS)
    t->elm_forward(p, w, rows - r < ELM_ROWS ? (int)(rows - r) : ELM_ROWS, 1, x + r * wide, state + r * p.memory,
                   m + r * p.memory, 0, 0, room);
}
static void leak(const nets_table *t, const float *x, float keep, int64_t time, int channels, int back, float *y) {
  t->leak(x, keep, time, channels, back, y);
}
static nets_elm_sizes elm_size(const nets_table *t, nets_elm p) { return t->elm_size(p); }
static void elm_pack(const nets_table *t, nets_elm p, const float *w1, const float *b1, const float *w2, const float *b2,
                     const float *decay, int back, float *to) {
  t->elm_pack(p, w1, b1, w2, b2, decay, back, to);
}
static void elm_forward(const nets_table *t, nets_elm p, const float *w, int rows, int64_t time, const float *x,
                        float *state, float *m, float *z, float *y, float *room) {
  t->elm_forward(p, w, rows, time, x, state, m, z, y, room);
}
static void elm_backward(const nets_table *t, nets_elm p, const float *w, int rows, int group, int64_t time, const float *x,
                         const float *m, const float *dm, const float *z, const float *y, float *dx, float *sums,
                         float *room) {
  t->elm_backward(p, w, rows, group, time, x, m, dm, z, y, dx, sums, room);
}
static void elm_gradients(const nets_table *t, nets_elm p, const float *w1, const float *decay, const float *sums,
                          int parts, float *d) {
  t->elm_gradients(p, w1, decay, sums, parts, d);
}
*/
import "C"

import "unsafe"

// Run is how many neighbouring branches one step of BranchSums adds to.
const Run = C.RUN

// BranchSums computes the drive u [time][branches] of one sequence of events, in any order: the sum over its events of
// their synapses' runs first[s] <= r < first[s+1] of value [run][Run], added from branch at[r] on. With fewer branches
// than Run a run is its first value alone.
func (k Kernels) BranchSums(value []float32, first, at, bin, synapse []int32, time, branches int, u []float32) {
	C.branch_sums(k.t, f(value), i32(first), i32(at), i32(bin), i32(synapse), C.int64_t(len(bin)), C.int(time), C.int(branches), f(u))
}

// BranchGrads adds BranchSums' gradient with respect to value to dvalue.
func (k Kernels) BranchGrads(du []float32, first, at, bin, synapse []int32, branches int, dvalue []float32) {
	C.branch_grads(k.t, f(du), i32(first), i32(at), i32(bin), i32(synapse), C.int64_t(len(bin)), C.int(branches), f(dvalue))
}

// BranchStep takes the traces [rows][branches] of many neurons through a ms: keep times what they were, and the runs of
// the ms's events start[row] <= i < start[row+1] of each.
func (k Kernels) BranchStep(value []float32, first, at []int32, start []int, synapse []int32, branches int, keep float32, trace []float32) {
	C.branch_step(k.t, f(value), i32(first), i32(at), (*C.int64_t)(unsafe.Pointer(&start[0])), i32(synapse), C.int64_t(len(start)-1), C.int(branches), C.float(keep), f(trace))
}

// Leak computes y[t] = keep y[t-1] + x[t] of one sequence [time][channels]; with back, its gradient y[t] = x[t] + keep y[t+1].
func (k Kernels) Leak(x []float32, keep float32, channels int, back bool, y []float32) {
	C.leak(k.t, f(x), C.float(keep), C.int64_t(len(x)/channels), C.int(channels), flag(back), f(y))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// ELM is the shape of an Expressive Leaky Memory neuron (Spieler et al. 2024): inputs, hidden units, memory. With In 0
// what the hidden units get from the inputs is given, [Hidden].
type ELM struct {
	In, Hidden, Memory int
	Activation         Activation
	Learned            bool // the gradient of decay is wanted
}

func (e ELM) c() C.nets_elm {
	return C.nets_elm{in: C.int(e.In), hidden: C.int(e.Hidden), memory: C.int(e.Memory), act: C.int(e.Activation), learned: flag(e.Learned)}
}

// ELMRows is how many sequences ELMForward and ELMBackward take at once.
const ELMRows = C.ELM_ROWS

// ELMSizes are lengths: of packed weights; of what a ms of a sequence keeps of hidden units (Z) and of memory (Y); of
// the sums of gradients; and of the room that the two directions work in.
type ELMSizes struct{ Packed, Z, Y, Sums, Forward, Backward int }

// ELMSizes of a shape.
func (k Kernels) ELMSizes(e ELM) ELMSizes {
	s := C.elm_size(k.t, e.c())
	return ELMSizes{int(s.packed), int(s.z), int(s.y), int(s.sums), int(s.forward), int(s.backward)}
}

// ELMPack packs w1 [In+Memory][Hidden], b1, w2 [Hidden][Memory], b2 and decay [2][Memory], what m keeps of itself in a ms
// and what it gains of the tanh; back: for ELMBackward too.
func (k Kernels) ELMPack(e ELM, w1, b1, w2, b2, decay []float32, back bool, packed []float32) {
	C.elm_pack(k.t, e.c(), f(w1), f(b1), f(w2), f(b2), f(decay), flag(back), f(packed))
}

// ELMForward computes m [rows][time][Memory] of at most ELMRows sequences x [rows][time][In]. state [rows][Memory] is m
// before and then after; nil starts from 0. z [rows][time][Z] and y [rows][time][Y] keep what ELMBackward would else
// compute anew; nil keeps nothing.
func (k Kernels) ELMForward(e ELM, packed []float32, rows, time int, x, state, m, z, y, room []float32) {
	C.elm_forward(k.t, e.c(), f(packed), C.int(rows), C.int64_t(time), f(x), f(state), f(m), f(z), f(y), f(room))
}

// ELMStep takes state [rows][Memory] of any number of neurons, with inputs x [rows][In] of their own, through a ms; m is
// the state too.
func (k Kernels) ELMStep(e ELM, packed []float32, x, state, m, room []float32) {
	C.elm_stream(k.t, e.c(), f(packed), C.int64_t(len(state)/e.Memory), f(x), f(state), f(m), f(room))
}

// ELMBackward computes from dm, the gradient with respect to m, dx and the weights' sums over these sequences, which
// started from 0: one for every so many of them (group), the same however many go together.
func (k Kernels) ELMBackward(e ELM, packed []float32, rows, group, time int, x, m, dm, z, y, dx, sums, room []float32) {
	C.elm_backward(k.t, e.c(), f(packed), C.int(rows), C.int(group), C.int64_t(time), f(x), f(m), f(dm), f(z), f(y), f(dx), f(sums), f(room))
}

// ELMGradients computes from so many sums the gradients d of w1, b1, w2, b2 and decay, which
// means something if it is Learned, one after the other.
func (k Kernels) ELMGradients(e ELM, w1, decay, sums []float32, n int, d []float32) {
	C.elm_gradients(k.t, e.c(), f(w1), f(decay), f(sums), C.int(n), f(d))
}
