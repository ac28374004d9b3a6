package ops

import (
	"testing"

	"neq/internal/philox"
	"neq/internal/safetensors"
	"neq/internal/torchcheck"
)

// TestTorch: the scans against PyTorch, long enough for what they forget to be forgotten. Rounding of float32, 6e-8, adds
// up over the ms that a state remembers.
func TestTorch(t *testing.T) {
	torchcheck.Python(t)
	var cases []torchcheck.Case
	for model, c := range map[string]opCase{
		"lstm": lstmCase(3, 120, 40), "gru": gruCase(3, 120, 40), "ssm": ssmCase(2, 150, 20, 8, -2),
	} {
		in := c.draw()
		dy := make([]float32, len(c.value(wide(in))))
		r := philox.New(13, 0, 77)
		for i := range dy {
			dy[i] = float32(r.Normal())
		}
		y, grads := opRun{threads: 2}.run(t, c, in, dy)
		var of []safetensors.Tensor
		for i, x := range c.inputs {
			of = append(of, safetensors.Tensor{Name: x.name, Shape: x.shape, Data: in[i]})
		}
		cases = append(cases, torchcheck.Case{Name: model, Model: model, In: of, Out: y, DOut: dy, Grad: grads, Tolerance: 1e-5})
	}
	torchcheck.Run(t, cases...)
}
