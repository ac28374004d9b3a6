package ops

import (
	"fmt"
	"math"

	"neq/cuda/kernels/nets"
)

// Single is what a surrogate's streaming, one ms at a time, needs of the kernels: the same as the operations', without a
// graph.
type Single struct{ kernels nets.Kernels }

// NewSingle picks the machine's kernels.
func NewSingle() (Single, error) {
	k, err := nets.New("")
	if err != nil {
		return Single{}, fmt.Errorf("ops: %w", err)
	}
	return Single{k}, nil
}

// Activate is Activation in place.
func (s Single) Activate(kind string, x []float32) { s.kernels.Activate(activationKinds[kind], x, x) }

// NormStats gives [2][channels]: mean and 1/sqrt(variance + epsilon), as BatchNorm uses them in inference.
func (s Single) NormStats(mean, variance []float32) []float32 {
	stats := append([]float32(nil), mean...)
	for _, v := range variance {
		stats = append(stats, float32(1/math.Sqrt(float64(v)+normEpsilon)))
	}
	return stats
}

// Norm is BatchNorm in inference, in place, of rows of x.
func (s Single) Norm(x, stats, gamma, beta []float32) { s.kernels.Norm(x, stats, gamma, beta, x) }
