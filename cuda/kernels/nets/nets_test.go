package nets

import (
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

// The convolution and its gradients against the definition, over shapes that leave every kind of edge: rows that do not
// fill a tile, columns that do not fill a vector or a panel, more input channels than a panel is deep, lags past the end.
func TestConv(t *testing.T) {
	each(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, s := range []struct{ batch, time, cin, cout, taps, dilation int }{
			{1, 1, 1, 1, 1, 1}, {2, 50, 1, 1, 7, 3}, {2, 30, 1, 5, 3, 1}, {3, 29, 5, 1, 4, 2}, {2, 47, 7, 19, 3, 2}, {1, 61, 16, 32, 2, 1},
			{2, 13, 33, 48, 20, 1}, {1, 140, 12, 64, 3, 40}, {2, 37, 130, 67, 2, 5}, {1, 300, 3, 140, 2, 1}, {1, 20, 300, 8, 1, 1},
		} {
			n := s.batch * s.time
			x, w, bias, dy := draw(r, n*s.cin), draw(r, s.taps*s.cin*s.cout), draw(r, s.cout), draw(r, n*s.cout)
			y, dx, dw := make([]float64, n*s.cout), make([]float64, n*s.cin), make([]float64, len(w))
			for b := range s.batch {
				for t := range s.time {
					row := (b*s.time + t) * s.cout
					for j := range s.cout {
						y[row+j] = float64(bias[j])
						for tap := 0; tap < s.taps && t-tap*s.dilation >= 0; tap++ {
							from := (b*s.time + t - tap*s.dilation) * s.cin
							for i := range s.cin {
								at := (tap*s.cin+i)*s.cout + j
								y[row+j] += float64(x[from+i]) * float64(w[at])
								dx[from+i] += float64(dy[row+j]) * float64(w[at])
								dw[at] += float64(dy[row+j]) * float64(x[from+i])
							}
						}
					}
				}
			}
			// Guards behind every result show a kernel that writes past its edge.
			guarded := func(n int) []float32 {
				v := make([]float32, n+64)
				for i := range v {
					v[i] = 777
				}
				return v
			}
			gy, gx, gw := guarded(len(y)), guarded(len(dx)), guarded(len(dw))
			packed := make([]float32, k.ConvPacked(s.taps, s.cin, s.cout))
			transposed := make([]float32, k.ConvPacked(s.taps, s.cout, s.cin))
			for tap := range s.taps {
				wt := w[tap*s.cin*s.cout:]
				k.ConvPack(wt, s.cin, s.cout, packed[len(packed)/s.taps*tap:])
				k.ConvPackTransposed(wt, s.cin, s.cout, transposed[len(transposed)/s.taps*tap:])
				for p := range k.ConvPanels(s.cout) {
					k.ConvDW(x, dy, s.batch, s.time, s.cin, s.cout, tap*s.dilation, p, gw[tap*s.cin*s.cout:])
				}
			}
			for b := range s.batch {
				cut := s.time / 3
				for _, part := range [][2]int{{cut, s.time}, {0, cut}} {
					k.ConvRows(x[b*s.time*s.cin:], packed, bias, s.cin, s.cout, s.taps, s.dilation, part[0], part[1], gy[b*s.time*s.cout:])
					k.ConvDX(transposed, dy[b*s.time*s.cout:], s.time, s.cin, s.cout, s.taps, s.dilation, part[0], part[1], gx[b*s.time*s.cin:])
				}
			}
			for _, c := range []struct {
				name string
				got  []float32
				want []float64
				sum  int // terms of a sum of products of standard normals: rounding grows with its square root
			}{{"y", gy, y, s.taps * s.cin}, {"dx", gx, dx, s.taps * s.cout}, {"dw", gw, dw, n}} {
				for i, want := range c.want {
					if math.Abs(float64(c.got[i])-want) > 3e-6*math.Sqrt(float64(c.sum)+9) {
						t.Fatalf("%+v: %s[%d] = %v, want %v", s, c.name, i, c.got[i], want)
					}
				}
				for _, g := range c.got[len(c.want):] {
					if g != 777 {
						t.Fatalf("%+v: %s was written past its end", s, c.name)
					}
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

// BenchmarkConv is a layer of a temporally convolutional network of 128 channels and 12 taps, one window of 400 ms.
func BenchmarkConv(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	k, err := New("")
	if err != nil {
		b.Fatal(err)
	}
	const T, C, K = 400, 128, 12
	x, w, bias, y := draw(r, T*C), draw(r, K*C*C), draw(r, C), draw(r, T*C)
	packed := make([]float32, k.ConvPacked(K, C, C))
	for tap := range K {
		k.ConvPack(w[tap*C*C:], C, C, packed[tap*C*C:])
	}
	for name, f := range map[string]func(){
		"rows": func() { k.ConvRows(x, packed, bias, C, C, K, 1, 0, T, y) },
		"dx":   func() { k.ConvDX(packed, y, T, C, C, K, 1, 0, T, x) },
		"dw": func() {
			for tap := range K {
				for p := range k.ConvPanels(C) {
					k.ConvDW(x, y, 1, T, C, C, tap, p, w[tap*C*C:])
				}
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				clear(x[:100]) // dx feeds on itself
				f()
			}
			b.ReportMetric(2*T*C*C*K*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
