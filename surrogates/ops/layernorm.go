package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// LayerNorm normalises every bin of x [batch][time][channels] over its channels (Ba, Kiros & Hinton 2016), with scale
// gamma and shift beta [channels]: the same in training and after, and for each ms by itself. Bound by memory: 8 bytes
// a number, backward 24 (mean and variance are taken anew from a row that is in the L1 cache).
func (b *Builder) LayerNorm(x, gamma, beta *G.Node) (*G.Node, error) {
	xs := x.Shape()
	if len(xs) != 3 || !gamma.Shape().Eq(tensor.Shape{xs[2]}) || !beta.Shape().Eq(tensor.Shape{xs[2]}) {
		return nil, fmt.Errorf("ops: layer norm of %v with scale %v, shift %v", xs, gamma.Shape(), beta.Shape())
	}
	c := layerNorm{b: b, rows: xs[0] * xs[1], channels: xs[2]}
	if err := c.room(); err != nil {
		return nil, fmt.Errorf("ops: layer norm: %w", err)
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx := &layerNormCPU{layerNorm: c, do: (*layerNormCPU).dx}
		dxs, err := b.apply("layer norm dx", xs.Clone(), dx, c.gpuDX, nil, nil, in[0], in[1], grad)
		if err != nil {
			return nil, err
		}
		gpu, err := c.sumsGPU()
		if err != nil {
			return nil, fmt.Errorf("ops: layer norm: %w", err)
		}
		s := &layerNormCPU{layerNorm: c, do: (*layerNormCPU).sums}
		s.partial, s.total = make([]float32, chunks(c.rows)*2*c.channels), make([]float64, 2*c.channels)
		sums, err := b.apply("layer norm sums", tensor.Shape{2, c.channels}, s, gpu, nil, nil, in[0], grad)
		if err != nil {
			return nil, err
		}
		dgamma, err := b.share("layer norm dgamma", sums, c.channels, gamma.Shape())
		if err != nil {
			return nil, err
		}
		dbeta, err := b.share("layer norm dbeta", sums, 0, beta.Shape())
		return G.Nodes{dxs, dgamma, dbeta}, err
	}
	y := &layerNormCPU{layerNorm: c, do: (*layerNormCPU).y}
	return b.apply("layer norm", xs.Clone(), y, c.gpu, []bool{true, true, true}, diff, x, gamma, beta)
}

// layerNorm is the shape of a layer normalisation.
type layerNorm struct {
	b              *Builder
	rows, channels int
	stats          *driver.Buffer[float32] // of the rows, on a device
}

// layerNormCPU is the normalisation or a gradient of it, a part being chunkRows rows.
type layerNormCPU struct {
	layerNorm
	do           func(c *layerNormCPU, from, to, i int)
	in           [][]float32
	out, partial []float32
	total        []float64
}

func (c *layerNormCPU) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(chunks(c.rows), c)
	if c.partial != nil {
		reduce(c.partial, len(out), c.total)
		for i, t := range c.total {
			out[i] = float32(t)
		}
	}
}

func (c *layerNormCPU) Part(i int) {
	c.do(c, i*chunkRows*c.channels, min((i+1)*chunkRows, c.rows)*c.channels, i)
}

func (c *layerNormCPU) y(from, to, _ int) {
	c.b.kernels.LayerNorm(c.in[0][from:to], c.in[1], c.in[2], normEpsilon, c.out[from:to])
}

func (c *layerNormCPU) dx(from, to, _ int) {
	c.b.kernels.LayerNormDX(c.in[0][from:to], c.in[1], c.in[2][from:to], normEpsilon, c.out[from:to])
}

func (c *layerNormCPU) sums(from, to, i int) {
	n := 2 * c.channels
	c.b.kernels.LayerNormSums(c.in[0][from:to], c.in[1][from:to], normEpsilon, c.partial[i*n:(i+1)*n])
}
