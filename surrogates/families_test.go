package surrogates

import (
	"math"
	"slices"
	"testing"
)

// every is a spec of each family and of each of its variants, small.
var every = []Spec{
	{Family: "filter", Window: 12},
	{Family: "fcn", Window: 7, Width: 9, Activation: "gelu", BatchNorm: true},
	{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{5, 3, 1}, Dilations: []int{2, 3, 1}, Activation: "silu", BatchNorm: true},
	{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Separable: true, Residual: true, BatchNorm: true, Activation: "silu"},
	{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Separable: true, Activation: "gelu", Experts: 4, Top: 2, Hidden: 7},
	{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Dilations: []int{1, 2, 4}, Residual: true, Activation: "tanh"},
	{Family: "fcn", Window: 7, Width: 9, Activation: "silu", Experts: 3},
	{Family: "elm", Memory: 7, Branches: 5, BranchSize: 9},
	{Family: "elm", Memory: 6, Hidden: 9, Branches: 4, BranchSize: 8, Routing: "random", LearnTau: true, MemoryTau: []float64{2, 40}, Version: 2, Activation: "silu"},
	{Family: "elm", Memory: 6, Branches: 4, BranchSize: 8, SharedSynapses: 5},
	{Family: "fcn", Window: 5, Width: 4, SharedSynapses: 6, Activation: "silu"},
	{Family: "elm", Memory: 6, SynapseTau: 3, Activation: "silu"},
	{Family: "elm", Memory: 6, Branches: 5, BranchSize: 9, Experts: 3, Top: 2},
	{Family: "lstm", Width: 11},
	{Family: "lstm", Width: 11, Experts: 4, Activation: "tanh", Top: 4},
	{Family: "ssm", Width: 9, Depth: 2, States: 5, Activation: "gelu"},
	{Family: "ssm", Width: 9, Window: 2, States: 4, Activation: "silu", Experts: 3, Top: 2},
	{Family: "transformer", Width: 12, Depth: 2, AttentionHeads: 3, Span: 9, Activation: "gelu"},
	{Family: "transformer", Width: 12, Depth: 1, Span: 50, Window: 3, Hidden: 5, Activation: "silu", Experts: 3, Top: 2},
	{Family: "gru", Width: 11, Depth: 2, Window: 3},
}

// TestEveryFamily: the table above misses none.
func TestEveryFamily(t *testing.T) {
	for _, f := range Families() {
		if !slices.ContainsFunc(every, func(s Spec) bool { return s.Family == f }) {
			t.Errorf("no small network of family %s is tested", f)
		}
	}
}

// TestFormula: the count from the architecture is the sum of the tensors.
func TestFormula(t *testing.T) {
	for _, spec := range every {
		for _, auxiliary := range []int{0, 3} {
			n, err := New(spec, testInputs(23), auxiliary, 1)
			if err != nil {
				t.Fatal(err)
			}
			sum, synaptic := 0, 0
			for _, w := range n.Weights() {
				if w.Trainable {
					sum += w.Value.Shape().TotalSize()
				}
				if w.Synaptic {
					synaptic += w.Value.Shape().TotalSize()
				}
			}
			if n.Parameters() != sum || n.SynapticParameters() != synaptic {
				t.Errorf("%s: %d parameters, %d synaptic, its tensors have %d and %d", spec.Title(), n.Parameters(), n.SynapticParameters(), sum, synaptic)
			}
			size, err := spec.Size(23)
			inner := sum - len(data(n.headW.Value)) - len(data(n.headB.Value))
			if err != nil || int(size) != inner && (spec.SharedSynapses == 0 || int(size) > inner) { // features are known with the inputs
				t.Errorf("%s: size %d, %v", spec.Title(), size, err)
			}
		}
	}
}

// TestDescent: along the gradient of each tensor the loss changes as the gradient says. Both sides of the step together
// leave an error of second order and the rounding of the loss, 1e-7 of it, against a change of 1e-3 of it.
func TestDescent(t *testing.T) {
	const batch, time = 3, 40
	weights := LossWeights{Spike: 1, Voltage: 0.5, Auxiliary: []float32{0.3}}
	for _, spec := range every {
		spec.Top = spec.Experts // all of them: a loss that has no steps, and no balance to keep
		t.Run(spec.Title(), func(t *testing.T) {
			n, err := New(spec, testInputs(23), 1, 5)
			if err != nil {
				t.Fatal(err)
			}
			perturb(n)
			g, err := n.Graph(GraphOptions{Batch: batch, Time: time, BurnIn: 8, Train: true, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			drawEvents(g.Events(), 0.1, 9)
			targets := drawTargets(batch*time, 1, 4)
			loss := func() float64 {
				l, err := g.Run(targets, weights)
				if err != nil {
					t.Fatal(err)
				}
				return float64(l.Total)
			}
			base := loss()
			var grads [][]float32
			for _, d := range g.Gradients() {
				grads = append(grads, slices.Clone(data(d)))
			}
			i := 0
			for _, w := range n.Weights() {
				if !w.Trainable {
					continue
				}
				grad, old := grads[i], slices.Clone(data(w.Value))
				i++
				var square float64
				for _, v := range grad {
					square += float64(v) * float64(v)
				}
				if square == 0 {
					t.Errorf("%s: its gradient is zero", w.Name)
				}
				if square < 1e-10 { // a bias ahead of a norm: what is left is rounding
					continue
				}
				step := min(1e-3*base/square, 0.01/math.Sqrt(square)) // of a length within which the loss is still square
				at := func(sign float64) float64 {
					for j, v := range old {
						data(w.Value)[j] = v + float32(sign*step*float64(grad[j]))
					}
					return loss()
				}
				change := (at(1) - at(-1)) / (2 * step)
				copy(data(w.Value), old)
				if !(math.Abs(change-square) <= 0.02*square) {
					t.Errorf("%s: the loss changes by %.4g along its gradient, which says %.4g", w.Name, change, square)
				}
			}
		})
	}
}
