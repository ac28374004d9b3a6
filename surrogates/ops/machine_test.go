package ops

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestMachine: what runs without gorgonia's tape machine gives its bits, also for values that changed in their place;
// a graph with an op of gorgonia's own stays on the tape machine.
func TestMachine(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		b, err := NewBuilder(2, true, "")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		g := G.NewGraph()
		x := tensor.New(tensor.WithShape(2, 3, 5), tensor.WithBacking(tensor.Random(tensor.Float32, 30)))
		xn := G.NewTensor(g, tensor.Float32, 3, G.WithShape(2, 3, 5), G.WithValue(x), G.WithName("x"))
		in := xn
		if foreign {
			in = G.Must(G.Square(xn))
		}
		y, err := b.Activation("tanh", in)
		if err != nil {
			t.Fatal(err)
		}
		sums, err := b.columnSums(y, 5)
		if err != nil {
			t.Fatal(err)
		}
		m, tape := b.NewMachine(g), G.NewTapeMachine(g)
		defer m.Close()
		out := Output(sums).Data().([]float32)
		for run := range 3 {
			x.Data().([]float32)[run] += 0.25
			clear(out)
			if err := m.Run(); err != nil {
				t.Fatal(err)
			}
			got := slices.Clone(out)
			clear(out)
			if err := tape.RunAll(); err != nil {
				t.Fatal(err)
			}
			tape.Reset()
			if !slices.Equal(got, out) || slices.Equal(got, make([]float32, 5)) {
				t.Errorf("foreign %v, run %d: the machine gives %v, gorgonia's %v", foreign, run, got, out)
			}
		}
		if replays := m.program != nil; replays == foreign {
			t.Errorf("foreign %v, replays %v", foreign, replays)
		}
	}
}
