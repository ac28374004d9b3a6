package ops

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"neq/internal/philox"
)

// bf16Of is x with 7 bits of mantissa, to nearest even.
func bf16Of(x float32) float64 {
	u := math.Float32bits(x)
	return float64(math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff))
}

// The convolution and its gradients with rounded factors, on every instruction set, against the definition in float64 on
// factors rounded here: what is left is float32's rounding of sums. The shapes leave every kind of edge: channels and rows
// that do not fill a tile, odd ones, dilations that leave gaps, taps that reach past the sequence. The bits are the same on
// three threads, and a second run, which finds its scratch full of another's numbers, gives them again.
func TestConvBF16(t *testing.T) {
	for _, isa := range []string{"amx", "avx512_bf16", "portable"} {
		probe := &Builder{}
		if err := probe.Round(BF16, isa); err != nil {
			t.Logf("not tested: %v", err)
			continue
		}
		for _, s := range []struct{ batch, time, cin, cout, taps, dilation int }{
			{1, 1, 1, 1, 1, 1}, {2, 50, 1, 1, 7, 3}, {2, 30, 1, 5, 3, 1}, {3, 29, 5, 1, 4, 2}, {2, 47, 7, 19, 3, 2}, {1, 61, 16, 32, 2, 1},
			{2, 13, 33, 48, 20, 1}, {1, 140, 12, 64, 3, 40}, {2, 37, 130, 67, 2, 5}, {1, 300, 3, 40, 12, 1}, {1, 20, 300, 8, 1, 1}, {2, 224, 32, 32, 12, 29},
		} {
			t.Run(fmt.Sprintf("%s/%v", isa, s), func(t *testing.T) {
				r, n := philox.New(3, 0, 1), s.batch*s.time
				draw := func(n int) []float32 {
					v := make([]float32, n)
					for i := range v {
						v[i] = float32(r.Normal())
					}
					return v
				}
				x, w, bias, dy := draw(n*s.cin), draw(s.taps*s.cin*s.cout), draw(s.cout), draw(n*s.cout)
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
									y[row+j] += bf16Of(x[from+i]) * bf16Of(w[at])
									dx[from+i] += bf16Of(dy[row+j]) * bf16Of(w[at])
									dw[at] += bf16Of(dy[row+j]) * bf16Of(x[from+i])
								}
							}
						}
					}
				}
				var first [3][]float32
				for _, threads := range []int{1, 3} {
					b, err := NewBuilder(threads, true, "")
					if err != nil {
						t.Fatal(err)
					}
					defer b.Close()
					if err := b.Round(BF16, isa); err != nil {
						t.Fatal(err)
					}
					c := conv{b: b, precision: b.precision, batch: s.batch, time: s.time, cin: s.cin, cout: s.cout, taps: s.taps, dilation: s.dilation}
					for again := range 2 {
						var got [3][]float32
						for k, run := range []struct {
							body body
							in   [][]float32
							want []float64
							sum  int // terms: rounding grows with its square root
						}{
							{c.cpu(), [][]float32{x, w, bias}, y, s.taps * s.cin},
							{c.cpuDX(), [][]float32{w, dy}, dx, s.taps * s.cout},
							{c.cpuDW(), [][]float32{x, dy}, dw, n},
						} {
							for i := range b.halves {
								for j := range b.halves[i][:cap(b.halves[i])] {
									b.halves[i][:cap(b.halves[i])][j] = 0x7fc0 // NaN
								}
							}
							const guard = 64
							out := slices.Repeat([]float32{777}, len(run.want)+guard)
							run.body.run(run.in, out[:len(run.want)])
							for i, want := range run.want {
								if !(math.Abs(float64(out[i])-want) <= 3e-6*math.Sqrt(float64(run.sum)+9)) {
									t.Fatalf("%d threads, run %d: result %d [%d] = %v, want %v", threads, again, k, i, out[i], want)
								}
							}
							for _, g := range out[len(run.want):] {
								if g != 777 {
									t.Fatalf("result %d was written past its end", k)
								}
							}
							got[k] = out
						}
						if first[0] == nil {
							first = got
						}
						for k := range got {
							if !slices.Equal(got[k], first[k]) {
								t.Errorf("result %d on %d threads, run %d: other bits than on one", k, threads, again)
							}
						}
						v, ins, out := c.cpu(), [][]float32{x, w, bias}, make([]float32, len(y))
						if a := testing.AllocsPerRun(1, func() { v.run(ins, out) }); threads == 1 && a > 0 {
							t.Errorf("%v allocations a run", a)
						}
					}
				}
			})
		}
	}
}

// BenchmarkConv is a layer of a temporally convolutional network, 8 windows of 400 ms, 128 channels, 12 taps: rounding and
// packing are part of it.
func BenchmarkConv(b *testing.B) {
	const batch, time, channels, taps = 8, 400, 128, 12
	r := philox.New(3, 0, 1)
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.Normal())
		}
		return v
	}
	x, w, bias, dy := draw(batch*time*channels), draw(taps*channels*channels), draw(channels), draw(batch*time*channels)
	for _, precision := range []string{"float32", "amx", "avx512_bf16"} {
		builder, err := NewBuilder(1, true, "")
		if err != nil {
			b.Fatal(err)
		}
		defer builder.Close()
		if precision != "float32" {
			if err := builder.Round(BF16, precision); err != nil {
				b.Logf("not measured: %v", err)
				continue
			}
		}
		c := conv{b: builder, batch: batch, time: time, cin: channels, cout: channels, taps: taps, dilation: 1}
		for _, k := range []struct {
			name string
			body body
			in   [][]float32
			out  int
		}{{"rows", c.cpu(), [][]float32{x, w, bias}, len(x)}, {"dx", c.cpuDX(), [][]float32{w, dy}, len(x)}, {"dw", c.cpuDW(), [][]float32{x, dy}, len(w)}} {
			b.Run(precision+"/"+k.name, func(b *testing.B) {
				out := make([]float32, k.out)
				for b.Loop() {
					k.body.run(k.in, out)
				}
				b.ReportMetric(2*batch*time*channels*channels*taps*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
