package ops

import (
	"fmt"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// BenchmarkScanStep is one training step, forward, backward and Adam, of 128 units or channels on 8 windows of 400 ms of
// 1278 synapses at 1.1 %: a first layer of 1 tap, the scan, the heads. bench/step_torch.py has the peers.
func BenchmarkScanStep(b *testing.B) {
	const batch, time, inputs, units, states = 8, 400, 1278, 128, 32
	for _, c := range []struct {
		name  string
		width int
	}{{"lstm", 4 * units}, {"gru", 3 * units}, {"ssm", units}} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", c.name, threads), func(b *testing.B) {
				o, err := NewBuilder(threads, true, "")
				if err != nil {
					b.Fatal(err)
				}
				defer o.Close()
				e, err := o.NewEvents(batch, time, inputs, 1, 1, c.width)
				if err != nil {
					b.Fatal(err)
				}
				r := philox.New(1, 0, 77)
				for row := range batch {
					for range 5623 { // density * inputs * time
						e.Bin, e.Synapse = append(e.Bin, int32(r.Intn(time))), append(e.Synapse, int32(r.Intn(inputs)))
					}
					e.Start[row+1] = len(e.Bin)
				}
				g := G.NewGraph()
				var params []*tensor.Dense
				var nodes G.Nodes
				weight := func(spread float64, shape ...int) *G.Node {
					v := make([]float32, tensor.Shape(shape).TotalSize())
					for i := range v {
						v[i] = float32(spread * r.Normal())
					}
					d := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
					n := G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(fmt.Sprint("w", len(nodes))), G.WithValue(d))
					params, nodes = append(params, d), append(nodes, n)
					return n
				}
				must := func(n *G.Node, err error) *G.Node {
					if err != nil {
						b.Fatal(err)
					}
					return n
				}
				small := 1 / math.Sqrt(units)
				x := must(o.EventConv(e, weight(0.1, inputs, 1, c.width), weight(0.1, c.width)))
				switch c.name {
				case "lstm":
					x = must(o.LSTM(x, weight(small, units, 4*units)))
				case "gru":
					x = must(o.GRU(x, weight(small, units, 3*units), weight(small, units)))
				default:
					x = must(o.SSM(x, weight(1, units), weight(1, units, states), weight(1, units, states), weight(1, units, states), weight(1, units, states), weight(1, units)))
				}
				s, err := NewScores(batch, time, 0, 2)
				if err != nil {
					b.Fatal(err)
				}
				for h := range s.Targets {
					s.Targets[h], s.Weights[h] = make([]float32, batch*time), 1
				}
				loss := must(o.Loss(must(o.Heads(x, weight(small, 2, units), weight(0, 2))), s))
				grads, err := G.Grad(loss, nodes...)
				if err != nil {
					b.Fatal(err)
				}
				var gradients []*tensor.Dense
				for _, d := range grads {
					gradients = append(gradients, Output(d))
				}
				m := G.NewTapeMachine(g)
				defer m.Close()
				adam, err := NewSolver("adam", SolverOptions{Threads: threads})
				if err != nil {
					b.Fatal(err)
				}
				defer adam.Close()
				step := func() {
					if err := e.Prepare(); err != nil {
						b.Fatal(err)
					}
					if err := m.RunAll(); err != nil {
						b.Fatal(err)
					}
					m.Reset()
					if err := adam.Step(params, gradients, 1e-4); err != nil {
						b.Fatal(err)
					}
				}
				step()
				for b.Loop() {
					step()
				}
				b.ReportMetric(batch*time/1000.*float64(b.N)/b.Elapsed().Seconds(), "bio-s/s")
			})
		}
	}
}
