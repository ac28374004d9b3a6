package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
)

// LSTM is a long short-term memory (Hochreiter & Schmidhuber 1997) over time, from a state of zero: x [batch][time][4
// units] are the gates' inputs with their biases, wh [units][4 units] the recurrent weights, to h [batch][time][units].
// Gates are in PyTorch's order i, f, g, o: i, f, o = sigmoid and g = tanh of x + h wh, c' = f c + i g, h' = o tanh(c').
// PyTorch's weight_hh is wh transposed, and its two biases have one gradient.
//
// Roofline: of a ms 8 units^2 flops a row forward, as many back and as many for the weights' gradient, beside five
// exponentials a unit. Forward and back stream the weights from the L2 cache each ms, 16 units^2 bytes, which the product
// outlasts from some 4 rows on; below, and one ms at a time, that bandwidth is the bound, else the multipliers. With 128
// units and 8 rows on AVX-512 the products reach 0.95 of what the dense convolutions do, the weights' gradient 0.8; the
// three are 0.4 of a training step, the units' functions and their traffic 0.2, the first layer 0.23.
func (b *Builder) LSTM(x, wh *G.Node) (*G.Node, error) {
	r, err := b.newRecurrent("LSTM", 4, 5, x, wh)
	if err != nil {
		return nil, err
	}
	n, shape := r.units, tensor.Shape{r.batch, r.time, r.units}
	f := &lstmCPU{recurrent: r, h: make([]float32, r.batch*n), c: make([]float32, r.batch*n), work: r.work()}
	if b.train && b.device == nil {
		r.states, r.cells = make([]float32, r.batch*r.kept*4*n), make([]float32, r.batch*r.kept*n)
		r.ahead = make([]float32, (r.time+r.kept-1)/r.kept*r.batch*n)
	}
	diff := func(in G.Nodes, y, grad *G.Node) (G.Nodes, error) {
		dx, err := b.apply("LSTM dx", in[0].Shape().Clone(), &lstmGradCPU{newBack(r)}, r.lstmGradGPU, nil, nil, in[0], in[1], y, grad)
		if err != nil {
			return nil, err
		}
		dw, err := b.apply("LSTM dw", in[1].Shape().Clone(), &delayedDW{recurrent: r}, r.dwGPU, nil, nil, y, dx)
		return G.Nodes{dx, dw}, err
	}
	return b.apply("LSTM", shape, f, r.lstmGPU, []bool{true, true}, diff, x, wh)
}

type lstmCPU struct {
	*recurrent
	in         [][]float32
	out        []float32
	h, c, work []float32
}

func (f *lstmCPU) run(in [][]float32, out []float32) {
	f.in, f.out = in, out
	clear(f.h)
	clear(f.c)
	f.pack(in[1])
	f.b.team.Run(f.parts(), f)
}

func (f *lstmCPU) Part(i int) {
	n := f.units
	for from := 0; from < f.time; from += f.kept {
		row, s := f.scan(i, from)
		c := f.c[row*n : (row+s.Rows)*n]
		if f.ahead != nil {
			copy(f.ahead[(from/f.kept*f.batch+row)*n:], c)
		}
		f.b.kernels.LSTM(s, f.in[0][row*f.time*4*n:], f.packed, f.h[row*n:], c, f.out[row*f.time*n:],
			rowsOf(f.states, row, f.kept*4*n), rowsOf(f.cells, row, f.kept*n), f.workOf(f.work, i, row))
	}
}

// lstmGradCPU computes the gradient of x from x, wh, h and the gradient of h.
type lstmGradCPU struct{ back }

func (k *lstmGradCPU) run(in [][]float32, out []float32) {
	k.in, k.out = in, out
	k.start(in[1])
	k.b.team.Run(k.parts(), k)
	k.finish()
}

func (k *lstmGradCPU) Part(i int) {
	n := k.units
	for from := (k.time - 1) / k.kept * k.kept; from >= 0; from -= k.kept {
		row, s := k.scan(i, from)
		ahead := k.ahead[(from/k.kept*k.batch+row)*n:]
		states, cells, work := k.states[row*k.kept*4*n:], k.cells[row*k.kept*n:], k.workOf(k.work, i, row)
		if k.again(s) {
			c := k.c[row*n : (row+s.Rows)*n]
			copy(c, ahead)
			k.stateAhead(row, s, k.in[2])
			k.b.kernels.LSTM(s, k.in[0][row*k.time*4*n:], k.recurrent.packed, k.h[row*n:], c, nil, states, cells, work)
		}
		k.b.kernels.LSTMGrad(s, k.in[3][row*k.time*n:], k.packed, states, cells, ahead, k.dh[row*n:], k.dc[row*n:], k.out[row*k.time*4*n:], work)
	}
}

// LSTMStep is an LSTM one ms at a time, for many rows at once.
type LSTMStep struct {
	kernels      nets.Kernels
	units        int
	packed, work []float32
}

// LSTM takes the recurrent weights wh [units][4 units], as they are now.
func (s Single) LSTM(units int, wh []float32) *LSTMStep {
	k := s.kernels
	l := &LSTMStep{kernels: k, units: units, packed: make([]float32, k.ConvPacked(1, units, 4*units))}
	k.ConvPack(wh, units, 4*units, l.packed)
	return l
}

// Step moves the state h, c [rows][units] on by a ms of the gates' inputs x [rows][4 units]. h is the output, to the bit
// that of the op LSTM.
func (s *LSTMStep) Step(x, h, c []float32) {
	rows := len(h) / s.units
	s.work = room(s.work, nets.RecurrentWork(rows, s.units))
	s.kernels.LSTM(nets.Scan{Rows: rows, Time: 1, Units: s.units, To: 1}, x, s.packed, h, c, nil, nil, nil, s.work)
}
