package surrogates

import (
	"math"
	"slices"
	"testing"

	"neq/surrogates/ops"
)

// Training in bfloat16 on a CPU: gradients are off float32's by a tenth of their norm at most, as check.go asks of a GPU, and
// not nothing; the instructions give what plain C does, but where a sum's last bit tips a factor's rounding; two threads
// give one's bits; and a graph for windows of another length shares nothing with it but the weights.
func TestBF16(t *testing.T) {
	spec := Spec{Family: "tcn", Depth: 3, Width: 24, Kernels: []int{5, 4, 3}, Dilations: []int{1, 2, 1}, Activation: "gelu", BatchNorm: true}
	run := func(p ops.Precision, isa string, threads int) [][]float32 {
		n, err := New(spec, PlainInputs(12), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		g, err := n.Graph(GraphOptions{Batch: 3, Time: 300, BurnIn: 10, Train: true, Threads: threads, Precision: p, isa: isa})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		drawEvents(g.Events(), 0.05, 1)
		if _, err := g.Run(drawTargets(3*300, 0, 1), LossWeights{Spike: 1, Voltage: 0.5}); err != nil {
			t.Fatal(err)
		}
		var grads [][]float32
		for _, d := range g.Gradients() {
			grads = append(grads, slices.Clone(data(d)))
		}
		return grads
	}
	off := func(a, b [][]float32) (worst float64) {
		for i := range a {
			var square, far float64
			for j, x := range a[i] {
				square, far = square+float64(x)*float64(x), far+math.Pow(float64(x)-float64(b[i][j]), 2)
			}
			worst = math.Max(worst, math.Sqrt(far/square))
		}
		return worst
	}
	exact, plain := run(ops.Float32, "", 1), run(ops.BF16, "portable", 1)
	if e := off(exact, plain); !(e > 1e-4 && e < 0.1) {
		t.Errorf("gradients in bf16 are off float32's by %.2g of their norm", e)
	}
	if _, err := ops.BF16.OnCPU(); err != nil {
		t.Skipf("not tested: %v", err)
	}
	one, two := run(ops.BF16, "", 1), run(ops.BF16, "", 2)
	if e := off(plain, one); !(e < 1e-2) {
		t.Errorf("gradients by the processor's instructions are off plain C's by %.2g of their norm", e)
	}
	if off(one, two) != 0 {
		t.Error("two threads give other bits than one")
	}
}
