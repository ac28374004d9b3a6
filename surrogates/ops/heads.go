package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Heads are linear read-outs of every bin: x [batch][time][channels], w [heads][channels], bias [heads] to
// [batch][time][heads].
func (b *Builder) Heads(x, w, bias *G.Node) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if len(xs) != 3 || len(ws) != 2 || ws[1] != xs[2] || len(bs) != 1 || bs[0] != ws[0] {
		return nil, fmt.Errorf("ops: heads of %v with weights %v, bias %v", xs, ws, bs)
	}
	channels, heads := ws[1], ws[0]
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx, err := b.apply("heads dx", xs.Clone(), &headsCPU{b: b, channels: channels, heads: heads, do: (*headsCPU).dx}, b.headsDXGPU(channels, heads), nil, nil, grad, in[1])
		if err != nil {
			return nil, err
		}
		c := &headsCPU{b: b, channels: channels, heads: heads, do: (*headsCPU).dw}
		c.partial = make([]float32, chunks(xs[0]*xs[1])*channels*heads)
		c.total = make([]float64, channels*heads)
		gpu, err := b.headsDWGPU(xs[0]*xs[1], channels, heads)
		if err != nil {
			return nil, fmt.Errorf("ops: heads dw: %w", err)
		}
		dw, err := b.apply("heads dw", ws.Clone(), c, gpu, nil, nil, grad, in[0])
		if err != nil {
			return nil, err
		}
		db, err := b.columnSums(grad, heads)
		return G.Nodes{dx, dw, db}, err
	}
	forward := &headsCPU{b: b, channels: channels, heads: heads, do: (*headsCPU).y}
	return b.apply("heads", tensor.Shape{xs[0], xs[1], heads}, forward, b.headsGPU(xs[0]*xs[1], channels, heads), []bool{true, true, true}, diff, x, w, bias)
}

type headsCPU struct {
	b               *Builder
	channels, heads int
	do              func(c *headsCPU, from, to, i int)
	in              [][]float32
	out, partial    []float32
	total           []float64
}

func (c *headsCPU) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	rows := len(in[0]) / c.heads
	if len(in) == 3 {
		rows = len(in[0]) / c.channels
	}
	c.b.team.Run(chunks(rows), c)
	if c.partial != nil {
		reduce(c.partial, len(out), c.total)
		for i, t := range c.total {
			out[i] = float32(t)
		}
	}
}

func (c *headsCPU) Part(i int) {
	width := c.heads // of in[0]: the output's gradient, or x in the forward direction
	if len(c.in) == 3 {
		width = c.channels
	}
	c.do(c, i*chunkRows, min((i+1)*chunkRows, len(c.in[0])/width), i)
}

func (c *headsCPU) y(from, to, _ int) {
	c.b.kernels.Heads(c.in[0][from*c.channels:to*c.channels], c.in[1], c.in[2], c.channels, c.out[from*c.heads:to*c.heads])
}

func (c *headsCPU) dx(from, to, _ int) {
	c.b.kernels.HeadsDX(c.in[0][from*c.heads:to*c.heads], c.in[1], c.channels, c.heads, c.out[from*c.channels:to*c.channels])
}

func (c *headsCPU) dw(from, to, i int) {
	n := c.channels * c.heads
	c.b.kernels.HeadsDW(c.in[0][from*c.heads:to*c.heads], c.in[1][from*c.channels:to*c.channels], c.channels, c.heads, c.partial[i*n:(i+1)*n])
}
