package ops

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// network is a few layers over x [2][40][8], each reading outputs of earlier ones.
func network(t *testing.T, b *Builder, g *G.ExprGraph, layers []string) *G.Node {
	t.Helper()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 40, 8))
	for i := range floats(x) {
		floats(x)[i] = float32(i%17) - 8
	}
	weights := func(name string, s ...int) *G.Node {
		w := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(s...))
		for i := range floats(w) {
			floats(w)[i] = float32((i+len(name))%5)/4 - 0.4
		}
		return G.NewTensor(g, tensor.Float32, len(s), G.WithShape(s...), G.WithName(name), G.WithValue(w))
	}
	must := func(n *G.Node, err error) *G.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	y := G.NewTensor(g, tensor.Float32, 3, G.WithShape(2, 40, 8), G.WithName("x"), G.WithValue(x))
	for i, l := range layers {
		conv := func(in *G.Node, part string) *G.Node {
			return must(b.Conv(in, weights(fmt.Sprint(i, part, "w"), 2, 8, 8), weights(fmt.Sprint(i, part, "b"), 8), 1))
		}
		switch l {
		case "conv":
			y = conv(y, "")
		case "residual":
			y = must(b.Add(y, must(b.Activation("tanh", conv(y, "")))))
		case "fork": // two branches, whose order of running is gorgonia's
			one := conv(conv(y, "a"), "b")
			y = must(b.Add(one, must(b.Activation("tanh", conv(must(b.Activation("silu", y)), "c")))))
		}
	}
	return y
}

func TestInferenceMemory(t *testing.T) {
	chain := slices.Repeat([]string{"conv"}, 9)
	for _, c := range []struct {
		name   string
		layers []string
		most   int // buffers
	}{
		{"chain", chain, 2},
		{"residual", slices.Repeat([]string{"residual"}, 9), 3},
		{"mixed", []string{"conv", "residual", "fork", "conv", "residual", "fork", "fork"}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var y [2][]float32
			for i, train := range []bool{true, false} {
				b, err := NewBuilder(1, train, "")
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				g := G.NewGraph()
				out := network(t, b, g, c.layers)
				m := G.NewTapeMachine(g)
				defer m.Close()
				for range 2 {
					if err := m.RunAll(); err != nil {
						t.Fatal(err)
					}
					m.Reset()
				}
				y[i] = slices.Clone(floats(Output(out)))
				buffers := map[*float32]bool{}
				for _, o := range b.chain.ops {
					buffers[&o.data[0]] = true
				}
				if len(buffers) > c.most {
					t.Errorf("%d ops of an inference graph take %d buffers, want at most %d", len(b.chain.ops), len(buffers), c.most)
				}
			}
			if !slices.Equal(y[0], y[1]) {
				t.Error("an op of the inference graph overwrote what another was to read")
			}
		})
	}
}

// An op made after a run would read what others have overwritten.
func TestInferenceAfterRun(t *testing.T) {
	b, err := NewBuilder(1, false, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	y := network(t, b, G.NewGraph(), []string{"conv", "conv"})
	if Output(y) == nil {
		t.Fatal("no output")
	}
	if _, err := b.Activation("tanh", y); err == nil || !strings.Contains(err.Error(), "before its first run") {
		t.Errorf("an op after the first run: %v", err)
	}
}
