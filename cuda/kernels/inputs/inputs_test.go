package inputs

import (
	"math"
	"slices"
	"testing"

	"neq/internal/philox"
)

// constant is a plan of one interval: synapse s at rate(s) events per ms.
func constant(synapses, bins int, exponential bool, rate func(int) float32) *Plan {
	row, groups := (synapses+15)/16*16, (bins+3)/4
	p := &Plan{Seed: 0x9E3779B97F4A7C15, Stream: 7, Exponential: exponential, Row: row, Bins: bins, Band: 1,
		First: make([]int32, groups), Kernel: make([]float32, groups*4), Amplitude: make([]float32, row)}
	for i := range p.Kernel {
		p.Kernel[i] = 1
	}
	for s := range synapses {
		p.Amplitude[s] = rate(s)
	}
	return p
}

func draw(t testing.TB, p *Plan, isa string, sample uint64) (bin, syn []int32) {
	t.Helper()
	n, err := p.Draw(isa, sample, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	bin, syn = make([]int32, n), make([]int32, n)
	if m, err := p.Draw(isa, sample, bin, syn); err != nil || m != n {
		t.Fatalf("second draw: %d events, want %d: %v", m, n, err)
	}
	return bin, syn
}

// The kernel's events are those of the Go generator, which is checked against the Random123 vectors.
func TestDrawIsPhilox(t *testing.T) {
	p := constant(21, 103, false, func(s int) float32 { return float32(s) / 21 })
	var want [][2]int32
	for b := range 103 {
		for s := range 21 {
			w := philox.Block([4]uint32{uint32(b / 4), 7 + uint32(s), 5, 1}, [2]uint32{uint32(p.Seed & 0xffffffff), uint32(p.Seed >> 32)})
			if float64(w[b%4]>>1) < float64(p.Amplitude[s])*(1<<31) {
				want = append(want, [2]int32{int32(b), int32(s)})
			}
		}
	}
	for _, isa := range ISAs() {
		bin, syn := draw(t, p, isa, 1<<32|5)
		var got [][2]int32
		for i := range bin {
			got = append(got, [2]int32{bin[i], syn[i]})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d, or in another order", isa, len(got), len(want))
		}
	}
}

// Rates that need every operation of the kernel give the same events on every instruction set.
func TestDrawSameOnEveryISA(t *testing.T) {
	p := constant(1278, 400, true, func(s int) float32 { return float32(s%64) * 0.013 })
	bin, syn := draw(t, p, "portable", 3)
	for _, isa := range ISAs() {
		b, s := draw(t, p, isa, 3)
		if !slices.Equal(b, bin) || !slices.Equal(s, syn) {
			t.Errorf("%s differs from the portable build", isa)
		}
	}
}

// The number of events follows its expectation; 5 standard errors of a binomial count.
func TestDrawRate(t *testing.T) {
	for _, c := range []struct {
		rate        float64
		exponential bool
	}{{0.001, false}, {0.3, false}, {0.005, true}, {0.2, true}, {2, true}} {
		want := c.rate
		if c.exponential {
			want = c.rate * (1 - math.Exp(-1/c.rate))
		}
		n := 160 * 20000.0
		bin, _ := draw(t, constant(160, 20000, c.exponential, func(int) float32 { return float32(c.rate) }), "", 0)
		if d, se := float64(len(bin))-n*want, math.Sqrt(n*want*(1-want)); math.Abs(d) > 5*se {
			t.Errorf("rate %g, exponential %v: %d events, want %.0f +- %.0f", c.rate, c.exponential, len(bin), n*want, se)
		}
	}
}

func TestDrawRefusesBadPlans(t *testing.T) {
	for name, spoil := range map[string]func(*Plan){
		"rate":   func(p *Plan) { p.Amplitude[3] = 1 },
		"nan":    func(p *Plan) { p.Amplitude[3] = float32(math.NaN()) },
		"row":    func(p *Plan) { p.Row = 17 },
		"first":  func(p *Plan) { p.First[0] = 1 },
		"kernel": func(p *Plan) { p.Kernel = p.Kernel[:1] },
	} {
		p := constant(16, 10, false, func(int) float32 { return 0 })
		spoil(p)
		if _, err := p.Draw("", 0, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, isa := range ISAs() {
		b.Run(isa, func(b *testing.B) {
			p := constant(1278, 6000, false, func(int) float32 { return 0.011 })
			bin, syn := make([]int32, 1<<17), make([]int32, 1<<17)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := p.Draw(isa, uint64(i), bin, syn); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1278*6000/b.Elapsed().Seconds(), "draws/s")
		})
	}
}
