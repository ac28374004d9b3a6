package surrogates

import (
	"fmt"
	"slices"
	"testing"

	"neq/internal/safetensors"
	"neq/internal/torchcheck"
)

// TestTorch: the loss of every family and its gradients against PyTorch's, on the same weights and spikes. Rounding of
// float32, 6e-8, adds up over layers, ms and the sum over the batch's rows.
func TestTorch(t *testing.T) {
	torchcheck.Python(t)
	const batch, time, inputs, burnIn = 3, 60, 23, 8
	weights := LossWeights{Spike: 1, Voltage: 0.5, Auxiliary: []float32{0.3}}
	var cases []torchcheck.Case
	for i, spec := range every {
		n, err := New(spec, testInputs(inputs), 1, 5)
		if err != nil {
			t.Fatal(err)
		}
		perturb(n)
		g, err := n.Graph(GraphOptions{Batch: batch, Time: time, BurnIn: burnIn, Train: true, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		c := torchcheck.Case{Name: fmt.Sprintf("%02d-%s", i, spec.Title()), Model: "network", Tolerance: 2e-5}
		if spec.BatchNorm { // it subtracts means over the batch, which leaves of a bias's gradient a part of its terms
			c.Tolerance = 2e-4
		}
		add := func(name string, shape []int, v, grad []float32) {
			c.In = append(c.In, safetensors.Tensor{Name: name, Shape: shape, Data: slices.Clone(v)})
			c.Grad = append(c.Grad, grad)
		}
		e := g.Events()
		drawEvents(e, 0.05, 9)
		x := make([]float32, batch*time*inputs)
		for b := range batch {
			for i := e.Start[b]; i < e.Start[b+1]; i++ {
				x[(b*time+int(e.Bin[i]))*inputs+int(e.Synapse[i])]++
			}
		}
		targets := drawTargets(batch*time, 1, 4)
		add("x", []int{batch, time, inputs}, x, nil)
		add("spike", []int{batch, time}, targets.Spike, nil)
		add("voltage", []int{batch, time}, targets.Voltage, nil)
		add("auxiliary", []int{batch, time}, targets.Auxiliary[0], nil)
		loss, err := g.Run(targets, weights)
		if err != nil {
			t.Fatal(err)
		}
		c.Out = []float32{loss.Total}
		at := 0
		for _, w := range n.Weights() {
			var grad []float32
			if w.Trainable {
				grad = slices.Clone(data(g.Gradients()[at]))
				at++
			}
			add(w.Name, w.Value.Shape(), data(w.Value), grad)
		}
		var stages []any
		for i, s := range n.stages {
			stages = append(stages, forTorch(t, s, fmt.Sprintf("layer%d.", i)))
		}
		c.Options = map[string]any{"stages": stages, "burn_in": burnIn,
			"loss_weights": []float32{weights.Spike, weights.Voltage, weights.Auxiliary[0]}}
		cases = append(cases, c)
	}
	torchcheck.Run(t, cases...)
}

// forTorch is a stage as torch_check.py's function of its kind takes it.
func forTorch(t *testing.T, s stage, prefix string) map[string]any {
	switch s := s.(type) {
	case *layer:
		m := map[string]any{"kind": "layer", "prefix": prefix, "first": s.first, "taps": s.taps, "dilation": s.dilation, "activation": s.activation, "norm": s.norm}
		if s.shared != nil {
			m["shared"] = true
		}
		return m
	case *depthwise:
		return map[string]any{"kind": "depthwise", "prefix": prefix, "dilation": s.dilation}
	case *residual:
		var inner []any
		for i, st := range s.inner {
			inner = append(inner, forTorch(t, st, fmt.Sprintf("%s%d.", prefix, i)))
		}
		return map[string]any{"kind": "residual", "prefix": prefix, "inner": inner}
	case *layerNorm:
		return map[string]any{"kind": "layer_norm", "prefix": prefix}
	case *attention:
		return map[string]any{"kind": "attention", "prefix": prefix, "heads": s.heads, "span": s.span}
	case *mixture:
		return map[string]any{"kind": "mixture", "prefix": prefix, "top": s.top, "activation": s.activation, "balance": balance}
	case *recurrent:
		return map[string]any{"kind": "recurrent", "prefix": prefix, "gates": s.gates}
	case *stateSpace:
		return map[string]any{"kind": "state_space", "prefix": prefix, "activation": s.activation}
	case *traces:
		return map[string]any{"kind": "traces", "prefix": prefix, "keep": s.keep}
	case *branches:
		return map[string]any{"kind": "branches", "prefix": prefix, "keep": s.keep, "count": s.count, "shared": s.shared != nil}
	case *elm:
		return map[string]any{"kind": "elm", "prefix": prefix, "activation": s.activation, "version": s.version, "low": s.low, "high": s.high}
	}
	t.Fatalf("%T: torch_check.py has no function of its kind: write it", s)
	return nil
}
