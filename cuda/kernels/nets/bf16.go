package nets

/*
#include <stdlib.h>
#include "nets.h"

static void round_rows(const nets_bf16 *t, const float *x, int rows, int channels, int64_t stride, uint16_t *out) {
  t->round_rows(x, rows, channels, stride, out);
}
static void round_columns(const nets_bf16 *t, const float *x, int64_t ld, int rows, int columns, int zeros, int64_t stride,
                          uint16_t *out) {
  t->round_columns(x, ld, rows, columns, zeros, stride, out);
}
static void round_pairs(const nets_bf16 *t, const float *x, int64_t ld, int rows, int columns, uint16_t *out) {
  t->round_pairs(x, ld, rows, columns, out);
}
static void pack(const nets_bf16 *t, const float *w, int cin, int cout, int64_t panel, uint16_t *packed) {
  for (int j = 0; j < cout; j += 32, packed += panel) t->round_pairs(w + j, cout, cin, cout - j < 32 ? cout - j : 32, packed);
}
static void pack_across(const nets_bf16 *t, const float *w, int cin, int cout, int64_t panel, uint16_t *packed) {
  for (int i = 0; i < cin; i += 32, packed += panel)
    t->round_pairs_across(w + (int64_t)i * cout, cout, cout, cin - i < 32 ? cin - i : 32, packed);
}
static void rows(const nets_bf16 *t, const uint16_t *a, int64_t stride, int segments, int64_t step, int k,
                 const uint16_t *packed, const float *bias, int columns, int t0, int t1, float *y) {
  t->rows(a, stride, segments, step, k, packed, bias, columns, t0, t1, y);
}
static void dw(const nets_bf16 *t, const uint16_t *xt, int64_t stride, int64_t xw, const uint16_t *dy, int64_t yw, int batch,
               int k, int zeros, int dilation, int from, int to, int rows, int columns, int64_t ld, int64_t tap, float *out) {
  t->dw(xt, stride, xw, dy, yw, batch, k, zeros, dilation, from, to, rows, columns, ld, tap, out);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// BF16 are products with factors rounded to bfloat16, to nearest even, and sums in float32. Rounded numbers are uint16.
type BF16 struct{ t *C.nets_bf16 }

// NewBF16 picks the instructions: "amx" or "avx512_bf16", "portable", which rounds alike and is slow, or "" for the better
// of the two that this machine has.
func NewBF16(isa string) (BF16, error) {
	s := C.CString(isa)
	defer C.free(unsafe.Pointer(s))
	t := C.nets_bf16_pick(s)
	switch {
	case t == nil && isa == "":
		return BF16{}, fmt.Errorf("nets: this machine's processor, or what it lets programs use, has no bfloat16 products (AMX, AVX512-BF16): compute in float32")
	case t == nil:
		return BF16{}, fmt.Errorf("nets: instruction set %q: this machine does not have it: use \"portable\"", isa)
	}
	return BF16{t}, nil
}

// ISA is the instruction set's name.
func (k BF16) ISA() string { return C.GoString(k.t.name) }

func u16(s []uint16) *C.uint16_t {
	if len(s) == 0 {
		return nil
	}
	return (*C.uint16_t)(unsafe.Pointer(&s[0]))
}

// Factors' numbers come 32 at a time; a product may read BF16Spare rows behind a factor's last.
const (
	BF16Panel = 32
	BF16Spare = 48
)

// RoundRows rounds x [rows][channels] to rows at a stride, zeros behind each.
func (k BF16) RoundRows(x []float32, rows, channels, stride int, out []uint16) {
	C.round_rows(k.t, f(x), C.int(rows), C.int(channels), C.int64_t(stride), u16(out))
}

// RoundColumns rounds up to 32 columns of x [rows][ld] to rows of out [32][stride], each behind so many zeros, and zeros to
// the next multiple of 32; stride and zeros are even.
func (k BF16) RoundColumns(x []float32, ld, rows, columns, zeros, stride int, out []uint16) {
	C.round_columns(k.t, f(x), C.int64_t(ld), C.int(rows), C.int(columns), C.int(zeros), C.int64_t(stride), u16(out))
}

// RoundPairs rounds up to 32 columns of x [rows][ld] to [rows/2][32][2], a second factor.
func (k BF16) RoundPairs(x []float32, ld, rows, columns int, out []uint16) {
	C.round_pairs(k.t, f(x), C.int64_t(ld), C.int(rows), C.int(columns), u16(out))
}

// Pack rounds one tap's weights w [cin][cout] as a second factor, panels of 32 columns so many numbers apart.
func (k BF16) Pack(w []float32, cin, cout, panel int, packed []uint16) {
	C.pack(k.t, f(w), C.int(cin), C.int(cout), C.int64_t(panel), u16(packed))
}

// PackTransposed is Pack of w' [cout][cin].
func (k BF16) PackTransposed(w []float32, cin, cout, panel int, packed []uint16) {
	C.pack_across(k.t, f(w), C.int(cin), C.int(cout), C.int64_t(panel), u16(packed))
}

// BF16Rows is the shape of a product of rows: segments of K numbers, Step apart, from rows at a Stride. K is a multiple of 32.
type BF16Rows struct{ Stride, Segments, Step, K int }

// Rows computes rows t0 <= t < t1 of y [..][columns] = bias (nil: 0) + the sum over segments of a[t*Stride + segment*Step ..]
// times packed [panel][Segments*K/2][32][2].
func (k BF16) Rows(s BF16Rows, a, packed []uint16, bias []float32, columns, t0, t1 int, y []float32) {
	C.rows(k.t, u16(a), C.int64_t(s.Stride), C.int(s.Segments), C.int64_t(s.Step), C.int(s.K), u16(packed), f(bias), C.int(columns), C.int(t0), C.int(t1), f(y))
}

// BF16DW is the shape of a weights' gradient: Batch windows of K rows (a multiple of 32), rounded columns at a Stride behind
// Zeros, windows XWindow and YWindow numbers apart, taps Dilation apart; dw is [tap][..][Columns].
type BF16DW struct{ Batch, K, Stride, Zeros, XWindow, YWindow, Dilation, Columns, Tap int }

// DW computes rows x columns, 32 at most, of the gradient of taps from <= tap < to: dw[tap*Tap + i*Columns + j] = the sum over
// windows and t < K of xt[i*Stride + Zeros + t - tap*Dilation] dy[t][j]; xt by RoundColumns, dy by RoundPairs.
func (k BF16) DW(s BF16DW, xt, dy []uint16, from, to, rows, columns int, dw []float32) {
	C.dw(k.t, u16(xt), C.int64_t(s.Stride), C.int64_t(s.XWindow), u16(dy), C.int64_t(s.YWindow), C.int(s.Batch), C.int(s.K), C.int(s.Zeros), C.int(s.Dilation), C.int(from), C.int(to), C.int(rows), C.int(columns), C.int64_t(s.Columns), C.int64_t(s.Tap), f(dw))
}
