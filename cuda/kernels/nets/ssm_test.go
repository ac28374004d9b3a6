package nets

import (
	"math"
	"math/cmplx"
	"testing"
)

// Coefficients to a rounding of float32 of their size, from steps that change next to nothing to states that turn a
// thousand times a ms or are gone within it.
func TestSSMCoefficients(t *testing.T) {
	each(t, func(t *testing.T, k Kernels) {
		p := SSM{Channels: 1, States: 1, Re: []float32{0.7}, Im: []float32{-1.3}, D: []float32{0}}
		coef := make([]float32, 4)
		for _, logDt := range []float32{-12, -7, -2.3, 0, 1.5} {
			for _, logA := range []float32{-20, -0.7, 0, 2, 6} {
				for _, imagA := range []float32{0, 1e-3, 1, -3.14, 100, 5000} {
					p.LogDt, p.LogA, p.ImagA = []float32{logDt}, []float32{logA}, []float32{imagA}
					k.SSMCoefficients(&p, 0, 1, coef)
					A, dt := complex(-math.Exp(float64(logA)), float64(imagA)), complex(math.Exp(float64(logDt)), 0)
					a := cmplx.Exp(dt * A)
					b := (a - 1) / A
					if z := dt * A; cmplx.Abs(z) < 1e-4 { // where the plain form cancels
						b = dt * (1 + z/2 + z*z/6)
					}
					w := 2 * complex(float64(p.Re[0]), float64(p.Im[0])) * b
					for i, c := range []complex128{a, w} {
						got := complex(float64(coef[2*i]), float64(coef[2*i+1]))
						if !(cmplx.Abs(got-c) <= 1.5e-7*cmplx.Abs(c)+1e-30) {
							t.Errorf("logDt %v, logA %v, imagA %v: %v, want %v", logDt, logA, imagA, got, c)
						}
					}
				}
			}
		}
	})
}
