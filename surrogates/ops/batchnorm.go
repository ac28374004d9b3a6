package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Epsilon and momentum of batch normalisation are PyTorch's defaults.
const (
	normEpsilon  = 1e-5
	normMomentum = 0.1
)

// BatchNorm normalises the channels of x [batch][time][channels] (Ioffe & Szegedy 2015) with scale gamma and shift
// beta [channels]. A training graph takes mean and variance from the batch's bins t >= burnIn, whose inputs are whole,
// and moves the running mean and (unbiased) variance a tenth of the way there; an inference graph uses the running ones.
func (b *Builder) BatchNorm(x, gamma, beta *G.Node, mean, variance *tensor.Dense, burnIn int) (*G.Node, error) {
	xs := x.Shape()
	if len(xs) != 3 || !gamma.Shape().Eq(tensor.Shape{xs[2]}) || !beta.Shape().Eq(tensor.Shape{xs[2]}) ||
		mean.Shape().TotalSize() != xs[2] || variance.Shape().TotalSize() != xs[2] {
		return nil, fmt.Errorf("ops: batch norm of %v with scale %v, shift %v, mean %v, variance %v", xs, gamma.Shape(), beta.Shape(), mean.Shape(), variance.Shape())
	}
	if burnIn < 0 || burnIn >= xs[1] || (b.train && xs[0]*(xs[1]-burnIn) < 2) {
		return nil, fmt.Errorf("ops: batch norm of %v after %d ms of burn-in: want two bins at least", xs, burnIn)
	}
	n := norm{b: b, batch: xs[0], time: xs[1], channels: xs[2], burnIn: burnIn}
	var stats *G.Node
	st := &normStats{norm: n, mean: mean.Data().([]float32), variance: variance.Data().([]float32)}
	st.partial, st.total = make([]float32, n.batch*n.perWindow()*n.channels), make([]float64, n.channels)
	gpu, err := n.statsOn(mean, variance)
	if err == nil {
		stats, err = b.apply("batch norm stats", tensor.Shape{2, xs[2]}, st, gpu, nil, nil, x)
	}
	if err != nil {
		return nil, err
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		ns := &normSums{norm: n}
		ns.partial, ns.total = make([]float32, n.batch*n.perWindow()*2*n.channels), make([]float64, 2*n.channels)
		gpu, err := n.sumsGPU()
		if err != nil {
			return nil, fmt.Errorf("ops: batch norm: %w", err)
		}
		sums, err := b.apply("batch norm sums", tensor.Shape{2, xs[2]}, ns, gpu, nil, nil, in[0], in[3], grad)
		if err != nil {
			return nil, err
		}
		ng := &normGrad{norm: n, means: make([]float32, 2*n.channels)}
		dx, err := b.apply("batch norm dx", xs.Clone(), ng, n.gradGPU, nil, nil, in[0], in[3], in[1], grad, sums)
		if err != nil {
			return nil, err
		}
		dgamma, err := b.share("batch norm dgamma", sums, n.channels, gamma.Shape())
		if err != nil {
			return nil, err
		}
		dbeta, err := b.share("batch norm dbeta", sums, 0, beta.Shape())
		return G.Nodes{dx, dgamma, dbeta, nil}, err
	}
	return b.apply("batch norm", xs.Clone(), &normCPU{norm: n}, n.gpu, []bool{true, true, true, false}, diff, x, gamma, beta, stats)
}

// norm is the shape of a normalisation and the run's values. A part is a stretch of a window's rows, all before or all
// after the burn-in.
type norm struct {
	b                             *Builder
	batch, time, channels, burnIn int
	in                            [][]float32
	out, partial                  []float32
	total                         []float64
}

// perWindow is the number of parts of a window: those of the burn-in first.
func (n *norm) perWindow() int { return chunks(n.burnIn) + chunks(n.time-n.burnIn) }

// rows is part i: elements from to to of the activations, and whether its bins are scored.
func (n *norm) rows(i int) (from, to int, scored bool) {
	w, i := i/n.perWindow(), i%n.perWindow()
	start, end := i*chunkRows, n.burnIn
	if early := chunks(n.burnIn); i >= early {
		start, end, scored = n.burnIn+(i-early)*chunkRows, n.time, true
	}
	end = min(end, start+chunkRows)
	return (w*n.time + start) * n.channels, (w*n.time + end) * n.channels, scored
}

// normStats gives [2][channels]: mean, 1/sqrt(variance + epsilon).
type normStats struct {
	norm
	mean, variance []float32 // running
	squares        bool      // second pass
}

func (c *normStats) run(in [][]float32, out []float32) {
	mean, inv := out[:c.channels], out[c.channels:]
	if !c.b.train {
		copy(mean, c.mean)
		for i, v := range c.variance {
			inv[i] = float32(1 / math.Sqrt(float64(v)+normEpsilon))
		}
		return
	}
	c.in, c.out = in, out
	count := float64(c.batch * (c.time - c.burnIn))
	c.squares = false
	c.b.team.Run(c.batch*c.perWindow(), c)
	reduce(c.partial, c.channels, c.total)
	for i, t := range c.total {
		mean[i] = float32(t / count)
		c.mean[i] += normMomentum * (mean[i] - c.mean[i])
	}
	c.squares = true
	c.b.team.Run(c.batch*c.perWindow(), c)
	reduce(c.partial, c.channels, c.total)
	for i, t := range c.total {
		inv[i] = float32(1 / math.Sqrt(t/count+normEpsilon))
		c.variance[i] += normMomentum * (float32(t/(count-1)) - c.variance[i])
	}
}

func (c *normStats) Part(i int) {
	from, to, scored := c.rows(i)
	p := c.partial[i*c.channels : (i+1)*c.channels]
	switch {
	case !scored:
		clear(p)
	case c.squares:
		c.b.kernels.SumSquares(c.in[0][from:to], c.out[:c.channels], p)
	default:
		c.b.kernels.SumColumns(c.in[0][from:to], c.channels, p)
	}
}

type normCPU struct{ norm }

func (c *normCPU) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	c.b.team.Run(c.batch*c.perWindow(), c)
}

func (c *normCPU) Part(i int) {
	from, to, _ := c.rows(i)
	c.b.kernels.Norm(c.in[0][from:to], c.in[3], c.in[1], c.in[2], c.out[from:to])
}

// normSums gives [2][channels]: the sums of dy, and of dy times the normalised x.
type normSums struct{ norm }

func (c *normSums) run(in [][]float32, out []float32) {
	c.in = in
	c.b.team.Run(c.batch*c.perWindow(), c)
	reduce(c.partial, len(out), c.total)
	for i, t := range c.total {
		out[i] = float32(t)
	}
}

func (c *normSums) Part(i int) {
	from, to, _ := c.rows(i)
	c.b.kernels.NormSums(c.in[0][from:to], c.in[1], c.in[2][from:to], c.partial[i*2*c.channels:(i+1)*2*c.channels])
}

// normGrad is the gradient with respect to x, through the batch's mean and variance for the bins they come from.
type normGrad struct {
	norm
	means []float32
}

func (c *normGrad) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	count := float32(c.batch * (c.time - c.burnIn))
	for i, s := range in[4] {
		c.means[i] = s / count
	}
	c.b.team.Run(c.batch*c.perWindow(), c)
}

func (c *normGrad) Part(i int) {
	from, to, scored := c.rows(i)
	means := c.means
	if !scored {
		means = nil
	}
	c.b.kernels.NormGrad(c.in[0][from:to], c.in[1], c.in[2], c.in[3][from:to], means, c.out[from:to])
}
