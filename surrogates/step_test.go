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
		{"elm15", Spec{Family: "elm", Memory: 15, Branches: 45, BranchSize: 100}, 1278, 16, 400, 0.011, ops.Float32},
		{"elm100", Spec{Family: "elm", Memory: 100, Branches: 45, BranchSize: 100}, 1278, 8, 400, 0.011, ops.Float32},
		{"lstm", Spec{Family: "lstm", Width: 128}, 1278, 8, 400, 0.011, ops.Float32},
		{"gru", Spec{Family: "gru", Width: 128}, 1278, 8, 400, 0.011, ops.Float32},
		{"ssm", Spec{Family: "ssm", Width: 64, Depth: 2}, 1278, 8, 400, 0.011, ops.Float32},
		{"transformer", Spec{Family: "transformer", Width: 64, Depth: 2, AttentionHeads: 4, Span: 100}, 1278, 8, 400, 0.011, ops.Float32},
		{"moe", Spec{Family: "fcn", Window: 20, Width: 64, Experts: 8, Top: 2}, 1278, 8, 400, 0.011, ops.Float32},
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
				s, err := ops.NewSolver("adam", ops.SolverOptions{Team: g.Team()})
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

// BenchmarkStream is the streaming inference of the published Branch-ELM of 15, one ms at a time, for one neuron and for
// many at once, each with 1.1 % of 1278 synapses active in a ms.
func BenchmarkStream(b *testing.B) {
	const inputs, span = 1278, 64
	for _, rows := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("neurons=%d", rows), func(b *testing.B) {
			n, err := New(Spec{Family: "elm", Memory: 15, Branches: 45, BranchSize: 100}, PlainInputs(inputs), 0, 1)
			if err != nil {
				b.Fatal(err)
			}
			s, err := n.Stream(rows)
			if err != nil {
				b.Fatal(err)
			}
			r := philox.New(1, 0, 1)
			in := make([]*Spikes, span)
			for i := range in {
				in[i] = &Spikes{Start: []int{0}}
				for range rows {
					for y := range inputs {
						if r.Float64() < 0.011 {
							in[i].Synapse = append(in[i].Synapse, int32(y))
						}
					}
					in[i].Start = append(in[i].Start, len(in[i].Synapse))
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Step(in[i%span]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "neuron-ms/s")
		})
	}
}
