package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Conv is the dense causal convolution plus bias: x [batch][time][in], w [taps][in][out], bias [out] to
// [batch][time][out]. Tap k sees the input k*dilation bins ago.
//
// Roofline: 6 in out taps flops a row, on panels of weights in the L1 cache and sums in registers. A core here multiplies
// and adds 213 GFLOP/s of float32; the output and dx of 128 channels and 12 taps run at 165, dw, whose factors lie across,
// at 125. OpenBLAS does 128, 123 and 124 tap by tap, and without windows to unfold (bench/results/dense.txt): so the build
// does not look for it.
func (b *Builder) Conv(x, w, bias *G.Node, dilation int) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if len(xs) != 3 || len(ws) != 3 || ws[1] != xs[2] || len(bs) != 1 || bs[0] != ws[2] || dilation < 1 {
		return nil, fmt.Errorf("ops: convolution of %v with weights %v, bias %v, dilation %d", xs, ws, bs, dilation)
	}
	c := conv{b: b, precision: b.precision, batch: xs[0], time: xs[1], cin: ws[1], cout: ws[2], taps: ws[0], dilation: dilation}
	shape := xs.Clone()
	shape[2] = c.cout
	return c.apply("convolution", shape, true, x, w, bias)
}

// apply adds the convolution to the graph; nodes may have any shapes of so many numbers. Without inner it has no gradient
// of x.
func (c conv) apply(name string, shape tensor.Shape, inner bool, x, w, bias *G.Node) (*G.Node, error) {
	b, xs, ws := c.b, x.Shape(), w.Shape()
	if err := c.room(); err != nil {
		return nil, fmt.Errorf("ops: %s: %w", name, err)
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		var dx *G.Node
		var err error
		if inner {
			if dx, err = b.apply(name+" dx", xs.Clone(), c.cpuDX(), c.gpuDX, nil, nil, in[1], grad); err != nil {
				return nil, err
			}
		}
		dw, err := b.apply(name+" dw", ws.Clone(), c.cpuDW(), c.gpuDW, nil, nil, in[0], grad)
		if err != nil {
			return nil, err
		}
		db, err := b.columnSums(grad, c.cout)
		return G.Nodes{dx, dw, db}, err
	}
	return b.apply(name, shape, c.cpu(), c.gpu, []bool{inner, true, true}, diff, x, w, bias)
}

// conv is the shape of a dense convolution and the run's values. Parts are fixed by the shape, not by the threads.
type conv struct {
	b                                      *Builder
	precision                              Precision
	batch, time, cin, cout, taps, dilation int
	in                                     [][]float32
	out                                    []float32
}

// cpu, cpuDX and cpuDW are the bodies of the precision.
func (c *conv) cpu() body {
	if c.precision == BF16 {
		return &convBF16{conv: *c}
	}
	return &convCPU{conv: *c}
}

func (c *conv) cpuDX() body {
	if c.precision == BF16 {
		return &convBF16{conv: *c, across: true}
	}
	return &convDX{convCPU{conv: *c}}
}

func (c *conv) cpuDW() body {
	if c.precision == BF16 {
		return &convDWBF16{conv: *c}
	}
	return &convDW{conv: *c}
}

const convRows = 512

// perWindow is how many parts of convRows rows a window has.
func (c *conv) perWindow() int { return (c.time + convRows - 1) / convRows }

func (c *conv) rows(i int) (window, from, to int) {
	window, i = i/c.perWindow(), i%c.perWindow()
	return window, i * convRows, min((i+1)*convRows, c.time)
}

// convCPU computes the output; packed is the weights, tap by tap.
type convCPU struct {
	conv
	packed  []float32
	packing bool
}

func (c *convCPU) run(in [][]float32, out []float32) {
	c.in, c.out, c.packing = in, out, true
	c.packed = room(c.packed, c.b.kernels.ConvPacked(c.taps, c.cin, c.cout))
	c.b.team.Run(c.taps, c)
	c.packing = false
	c.b.team.Run(c.batch*c.perWindow(), c)
}

func (c *convCPU) Part(i int) {
	if c.packing {
		c.b.kernels.ConvPack(c.in[1][i*c.cin*c.cout:], c.cin, c.cout, c.packed[len(c.packed)/c.taps*i:])
		return
	}
	w, from, to := c.rows(i)
	c.b.kernels.ConvRows(c.in[0][w*c.time*c.cin:], c.packed, c.in[2], c.cin, c.cout, c.taps, c.dilation, from, to, c.out[w*c.time*c.cout:])
}

// convDX computes the input's gradient; packed is the transposed weights.
type convDX struct{ convCPU }

func (c *convDX) run(in [][]float32, out []float32) {
	c.in, c.out, c.packing = in, out, true
	c.packed = room(c.packed, c.b.kernels.ConvPacked(c.taps, c.cout, c.cin))
	c.b.team.Run(c.taps, c)
	c.packing = false
	c.b.team.Run(c.batch*c.perWindow(), c)
}

func (c *convDX) Part(i int) {
	if c.packing {
		c.b.kernels.ConvPackTransposed(c.in[0][i*c.cin*c.cout:], c.cin, c.cout, c.packed[len(c.packed)/c.taps*i:])
		return
	}
	w, from, to := c.rows(i)
	c.b.kernels.ConvDX(c.packed, c.in[1][w*c.time*c.cout:], c.time, c.cin, c.cout, c.taps, c.dilation, from, to, c.out[w*c.time*c.cin:])
}

// convDW computes the weights' gradient: a part is a panel of a tap's output channels.
type convDW struct{ conv }

func (c *convDW) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(c.taps*c.b.kernels.ConvPanels(c.cout), c)
}

func (c *convDW) Part(i int) {
	panels := c.b.kernels.ConvPanels(c.cout)
	tap := i / panels
	c.b.kernels.ConvDW(c.in[0], c.in[1], c.batch, c.time, c.cin, c.cout, tap*c.dilation, i%panels, c.out[tap*c.cin*c.cout:])
}
