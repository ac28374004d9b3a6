package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
)

// Experts are the choices of a mixture of experts.
type Experts struct {
	Top        int    // experts that a ms goes to
	Activation string // within an expert
	// Balance is the coefficient alpha of the load-balancing loss of Fedus, Zoph & Shazeer 2021 (eq. 4-6), alpha E sum
	// over experts of f P: f the share of the assignments that went to an expert, P the mean of the softmax over all
	// experts' logits. Without it the experts that are chosen first are the only ones that learn. The loss that a graph
	// reports is without it: its gradient is added to the router's here, at every backward pass. They used 0.01.
	Balance float64
}

// MoE is a mixture of experts in the place of a dense layer (Shazeer et al. 2017): x [batch][time][C], router [C][E],
// w1 [E][C][H], b1 [E][H], w2 [E][H][C], b2 [E][C] to [batch][time][C]. Every ms goes to the Top experts by the
// router's logits, the lower index where they tie; its output is the sum of theirs, act(x w1 + b1) w2 + b2, weighted by
// the softmax over the chosen logits (in that order, as Mixtral: Jiang et al. 2024), through which the gradient reaches
// the router. Rows are grouped by expert, so that an expert is two dense products, bound by the multipliers as Conv is:
// 2 Top C H multiply-adds a ms, twice that backward, at a half to two thirds of Conv's rate with C 128 and H 256: what
// is moved beside them is Top (2 C + 2 H) numbers, and the activation is of Top H. On the CPU always in float32.
func (b *Builder) MoE(x, router, w1, b1, w2, b2 *G.Node, o Experts) (*G.Node, error) {
	xs, hs := x.Shape(), w1.Shape()
	act, known := activationKinds[o.Activation]
	if !known {
		return nil, fmt.Errorf("ops: experts' activation %q: want relu, gelu, silu or tanh", o.Activation)
	}
	if len(xs) != 3 || len(hs) != 3 || hs[1] != xs[2] || !router.Shape().Eq(tensor.Shape{xs[2], hs[0]}) ||
		!b1.Shape().Eq(tensor.Shape{hs[0], hs[2]}) || !w2.Shape().Eq(tensor.Shape{hs[0], hs[2], xs[2]}) || !b2.Shape().Eq(tensor.Shape{hs[0], xs[2]}) {
		return nil, fmt.Errorf("ops: experts of %v with router %v, weights %v and %v, biases %v and %v", xs, router.Shape(), hs, w2.Shape(), b1.Shape(), b2.Shape())
	}
	if o.Top < 1 || o.Top > hs[0] || !(o.Balance >= 0 && o.Balance < 1e6) {
		return nil, fmt.Errorf("ops: %d experts, of which a ms goes to %d, balance %g: want 1 to all, and a balance from 0", hs[0], o.Top, o.Balance)
	}
	if xs.TotalSize()/xs[2]*o.Top > math.MaxInt32 {
		return nil, fmt.Errorf("ops: experts of %v, %d for each ms: more than 2^31: use a smaller batch", xs, o.Top)
	}
	m := &moe{b: b, rows: xs[0] * xs[1], channels: xs[2], experts: hs[0], hidden: hs[2], top: o.Top, act: act, balance: o.Balance}
	gpu, err := m.room()
	if err != nil {
		return nil, fmt.Errorf("ops: experts: %w", err)
	}
	diff := func(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
		g := &moeGrad{moe: m}
		shared, err := m.gradRoom(g)
		if err != nil {
			return nil, fmt.Errorf("ops: experts: %w", err)
		}
		// After the output, whose routes and hidden layers it reads.
		dx, err := b.apply("experts dx", xs.Clone(), g, shared.dx, nil, nil, in[1], in[2], in[4], grad, out)
		if err != nil {
			return nil, err
		}
		ds := G.Nodes{dx}
		for _, w := range []struct {
			name string
			part gradPart
			gpu  gpuBody
			of   *G.Node
		}{
			{"experts drouter", gradRouter, shared.router, in[1]}, {"experts dw1", gradW1, shared.w1, in[2]}, {"experts db1", gradB1, shared.b1, in[3]},
			{"experts dw2", gradW2, shared.w2, in[4]}, {"experts db2", gradB2, shared.b2, in[5]},
		} {
			c := &moeWeights{g: g, what: w.part}
			if w.part == gradB1 || w.part == gradB2 {
				c.sums, c.total = make([]float32, w.of.Shape().TotalSize()), make([]float64, w.of.Shape().TotalSize())
			}
			d, err := b.apply(w.name, w.of.Shape().Clone(), c, w.gpu, nil, nil, in[0], dx)
			if err != nil {
				return nil, err
			}
			ds = append(ds, d)
		}
		return ds, nil
	}
	return b.apply("experts", xs.Clone(), m, gpu, []bool{true, true, true, true, true, true}, diff, x, router, w1, b1, w2, b2)
}

// moe computes the output and keeps what the gradients need. An assignment is a row's to one expert; in the
// expert-major order they are sorted by expert, then row.
type moe struct {
	b                                    *Builder
	rows, channels, experts, hidden, top int
	act                                  nets.Activation
	balance                              float64

	logits, gates []float32 // [rows][experts], [rows][top]
	chosen, at    []int32   // [rows][top]: experts; places in the expert-major order
	of            []int32   // [rows*top]: the row at a place
	start         []int     // [experts+1]: in that order
	stretches     []stretchOf
	x, pre, post  []float32 // in that order: inputs, hidden layers before and after the activation
	given         []float32 // in that order: outputs of the experts
	packed        []float32 // router, then every expert's two weights
	zero          []float32

	gpu *moeDevice

	stage func(*moe, int)
	in    [][]float32
	out   []float32
}

