package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// chunkRows is how many rows a partial sum takes. Partial sums are added in order, in float64.
const chunkRows = 256

func chunks(rows int) int { return (rows + chunkRows - 1) / chunkRows }

// reduce adds the partial sums [chunk][n] into total.
func reduce(partial []float32, n int, total []float64) {
	clear(total)
	for ; len(partial) >= n; partial = partial[n:] {
		for i, p := range partial[:n] {
			total[i] += float64(p)
		}
	}
}

// columnSums sums x [..][channels] over all but its last axis: a bias's gradient.
func (b *Builder) columnSums(x *G.Node, channels int) (*G.Node, error) {
	rows := x.Shape().TotalSize() / channels
	c := &columnSumsCPU{b: b, channels: channels, partial: make([]float32, chunks(rows)*channels), total: make([]float64, channels)}
	gpu, err := b.columnSumsGPU(rows, channels)
	if err != nil {
		return nil, fmt.Errorf("ops: column sums: %w", err)
	}
	return b.apply("column sums", tensor.Shape{channels}, c, gpu, nil, nil, x)
}

type columnSumsCPU struct {
	b          *Builder
	channels   int
	x, partial []float32
	total      []float64
}

func (c *columnSumsCPU) run(in [][]float32, out []float32) {
	c.x = in[0]
	c.sum()
	for i, t := range c.total {
		out[i] = float32(t)
	}
}

// sum leaves the sums of x's columns in total.
func (c *columnSumsCPU) sum() {
	c.b.team.Run(chunks(len(c.x)/c.channels), c)
	reduce(c.partial, c.channels, c.total)
}

func (c *columnSumsCPU) Part(i int) {
	n := chunkRows * c.channels
	c.b.kernels.SumColumns(c.x[i*n:min((i+1)*n, len(c.x))], c.channels, c.partial[i*c.channels:])
}
