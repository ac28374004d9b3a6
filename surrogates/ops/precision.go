package ops

import (
	"fmt"
	"slices"

	"neq/cuda/kernels/nets"
)

// Precision is what the factors of the dense convolutions' products are rounded to. Sums, all other arithmetic and
// every tensor that is kept, the weights and a solver's moments among them, are float32 in any of them. Bfloat16 has
// float32's range, so a loss needs no scaling.
type Precision int

// Float32 rounds nothing; TF32 keeps 10 bits of a factor's mantissa (19 bits in all), BF16 7 (16 bits in all, half the
// memory). Rounding is to nearest even but in a product by cuBLAS in TF32, which rounds as cuBLAS does.
const (
	Float32 Precision = iota
	TF32
	BF16
)

var precisions = []string{"float32", "tf32", "bf16"}

// OnCPU is what a CPU computes in that is asked for p: float32 for TF32, which only GPUs have; BF16 where the processor
// has instructions for it, and an error where not.
func (p Precision) OnCPU() (Precision, error) {
	if p != BF16 {
		return Float32, nil
	}
	if _, err := nets.NewBF16(""); err != nil {
		return p, fmt.Errorf("bf16: %w", err)
	}
	return p, nil
}

func (p Precision) String() string { return precisions[p] }

// ParsePrecision reads float32, tf32 or bf16; "" is float32.
func ParsePrecision(s string) (Precision, error) {
	if s == "" {
		return Float32, nil
	}
	if i := slices.Index(precisions, s); i >= 0 {
		return Precision(i), nil
	}
	return 0, fmt.Errorf("%q, want float32, tf32 or bf16", s)
}
