package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
)

// GRU is a gated recurrent unit (Cho et al. 2014) over time, from a state of zero: x [batch][time][3 units] are the gates'
// inputs with their biases, wh [units][3 units] the recurrent weights, bhn [units] the bias of the third product, to h
// [batch][time][units]. Gates are in PyTorch's order and form: r, z = sigmoid of x + h wh, n = tanh(x_n + r (h wh_n + bhn)),
// h' = (1 - z) n + z h. PyTorch's weight_hh is wh transposed.
//
// Roofline: as LSTM's, with 6 units^2 flops a row and ms in each of the three products, and 12 units^2 bytes of weights.
func (b *Builder) GRU(x, wh, bhn *G.Node) (*G.Node, error) {
	r, err := b.newRecurrent("GRU", 3, 4, x, wh)
	if err != nil {
		return nil, err
	}
	n, shape := r.units, tensor.Shape{r.batch, r.time, r.units}
	if bs := bhn.Shape(); len(bs) != 1 || bs[0] != n {
		return nil, fmt.Errorf("ops: GRU of %d units with a bias of %v", n, bs)
	}
	f := &gruCPU{recurrent: r, h: make([]float32, r.batch*n), work: r.work()}
	if b.train && b.device == nil {
		r.states = make([]float32, r.batch*r.kept*4*n)
	}
	diff := func(in G.Nodes, y, grad *G.Node) (G.Nodes, error) {
		k, sums := &gruGradCPU{back: newBack(r)}, &gruBiasCPU{}
		if rows := r.batch * r.time; b.device == nil {
			k.zero, k.dz = make([]float32, r.batch*n), make([]float32, rows*3*n)
			*sums = gruBiasCPU{columnSumsCPU{b: b, channels: 3 * n, partial: make([]float32, chunks(rows)*3*n), total: make([]float64, 3*n)}, k.dz}
		}
		dx, err := b.apply("GRU dx", in[0].Shape().Clone(), k, r.gruGradGPU, nil, nil, in[0], in[1], in[2], y, grad)
		if err != nil {
			return nil, err
		}
		// The gradient of the product is dx but for n's part: the next two ops read it where dx's body left it.
		dw, err := b.apply("GRU dw", in[1].Shape().Clone(), &delayedDW{recurrent: r, dz: k.dz}, r.dwGPU, nil, nil, y, dx)
		if err != nil {
			return nil, err
		}
		gpu, err := r.gruBiasGPU()
		if err != nil {
			return nil, fmt.Errorf("ops: GRU db: %w", err)
		}
		db, err := b.apply("GRU db", tensor.Shape{n}, sums, gpu, nil, nil, dx)
		return G.Nodes{dx, dw, db}, err
	}
	return b.apply("GRU", shape, f, r.gruGPU, []bool{true, true, true}, diff, x, wh, bhn)
}

type gruCPU struct {
	*recurrent
	in      [][]float32
	out     []float32
	h, work []float32
}

func (f *gruCPU) run(in [][]float32, out []float32) {
	f.in, f.out = in, out
	clear(f.h)
	f.pack(in[1])
	f.b.team.Run(f.parts(), f)
}

func (f *gruCPU) Part(i int) {
	n := f.units
	for from := 0; from < f.time; from += f.kept {
		row, s := f.scan(i, from)
		f.b.kernels.GRU(s, f.in[0][row*f.time*3*n:], f.packed, f.in[2], f.h[row*n:], f.out[row*f.time*n:],
			rowsOf(f.states, row, f.kept*4*n), f.workOf(f.work, i, row))
	}
}

// gruGradCPU computes the gradient of x from x, wh, bhn, h and the gradient of h, and leaves in dz that of the product.
type gruGradCPU struct {
	back
	zero, dz []float32
}

func (k *gruGradCPU) run(in [][]float32, out []float32) {
	k.in, k.out = in, out
	k.start(in[1])
	k.b.team.Run(k.parts(), k)
	k.finish()
}

func (k *gruGradCPU) Part(i int) {
	n := k.units
	for from := (k.time - 1) / k.kept * k.kept; from >= 0; from -= k.kept {
		row, s := k.scan(i, from)
		states, work := k.states[row*k.kept*4*n:], k.workOf(k.work, i, row)
		if k.again(s) {
			k.stateAhead(row, s, k.in[3])
			k.b.kernels.GRU(s, k.in[0][row*k.time*3*n:], k.recurrent.packed, k.in[2], k.h[row*n:], nil, states, work)
		}
		k.b.kernels.GRUGrad(s, k.in[4][row*k.time*n:], k.packed, states, k.in[3][row*k.time*n:], k.zero[row*n:], k.dh[row*n:],
			k.out[row*k.time*3*n:], k.dz[row*k.time*3*n:], work)
	}
}

// gruBiasCPU sums the gradient of n's product.
type gruBiasCPU struct {
	columnSumsCPU
	dz []float32
}

func (c *gruBiasCPU) run(_ [][]float32, out []float32) {
	c.x = c.dz
	c.sum()
	for i, t := range c.total[2*len(out):] {
		out[i] = float32(t)
	}
}

// GRUStep is a GRU one ms at a time, for many rows at once.
type GRUStep struct {
	kernels            nets.Kernels
	units              int
	packed, bias, work []float32
}

// GRU takes the recurrent weights wh [units][3 units] and the bias bhn [units], as they are now.
func (s Single) GRU(units int, wh, bhn []float32) *GRUStep {
	k := s.kernels
	g := &GRUStep{kernels: k, units: units, bias: slices.Clone(bhn), packed: make([]float32, k.ConvPacked(1, units, 3*units))}
	k.ConvPack(wh, units, 3*units, g.packed)
	return g
}

// Step moves the state h [rows][units] on by a ms of the gates' inputs x [rows][3 units]. h is the output, to the bit that
// of the op GRU.
func (s *GRUStep) Step(x, h []float32) {
	rows := len(h) / s.units
	s.work = room(s.work, nets.RecurrentWork(rows, s.units))
	s.kernels.GRU(nets.Scan{Rows: rows, Time: 1, Units: s.units, To: 1}, x, s.packed, s.bias, h, nil, nil, s.work)
}
