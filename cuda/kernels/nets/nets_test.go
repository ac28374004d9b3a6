package nets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func each(t *testing.T, f func(t *testing.T, k Kernels)) {
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		k, err := New(isa)
		if err != nil {
			t.Logf("not tested: %v", err)
			continue
		}
		t.Run(isa, func(t *testing.T) { f(t, k) })
	}
}

func TestPick(t *testing.T) {
	if _, err := New("sse9"); err == nil {
		t.Error("an unknown instruction set was accepted")
	}
	each(t, func(t *testing.T, k Kernels) {
		if want := map[string]int{"avx512": 16, "avx2": 8, "portable": 4}[k.ISA()]; k.Lanes() != want {
			t.Errorf("%d lanes, want %d", k.Lanes(), want)
		}
	})
}

var exact = map[Activation]func(x float64) (y, slope float64){
	ReLU: func(x float64) (float64, float64) {
		if x > 0 {
			return x, 1
		}
		return 0, 0
	},
	GELU: func(x float64) (float64, float64) {
		cdf := 0.5 * math.Erfc(-x/math.Sqrt2)
		return x * cdf, cdf + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	},
	SiLU: func(x float64) (float64, float64) {
		s := 1 / (1 + math.Exp(-x))
		return x * s, s * (1 + x*(1-s))
	},
	Tanh: func(x float64) (float64, float64) {
		y := math.Tanh(x)
		return y, 1 - y*y
	},
}

// Activations to 4e-7 of max(1, |y|): a few roundings of float32, and 1.5e-7 of the error function's polynomial.
func TestActivations(t *testing.T) {
	each(t, func(t *testing.T, k Kernels) {
		var x []float32
		for v := -100.0; v < 100; v += 0.0137 {
			x = append(x, float32(v), float32(v/30), float32(v*v*v))
		}
		x = append(x, 0, 1e-30, -1e-30, 3e38, -3e38, float32(math.Inf(1)))
		y, dy, dx := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
		for i := range dy {
			dy[i] = 2
		}
		for a, f := range exact {
			k.Activate(a, x, y)
			k.ActivateGrad(a, x, dy, dx)
			for i := range x {
				if math.IsInf(float64(x[i]), 1) {
					if a == Tanh && y[i] != 1 || a != Tanh && !math.IsInf(float64(y[i]), 1) {
						t.Errorf("activation %d of +Inf is %v", a, y[i])
					}
					continue
				}
				want, slope := f(float64(x[i]))
				if e := math.Abs(float64(y[i]) - want); !(e <= 4e-7*math.Max(1, math.Abs(want))) {
					t.Fatalf("activation %d of %v: %v, want %v", a, x[i], y[i], want)
				}
				if math.Abs(float64(x[i])) > 1e4 {
					continue
				}
				if e := math.Abs(float64(dx[i]) - 2*slope); !(e <= 2e-6) {
					t.Fatalf("slope of activation %d at %v: %v, want %v", a, x[i], dx[i]/2, slope)
				}
			}
			nan := []float32{float32(math.NaN())}
			k.Activate(a, nan, y[:1])
			if y[0] == y[0] {
				t.Errorf("activation %d hides a NaN as %v", a, y[0])
			}
		}
	})
}

// The cross-entropy neither overflows nor loses a confident logit's small loss.
func TestSpikeLoss(t *testing.T) {
	each(t, func(t *testing.T, k Kernels) {
		for _, c := range []struct{ x, target float32 }{
			{0, 0}, {0, 1}, {1e-4, 1}, {-3, 1}, {3, 1}, {12, 1}, {-12, 0}, {-20, 0}, {20, 1}, {80, 0}, {-80, 1}, {1e4, 0}, {-1e4, 1}, {1e30, 0},
		} {
			y, dy := []float32{c.x, 7}, []float32{-1, -1}
			got := k.SpikeLoss(y, []float32{c.target}, 2, 3, dy)
			x, target := float64(c.x), float64(c.target)
			want := math.Max(x, 0) - x*target + math.Log1p(math.Exp(-math.Abs(x)))
			slope := 3 * (1/(1+math.Exp(-x)) - target)
			// Relative to float32's rounding of x itself where terms cancel: 20 - 20 + 2e-9.
			if math.Abs(got-want) > 3e-7*math.Max(want, math.Abs(x)) {
				t.Errorf("loss at %v for %v: %v, want %v", c.x, c.target, got, want)
			}
			if c.target == 0 && c.x < 0 && math.Abs(got-want) > 1e-6*want {
				t.Errorf("loss at %v for %v: %v, want %v to a millionth of it", c.x, c.target, got, want)
			}
			if math.Abs(float64(dy[0])-slope) > 1e-6 || dy[1] != -1 {
				t.Errorf("slope at %v for %v: %v, want %v and the next column alone", c.x, c.target, dy, slope)
			}
		}
	})
}

func TestGemm(t *testing.T) {
	defer UseBLAS(true)
	each(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {12, 32, 16}, {97, 65, 33}, {13, 300, 270}, {200, 31, 513}} {
			m, n, d := s[0], s[1], s[2]
			for flags := range 8 {
				ta, tb, own := flags&1 > 0, flags&2 > 0, flags&4 > 0
				a, b, c, want := draw(r, m*d), draw(r, d*n), draw(r, m*n), make([]float64, m*n)
				lda, ldb := d, n
				if ta {
					lda = m
				}
				if tb {
					ldb = d
				}
				for i := range m {
					for j := range n {
						want[i*n+j] = float64(c[i*n+j])
						for p := range d {
							ai, bi := i*lda+p, p*ldb+j
							if ta {
								ai = p*lda + i
							}
							if tb {
								bi = j*ldb + p
							}
							want[i*n+j] += float64(a[ai]) * float64(b[bi])
						}
					}
				}
				UseBLAS(!own)
				k.Gemm(ta, tb, m, n, d, a, lda, b, ldb, 1, c, n)
				for i := range want {
					if math.Abs(float64(c[i])-want[i]) > 1e-5*math.Sqrt(float64(d)) {
						t.Fatalf("%v transposed %v %v, own %v: element %d is %v, want %v", s, ta, tb, own, i, c[i], want[i])
					}
				}
				c[0] = float32(math.NaN()) // beta 0 does not read c
				k.Gemm(ta, tb, m, n, d, a, lda, b, ldb, 0, c, n)
				if c[0] != c[0] {
					t.Fatal("beta 0 reads the old product")
				}
			}
		}
	})
}

func draw(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// BenchmarkGemm is the product of a temporally convolutional layer's tap: 400 x 128 by 128 x 128.
func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	k, err := New("")
	if err != nil {
		b.Fatal(err)
	}
	x, w, y := draw(r, 400*128), draw(r, 128*128), draw(r, 400*128)
	defer UseBLAS(true)
	for _, own := range []bool{false, true} {
		b.Run(fmt.Sprintf("own=%v", own), func(b *testing.B) {
			UseBLAS(!own)
			for b.Loop() {
				k.Gemm(false, false, 400, 128, 128, x, 128, w, 128, 1, y, 128)
			}
			b.ReportMetric(2*400*128*128*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
