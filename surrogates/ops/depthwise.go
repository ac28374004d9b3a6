package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// DepthwiseConv is the causal convolution of each channel by itself plus bias: x [batch][time][channels], w
// [taps][channels], bias [channels]; tap k sees the input k*dilation bins ago. With a Conv of one tap after it, it is
// depthwise-separable (Chollet 2017; Howard et al. 2017). Bound by memory up to about a dozen taps, 8 bytes a number of
// the output; then by loads from the L1 cache, two for each multiply-add, a quarter of Conv's rate.
func (b *Builder) DepthwiseConv(x, w, bias *G.Node, dilation int) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if len(xs) != 3 || len(ws) != 2 || ws[1] != xs[2] || len(bs) != 1 || bs[0] != xs[2] || dilation < 1 {
		return nil, fmt.Errorf("ops: depthwise convolution of %v with weights %v, bias %v, dilation %d", xs, ws, bs, dilation)
	}
	c := depthwise{b: b, windows: windows{xs[0], xs[1]}, channels: xs[2], taps: ws[0], dilation: dilation}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx, err := b.apply("depthwise dx", xs.Clone(), &depthwiseDX{c}, c.gpuDX, nil, nil, in[1], grad)
		if err != nil {
			return nil, err
		}
		n := c.taps * c.channels
		gpu, err := c.dwGPU()
		if err != nil {
			return nil, fmt.Errorf("ops: depthwise dw: %w", err)
		}
		g := &depthwiseDW{depthwise: c, partial: make([]float32, c.windows.parts()*n), total: make([]float64, n)}
		dw, err := b.apply("depthwise dw", ws.Clone(), g, gpu, nil, nil, in[0], grad)
		if err != nil {
			return nil, err
		}
		db, err := b.columnSums(grad, c.channels)
		return G.Nodes{dx, dw, db}, err
	}
	return b.apply("depthwise", xs.Clone(), &depthwiseCPU{c}, c.gpu, []bool{true, true, true}, diff, x, w, bias)
}

// windows is a batch of them, cut in parts of chunkRows ms.
type windows struct{ batch, time int }

func (w windows) parts() int { return w.batch * chunks(w.time) }

// rows is part i: ms from to to of a window, whose first row is first.
func (w windows) rows(i int) (first, from, to int) {
	window, i := i/chunks(w.time), i%chunks(w.time)
	return window * w.time, i * chunkRows, min((i+1)*chunkRows, w.time)
}

// depthwise is the shape of a depthwise convolution and the run's values.
type depthwise struct {
	b                        *Builder
	windows                  windows
	channels, taps, dilation int
	in                       [][]float32
	out                      []float32
}

type depthwiseCPU struct{ depthwise }

func (c *depthwiseCPU) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(c.windows.parts(), c)
}

func (c *depthwiseCPU) Part(i int) {
	first, from, to := c.windows.rows(i)
	at := first * c.channels
	c.b.kernels.DepthwiseRows(c.in[0][at:], c.in[1], c.in[2], c.windows.time, c.channels, c.taps, c.dilation, from, to, c.out[at:])
}

// depthwiseDX takes the weights and the output's gradient.
type depthwiseDX struct{ depthwise }

func (c *depthwiseDX) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(c.windows.parts(), c)
}

func (c *depthwiseDX) Part(i int) {
	first, from, to := c.windows.rows(i)
	at := first * c.channels
	c.b.kernels.DepthwiseDX(c.in[1][at:], c.in[0], c.windows.time, c.channels, c.taps, c.dilation, from, to, c.out[at:])
}

// depthwiseDW takes the input and the output's gradient.
type depthwiseDW struct {
	depthwise
	partial []float32
	total   []float64
}

func (c *depthwiseDW) run(in [][]float32, out []float32) {
	c.in = in
	c.b.team.Run(c.windows.parts(), c)
	reduce(c.partial, len(out), c.total)
	for i, t := range c.total {
		out[i] = float32(t)
	}
}

func (c *depthwiseDW) Part(i int) {
	first, from, to := c.windows.rows(i)
	at, n := first*c.channels, len(c.total)
	c.b.kernels.DepthwiseDW(c.in[0][at:], c.in[1][at:], c.channels, c.taps, c.dilation, from, to, c.partial[i*n:(i+1)*n])
}
