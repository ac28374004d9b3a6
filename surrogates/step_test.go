package surrogates

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"

	"neq/internal/philox"
	"neq/surrogates/ops"
)

// drawEvents fills e with events at a density per synapse and ms.
func drawEvents(e *ops.Events, density float64, seed uint64) {
	r := philox.New(seed, 0, 1)
	e.Bin, e.Synapse = e.Bin[:0], e.Synapse[:0]
	for b := range e.Batch {
		for s := range e.Inputs {
			for t := range e.Time {
				if r.Float64() < density {
					e.Bin, e.Synapse = append(e.Bin, int32(t)), append(e.Synapse, int32(s))
				}
			}
		}
		e.Start[b+1] = len(e.Bin)
	}
}

func drawTargets(n, auxiliary int, seed uint64) *Targets {
	r := philox.New(seed, 0, 2)
	t := &Targets{Spike: make([]float32, n), Voltage: make([]float32, n)}
	for i := range n {
		if r.Float64() < 0.01 {
			t.Spike[i] = 1
		}
		t.Voltage[i] = float32(r.Normal())
	}
	for range auxiliary {
		a := make([]float32, n)
		for i := range a {
			a[i] = float32(r.Normal())
		}
		t.Auxiliary = append(t.Auxiliary, a)
	}
	return t
}

func trainable(n *Network) (ts []*tensor.Dense) {
	for _, w := range n.Weights() {
		if w.Trainable {
			ts = append(ts, w.Value)
		}
	}
	return ts
}

// BenchmarkStep is one training step: forward, backward, Adam; bench/step_vs_torch.sh runs it beside PyTorch.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name        string
		spec        Spec
		inputs      int
		batch, time int
		density     float64
		precision   ops.Precision
	}{
		{"fcn", Spec{Family: "fcn", Window: 43, Width: 128}, 1278, 8, 400, 0.011, ops.Float32},
		{"filter", Spec{Family: "filter", Window: 80}, 100, 16, 400, 0.003, ops.Float32},
		{"tcn", Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, BatchNorm: true}, 1278, 8, 400, 0.011, ops.Float32},
		{"tcn-bf16", Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, BatchNorm: true}, 1278, 8, 400, 0.011, ops.BF16},
		{"fcn-small", Spec{Family: "fcn", Window: 80, Width: 16}, 100, 16, 400, 0.003, ops.Float32},
		{"tcn-small", Spec{Family: "tcn", Depth: 3, Width: 16, Kernels: []int{20, 8, 8}}, 100, 16, 400, 0.003, ops.Float32},
		{"tcn-line", Spec{Family: "tcn", Depth: 2, Width: 1, Kernels: []int{1, 40}, Activation: "tanh"}, 100, 16, 400, 0.003, ops.Float32},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", c.name, threads), func(b *testing.B) {
				n, err := New(c.spec, PlainInputs(c.inputs), 0, 1)
				if err != nil {
					b.Fatal(err)
				}
				g, err := n.Graph(GraphOptions{Batch: c.batch, Time: c.time, Train: true, Threads: threads, Precision: c.precision})
				if err != nil {
					b.Fatal(err)
				}
				defer g.Close()
				s, err := ops.NewSolver("adam", ops.SolverOptions{Threads: threads})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				drawEvents(g.Events(), c.density, 1)
				targets, params := drawTargets(c.batch*c.time, 0, 1), trainable(n)
				step := func() {
					if _, err := g.Run(targets, LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
						b.Fatal(err)
					}
					if err := s.Step(params, g.Gradients(), 1e-4); err != nil {
						b.Fatal(err)
					}
				}
				step()
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
				b.ReportMetric(float64(c.batch*c.time)/1000*float64(b.N)/b.Elapsed().Seconds(), "bio-s/s")
			})
		}
	}
}
