package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Add is x + y, of one shape: a residual connection (He et al. 2016). Bound by memory: 12 bytes an addition.
func (b *Builder) Add(x, y *G.Node) (*G.Node, error) {
	if !x.Shape().Eq(y.Shape()) || x.IsScalar() {
		return nil, fmt.Errorf("ops: sum of %v and %v: want tensors of one shape", x.Shape(), y.Shape())
	}
	diff := func(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) { return G.Nodes{grad, grad}, nil }
	c := &addCPU{b: b}
	return b.apply("add", x.Shape().Clone(), c, c.gpu, []bool{true, true}, diff, x, y)
}

type addCPU struct {
	b         *Builder
	x, y, out []float32
}

func (c *addCPU) run(in [][]float32, out []float32) {
	c.x, c.y, c.out = in[0], in[1], out
	c.b.team.Run((len(out)+elementsPerPart-1)/elementsPerPart, c)
}

func (c *addCPU) Part(i int) {
	from, to := i*elementsPerPart, min((i+1)*elementsPerPart, len(c.out))
	c.b.kernels.Sum(c.x[from:to], c.y[from:to], c.out[from:to])
}
