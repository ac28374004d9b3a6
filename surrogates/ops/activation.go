package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"neq/cuda/kernels/nets"
)

var activationKinds = map[string]nets.Activation{"relu": nets.ReLU, "gelu": nets.GELU, "silu": nets.SiLU, "tanh": nets.Tanh}

// Activation is the elementwise nonlinearity relu, gelu, silu or tanh.
func (b *Builder) Activation(kind string, x *G.Node) (*G.Node, error) {
	k, ok := activationKinds[kind]
	if !ok {
		return nil, fmt.Errorf("ops: activation %q: want relu, gelu, silu or tanh", kind)
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dx := &activationCPU{b: b, kind: k}
		n, err := b.apply(kind+" dx", in[0].Shape().Clone(), dx, dx.gpu, nil, nil, in[0], grad)
		return G.Nodes{n}, err
	}
	y := &activationCPU{b: b, kind: k}
	return b.apply(kind, x.Shape().Clone(), y, y.gpu, []bool{true}, diff, x)
}

// activationCPU is the activation of one input, or its gradient from two.
type activationCPU struct {
	b     *Builder
	kind  nets.Activation
	x, dy []float32
	out   []float32
}

const elementsPerPart = 1 << 14

func (c *activationCPU) run(in [][]float32, out []float32) {
	c.x, c.out = in[0], out
	if len(in) > 1 {
		c.dy = in[1]
	}
	c.b.team.Run((len(out)+elementsPerPart-1)/elementsPerPart, c)
}

func (c *activationCPU) Part(i int) {
	from, to := i*elementsPerPart, min((i+1)*elementsPerPart, len(c.out))
	if c.dy == nil {
		c.b.kernels.Activate(c.kind, c.x[from:to], c.out[from:to])
	} else {
		c.b.kernels.ActivateGrad(c.kind, c.x[from:to], c.dy[from:to], c.out[from:to])
	}
}
