package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"neq/cuda/kernels/nets"
)

// recurrent is the shape of a recurrent layer over time and what its forward pass leaves for the way back.
//
// A part of the work is some rows of the batch through all of their ms, so threads split the batch and one window takes
// one thread. The rule of memory: the states that the way back needs are kept for all ms where that takes no more than
// 64 MiB; in longer windows for a stretch of ms that fits, and the way back runs the earlier stretches again, each from the
// state ahead of it.
type recurrent struct {
	b                         *Builder
	batch, time, units, gates int
	kept                      int       // ms of a stretch
	states                    []float32 // gates of a stretch, [batch][kept][4 units]
	cells                     []float32 // LSTM: of a stretch, [batch][kept][units]
	ahead                     []float32 // LSTM: cells ahead of every stretch, [stretches][batch][units]
	packed                    []float32
	gpu                       recurrentGPU
	fresh                     bool // the last stretch's states are those of the forward pass
}

// keptBytes is the memory that states of one layer may take.
const keptBytes = 64 << 20

// newRecurrent checks shapes of a layer of so many gates; perMs is how many numbers are kept of a row and ms.
func (b *Builder) newRecurrent(name string, gates, perMs int, x, wh *G.Node) (*recurrent, error) {
	xs, ws := x.Shape(), wh.Shape()
	if len(xs) != 3 || len(ws) != 2 || ws[0] < 1 || ws[1] != gates*ws[0] || xs[2] != ws[1] {
		return nil, fmt.Errorf("ops: %s of %v with recurrent weights %v: want [batch][time][%d units], [units][%d units]", name, xs, ws, gates, gates)
	}
	r := &recurrent{b: b, batch: xs[0], time: xs[1], units: ws[0], gates: gates}
	if err := r.onDevice(); err != nil {
		return nil, fmt.Errorf("ops: %s: %w", name, err)
	}
	r.kept = max(1, min(r.time, b.keptBytes/(4*r.batch*perMs*r.units)))
	return r, nil
}

// parts is over how many parts the rows are split.
func (r *recurrent) parts() int { return min(r.b.team.Threads(), r.batch) }

// scan is the first row of a part and the part's run from a ms on.
func (r *recurrent) scan(part, from int) (int, nets.Scan) {
	n := r.parts()
	first := part * r.batch / n
	s := nets.Scan{Rows: (part+1)*r.batch/n - first, Time: r.time, Units: r.units, From: from, To: min(from+r.kept, r.time), Kept: r.kept}
	return first, s
}

// rowsOf is a tensor of so many numbers a row from a row on; nil for none.
func rowsOf(x []float32, row, each int) []float32 {
	if x == nil {
		return nil
	}
	return x[row*each:]
}

func (r *recurrent) pack(wh []float32) {
	n := r.units
	r.fresh = true
	r.packed = room(r.packed, r.b.kernels.ConvPacked(1, n, r.gates*n))
	r.b.kernels.ConvPack(wh, n, r.gates*n, r.packed)
}

// back is what the way back needs besides: the state's gradient and transposed weights.
type back struct {
	*recurrent
	in     [][]float32
	out    []float32
	packed []float32
	dh, dc []float32 // [batch][units]
	h, c   []float32 // where a stretch is run again
	work   []float32
}

func newBack(r *recurrent) back {
	n := r.batch * r.units
	if r.b.device != nil {
		return back{recurrent: r}
	}
	return back{recurrent: r, dh: make([]float32, n), dc: make([]float32, n), h: make([]float32, n), c: make([]float32, n), work: r.work()}
}

// work is scratch for all parts, which lies row by row, with a part's extra beside its first row.
func (r *recurrent) work() []float32 {
	return make([]float32, nets.RecurrentWork(r.batch, r.units)+(r.parts()-1)*nets.RecurrentWork(0, r.units))
}

func (r *recurrent) workOf(work []float32, part, row int) []float32 {
	extra := nets.RecurrentWork(0, r.units)
	return work[nets.RecurrentWork(row, r.units)-extra+part*extra:]
}

// finish ends a pass back: with several stretches, what is kept now is the first one's.
func (k *back) finish() { k.fresh = k.kept == k.time }

// again says whether a stretch is to be run again.
func (k *back) again(s nets.Scan) bool { return s.To < k.time || !k.fresh }

func (k *back) start(wh []float32) {
	n := k.units
	clear(k.dh)
	clear(k.dc)
	k.packed = room(k.packed, k.b.kernels.ConvPacked(1, k.gates*n, n))
	k.b.kernels.ConvPackTransposed(wh, n, k.gates*n, k.packed)
}

// stateAhead sets h to what it was ahead of a stretch, from h over time.
func (k *back) stateAhead(row int, s nets.Scan, y []float32) {
	n := k.units
	for i := row; i < row+s.Rows; i++ {
		h := k.h[i*n : (i+1)*n]
		if s.From == 0 {
			clear(h)
		} else {
			copy(h, y[(i*k.time+s.From-1)*n:])
		}
	}
}

// delayedDW is the gradient of a recurrent layer's weights, the sum over rows and ms of h a ms before times the gradient of
// the product: a convolution's at a lag of 1. A part is a panel of its columns.
type delayedDW struct {
	*recurrent
	dz  []float32 // [batch][time][gates units]; nil: the second input
	in  [][]float32
	out []float32
}

func (c *delayedDW) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(c.b.kernels.ConvPanels(c.gates*c.units), c)
}

func (c *delayedDW) Part(i int) {
	dz := c.dz
	if dz == nil {
		dz = c.in[1]
	}
	c.b.kernels.ConvDW(c.in[0], dz, c.batch, c.time, c.units, c.gates*c.units, 1, i, c.out)
}