// stretchOf is a run of an expert's assignments.
type stretchOf struct{ expert, from, to int }

// buffers makes the CPU's buffers.
func (m *moe) buffers() {
	n := m.rows * m.top
	m.logits, m.gates = make([]float32, m.rows*m.experts), make([]float32, n)
	m.chosen, m.at, m.of = make([]int32, n), make([]int32, n), make([]int32, n)
	m.start, m.stretches = make([]int, m.experts+1), make([]stretchOf, 0, n/chunkRows+m.experts)
	m.x, m.given = make([]float32, n*m.channels), make([]float32, n*m.channels)
	m.pre, m.post = make([]float32, n*m.hidden), make([]float32, n*m.hidden)
	m.zero = make([]float32, m.experts)
	m.packed = make([]float32, m.router()+m.experts*(m.one()+m.two()))
}

// Lengths of packed weights: the router's and an expert's first and second.
func (m *moe) router() int { return m.b.kernels.ConvPacked(1, m.channels, m.experts) }
func (m *moe) one() int    { return m.b.kernels.ConvPacked(1, m.channels, m.hidden) }
func (m *moe) two() int    { return m.b.kernels.ConvPacked(1, m.hidden, m.channels) }

// weightsOf are expert e's packed weights.
func (m *moe) weightsOf(e int) (one, two []float32) {
	p := m.packed[m.router()+e*(m.one()+m.two()):]
	return p[:m.one()], p[m.one():]
}

func (m *moe) run(in [][]float32, out []float32) {
	m.in, m.out = in, out
	m.do(1+m.experts, (*moe).pack)
	m.do(chunks(m.rows), (*moe).route)
	m.sort()
	m.do(len(m.stretches), (*moe).expert)
	m.do(chunks(m.rows), (*moe).combine)
}

// do runs a stage in so many parts.
func (m *moe) do(n int, stage func(*moe, int)) {
	m.stage = stage
	m.b.team.Run(n, m)
}

func (m *moe) Part(i int) { m.stage(m, i) }

func (m *moe) pack(i int) {
	k := m.b.kernels
	if i == 0 {
		k.ConvPack(m.in[1], m.channels, m.experts, m.packed)
		return
	}
	e := i - 1
	one, two := m.weightsOf(e)
	k.ConvPack(m.in[2][e*m.channels*m.hidden:], m.channels, m.hidden, one)
	k.ConvPack(m.in[4][e*m.channels*m.hidden:], m.hidden, m.channels, two)
}

func (m *moe) route(i int) {
	from, to := i*chunkRows, min((i+1)*chunkRows, m.rows)
	m.b.kernels.ConvRows(m.in[0][from*m.channels:], m.packed, m.zero, m.channels, m.experts, 1, 1, 0, to-from, m.logits[from*m.experts:])
	m.b.kernels.Route(m.logits[from*m.experts:to*m.experts], m.experts, m.top, m.chosen[from*m.top:], m.gates[from*m.top:])
}

// sort gives every assignment its place, and cuts the experts' assignments in stretches.
func (m *moe) sort() {
	clear(m.start)
	for _, e := range m.chosen {
		m.start[e+1]++
	}
	m.stretches = m.stretches[:0]
	for e := range m.experts {
		m.start[e+1] += m.start[e]
		for from := m.start[e]; from < m.start[e+1]; from += chunkRows {
			m.stretches = append(m.stretches, stretchOf{e, from, min(from+chunkRows, m.start[e+1])})
		}
	}
	for i, e := range m.chosen {
		m.at[i] = int32(m.start[e])
		m.of[m.start[e]] = int32(i / m.top)
		m.start[e]++
	}
	copy(m.start[1:], m.start[:m.experts])
	m.start[0] = 0
}

func (m *moe) expert(i int) {
	s, k := m.stretches[i], m.b.kernels
	one, two := m.weightsOf(s.expert)
	pre, post := m.pre[s.from*m.hidden:s.to*m.hidden], m.post[s.from*m.hidden:s.to*m.hidden]
	n := s.to - s.from
	for place := s.from; place < s.to; place++ {
		row := int(m.of[place])
		copy(m.x[place*m.channels:(place+1)*m.channels], m.in[0][row*m.channels:])
	}
	k.ConvRows(m.x[s.from*m.channels:], one, m.in[3][s.expert*m.hidden:], m.channels, m.hidden, 1, 1, 0, n, pre)
	k.Activate(m.act, pre, post)
	k.ConvRows(post, two, m.in[5][s.expert*m.channels:], m.hidden, m.channels, 1, 1, 0, n, m.given[s.from*m.channels:])
}

func (m *moe) combine(i int) {
	from, to := i*chunkRows, min((i+1)*chunkRows, m.rows)
	m.b.kernels.GatherRows(m.given, m.at[from*m.top:to*m.top], m.gates[from*m.top:], m.top, m.channels, m.out[from*m.channels:])
}
