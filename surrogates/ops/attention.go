package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/kernels/nets"
)

// Attention is causal local attention (Vaswani et al. 2017; local as in Beltagy et al. 2020): qkv [batch][time][3C],
// queries, keys and values in heads of C/heads channels each, to [batch][time][C]. Every ms attends to itself and the
// span-1 ms before it, fewer where the window begins, by a softmax of the products scaled by 1/sqrt(C/heads) plus
// bias [heads][span], learned for each head and lag (relative positions: Raffel et al. 2020; Press et al. 2022), or
// nil. Weights are made again in the backward pass; in the forward one a core keeps span of them for a vector of ms.
// Bound by the L1 cache, 2 span C multiply-adds a ms and 5 span C backward: each takes a load, which being of the ms
// before straddles two lines, so that half of the multipliers' rate is the most; half to two thirds of that is reached.
// On a GPU weights are kept, [batch][time][heads][span], and the bound is shared memory, two loads for a multiply-add.
func (b *Builder) Attention(qkv, bias *G.Node, heads, span int) (*G.Node, error) {
	xs := qkv.Shape()
	bad := len(xs) != 3 || heads < 1 || span < 1 || xs[2]%(3*max(heads, 1)) != 0
	if bad || bias != nil && !bias.Shape().Eq(tensor.Shape{heads, span}) {
		var bs tensor.Shape
		if bias != nil {
			bs = bias.Shape()
		}
		return nil, fmt.Errorf("ops: attention over %v by %d heads, span %d, bias %v: want [batch][time][3C], C a multiple of the heads, and a bias of [heads][span] or none", xs, heads, span, bs)
	}
	c := attention{b: b, batch: xs[0], AttentionShape: nets.AttentionShape{Time: xs[1], Heads: heads, Width: xs[2] / 3 / heads, Span: min(span, xs[1])}, lags: span}
	if err := c.weightsRoom(); err != nil {
		return nil, fmt.Errorf("ops: attention: %w", err)
	}
	in, wrt := G.Nodes{qkv}, []bool{true, true}
	if bias != nil {
		in = append(in, bias)
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		g := &attentionGrad{attentionCPU: attentionCPU{attention: c}}
		g.scratch = c.room(true)
		g.dbias = make([]float32, c.batch*heads*c.Span)
		onDX, onBias, err := c.gradGPU()
		if err != nil {
			return nil, fmt.Errorf("ops: attention: %w", err)
		}
		dx, err := b.apply("attention dx", xs.Clone(), g, onDX, nil, nil, append(append(G.Nodes{}, in...), grad)...)
		if err != nil || len(in) == 1 {
			return G.Nodes{dx}, err
		}
		s := &attentionBias{g: g, total: make([]float64, heads*c.Span)}
		db, err := b.apply("attention dbias", tensor.Shape{heads, span}, s, onBias, nil, nil, dx)
		return G.Nodes{dx, db}, err
	}
	shape := xs.Clone()
	shape[2] /= 3
	return b.apply("attention", shape, &attentionCPU{attention: c, scratch: c.room(false)}, c.gpu, wrt[:len(in)], diff, in...)
}

// attention is the shape of an attention; Span is at most a window, lags what the bias has.
type attention struct {
	b *Builder
	nets.AttentionShape
	batch, lags int
	weights     *driver.Buffer[float32] // [batch][time][heads][lags], on a device
}

// room is the CPU's scratch, one for each thread.
func (c *attention) room(grad bool) [][]float32 {
	if c.b.device != nil {
		return nil
	}
	s := make([][]float32, min(c.b.team.Threads(), c.batch*c.Heads))
	for i := range s {
		s[i] = make([]float32, c.b.kernels.AttentionScratch(c.AttentionShape, grad))
	}
	return s
}

// attentionCPU computes the output; a part is a thread's share of the heads of the windows.
type attentionCPU struct {
	attention
	scratch       [][]float32
	qkv, bias, dy []float32
	out           []float32
}

func (c *attentionCPU) run(in [][]float32, out []float32) {
	c.qkv, c.out = in[0], out
	if len(in) > 1 {
		c.bias = in[1]
	}
	c.b.team.Run(len(c.scratch), c)
}

// share is the heads of windows of a thread.
func (c *attentionCPU) share(i int) (from, to int) {
	n, threads := c.batch*c.Heads, len(c.scratch)
	return i * n / threads, (i + 1) * n / threads
}

// at is head j of all windows' heads: its window's qkv and output, and its biases.
func (c *attentionCPU) at(j int) (head, window int, bias []float32) {
	head = j % c.Heads
	if c.bias != nil {
		bias = c.bias[head*c.lags:]
	}
	return head, j / c.Heads * c.Time * c.Heads * c.Width, bias
}

func (c *attentionCPU) Part(i int) {
	for j, to := c.share(i); j < to; j++ {
		head, at, bias := c.at(j)
		c.b.kernels.Attention(c.AttentionShape, c.qkv[3*at:], bias, head, c.scratch[i], c.out[at:])
	}
}

// attentionGrad computes the gradient of qkv, and beside it that of the biases, window by window.
type attentionGrad struct {
	attentionCPU
	dbias []float32 // [batch][heads][Span]
}

func (c *attentionGrad) run(in [][]float32, out []float32) {
	c.qkv, c.dy, c.out = in[0], in[len(in)-1], out
	if len(in) > 2 {
		c.bias = in[1]
	}
	c.b.team.Run(len(c.scratch), c)
}

func (c *attentionGrad) Part(i int) {
	for j, to := c.share(i); j < to; j++ {
		head, at, bias := c.at(j)
		c.b.kernels.AttentionGrad(c.AttentionShape, c.qkv[3*at:], bias, c.dy[at:], head, c.scratch[i], c.out[3*at:], c.dbias[j*c.Span:])
	}
}

// attentionBias adds the windows' gradients of the biases, which the op before has computed.
type attentionBias struct {
	g     *attentionGrad
	total []float64
}

func (c *attentionBias) run(_ [][]float32, out []float32) {
	reduce(c.g.dbias, len(c.total), c.total)
	for h := range c.g.Heads {
		for l := range c.g.Span { // later lags, that no window has, stay 0
			out[h*c.g.lags+l] = float32(c.total[h*c.g.Span+l])
		}
	}
}
