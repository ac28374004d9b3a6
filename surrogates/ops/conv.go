package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Conv is the dense causal convolution plus bias: x [batch][time][in], w [taps][in][out], bias [out] to
// [batch][time][out]. Tap k sees the input k*dilation bins ago.
func (b *Builder) Conv(x, w, bias *G.Node, dilation int) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if len(xs) != 3 || len(ws) != 3 || ws[1] != xs[2] || len(bs) != 1 || bs[0] != ws[2] || dilation < 1 {
		return nil, fmt.Errorf("ops: convolution of %v with weights %v, bias %v, dilation %d", xs, ws, bs, dilation)
	}
	c := conv{b: b, batch: xs[0], time: xs[1], cin: ws[1], cout: ws[2], taps: ws[0], dilation: dilation}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx, err := b.apply("convolution dx", xs.Clone(), &convDX{conv: c}, nil, nil, in[1], grad)
		if err != nil {
			return nil, err
		}
		dw, err := b.apply("convolution dw", ws.Clone(), &convDW{conv: c}, nil, nil, in[0], grad)
		if err != nil {
			return nil, err
		}
		db, err := b.columnSums(grad, c.cout)
		return G.Nodes{dx, dw, db}, err
	}
	shape := xs.Clone()
	shape[2] = c.cout
	return b.apply("convolution", shape, &convCPU{conv: c}, []bool{true, true, true}, diff, x, w, bias)
}

// conv is the shape of a dense convolution and the run's values. Parts are fixed by the shape, not by the threads.
type conv struct {
	b                                      *Builder
	batch, time, cin, cout, taps, dilation int
	in                                     [][]float32
	out                                    []float32
}

const convRows = 512

// perWindow is how many parts of convRows rows a window has.
func (c *conv) perWindow() int { return (c.time + convRows - 1) / convRows }

func (c *conv) rows(i int) (window, from, to int) {
	window, i = i/c.perWindow(), i%c.perWindow()
	return window, i * convRows, min((i+1)*convRows, c.time)
}

type convCPU struct{ conv }

func (c *convCPU) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.run(c.batch*c.perWindow(), c)
}

func (c *convCPU) part(i int) {
	w, from, to := c.rows(i)
	c.b.kernels.ConvRows(c.in[0][w*c.time*c.cin:], c.in[1], c.in[2], c.cin, c.cout, c.taps, c.dilation, from, to, c.out[w*c.time*c.cout:])
}

type convDX struct{ conv }

func (c *convDX) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.run(c.batch*c.perWindow(), c)
}

func (c *convDX) part(i int) {
	w, from, to := c.rows(i)
	c.b.kernels.ConvDX(c.in[0], c.in[1][w*c.time*c.cout:], c.time, c.cin, c.cout, c.taps, c.dilation, from, to, c.out[w*c.time*c.cin:])
}

type convDW struct{ conv }

// split is how many parts a tap's gradient has: more where there are few taps to share out.
func (c *convDW) split() int { return max(1, min(c.cin, 4/c.taps)) }

func (c *convDW) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.run(c.taps*c.split(), c)
}

func (c *convDW) part(i int) {
	tap, j, n := i/c.split(), i%c.split(), c.split()
	c.b.kernels.ConvDW(c.in[0], c.in[1], c.batch, c.time, c.cin, c.cout, tap*c.dilation, j*c.cin/n, (j+1)*c.cin/n, c.out[tap*c.cin*c.cout:])
}
