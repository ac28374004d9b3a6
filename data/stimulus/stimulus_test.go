package stimulus

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var groups = []Group{{Name: "exc", Count: 80}, {Name: "inh", First: 80, Count: 20}}

func integrateAndFire() Config {
	return Config{Protocol: "modulated", Trees: []Tree{{"exc", "inh", []float64{0, 50}, []float64{-50, -15}}}}
}

func protocol(t testing.TB, c Config, duration int) *Protocol {
	t.Helper()
	p, err := New(c, groups, duration, 1, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The published integrate-and-fire experiment's inputs run at 3.1 Hz (excitatory) and 3.0 Hz (inhibitory), as
// an independent script measured. 400 samples leave a standard error of about 0.03 Hz.
func TestModulatedRates(t *testing.T) {
	p := protocol(t, integrateAndFire(), 6000)
	var e Events
	var exc, inh, first, all float64
	const samples = 400
	for i := range uint64(samples) {
		if err := p.Draw(i, &e); err != nil {
			t.Fatal(err)
		}
		for k, s := range e.Synapse {
			if s < 80 {
				exc++
			} else {
				inh++
			}
			if e.Time[k] < 100 {
				first++
			}
			all++
		}
	}
	exc, inh = exc/(80*6*samples), inh/(20*6*samples)
	if math.Abs(exc-3.125) > 0.12 || math.Abs(inh-3.06) > 0.15 {
		t.Errorf("rates %.3f and %.3f Hz, want 3.1 and 3.0", exc, inh)
	}
	if mean := p.Rate() * 6000; math.Abs(all/samples/mean-1) > 0.04 {
		t.Errorf("%.0f events a sample, expected %.0f", all/samples, mean)
	}
	// The rate does not fade in: the first 100 ms hold a sixtieth of the events.
	if r := first / all * 60; math.Abs(r-1) > 0.15 {
		t.Errorf("the first 100 ms have %.2f of the mean rate", r)
	}
}

// Smoothing keeps rates: in the middle of the band the kernel's weights add up to 1 (4 sigma: to 1e-4).
func TestSmoothingKeepsRate(t *testing.T) {
	p := protocol(t, integrateAndFire(), 600)
	for sample := range uint64(20) {
		recipe := p.Recipe()
		plan := recipe.Plan(p.Course(recipe, sample))
		for g := range plan.First {
			for q := range 4 {
				var sum float64
				for j := range plan.Band {
					w := plan.Kernel[(g*plan.Band+j)*4+q]
					if w < 0 {
						t.Fatalf("sample %d: negative weight %g", sample, w)
					}
					sum += float64(w)
				}
				if math.Abs(sum-1) > 2e-4 {
					t.Fatalf("sample %d, ms %d: weights add up to %g", sample, 4*g+q, sum)
				}
			}
		}
	}
}

// Poisson counts: mean and variance of the events in 100 ms are equal, and their times are spread evenly
// within a ms. Tolerances are 5 standard errors.
func TestPoisson(t *testing.T) {
	for _, rate := range []float64{5, 400, 3000} {
		p := protocol(t, Config{Protocol: "poisson", Rates: map[string]float64{"exc": rate}}, 1000)
		var e Events
		var n, sum, sq, frac, total float64
		for i := range uint64(20) {
			if err := p.Draw(i, &e); err != nil {
				t.Fatal(err)
			}
			count := make([]float64, 800)
			for k, s := range e.Synapse {
				if k > 0 && e.Time[k] < e.Time[k-1] {
					t.Fatal("times do not ascend")
				}
				count[int(s)*10+int(e.Time[k])/100]++
				_, f := math.Modf(float64(e.Time[k]))
				frac += f
				total++
			}
			for _, c := range count {
				n++
				sum += c
				sq += c * c
			}
			if len(e.Time) > p.Capacity(1) {
				t.Errorf("%d events exceed the capacity %d", len(e.Time), p.Capacity(1))
			}
		}
		mean, want := sum/n, rate/10
		variance := sq/n - mean*mean
		if math.Abs(mean-want) > 5*math.Sqrt(want/n) || math.Abs(variance/want-1) > 5*math.Sqrt((2+1/want)/n) {
			t.Errorf("%g Hz: %.3f +- %.3f events in 100 ms, want %g and its root", rate, mean, math.Sqrt(variance), want)
		}
		if math.Abs(frac/total-0.5) > 5*math.Sqrt(1/12./total) {
			t.Errorf("%g Hz: mean place in the ms is %.4f", rate, frac/total)
		}
	}
}

// A sample's events do not depend on what was drawn before it, or beside it.
func TestDrawIsAFunctionOfTheSample(t *testing.T) {
	for _, c := range []Config{integrateAndFire(), {Protocol: "poisson", Rates: map[string]float64{"exc": 20, "inh": 50}}} {
		p := protocol(t, c, 500)
		var want Events
		if err := p.Draw(7, &want); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var e Events
				for _, i := range []uint64{3, 7, 9, 7} {
					if err := p.Draw(i, &e); err != nil {
						t.Error(err)
					}
					if i == 7 && (!slices.Equal(e.Time, want.Time) || !slices.Equal(e.Synapse, want.Synapse)) {
						t.Error("sample 7 differs")
					}
				}
			})
		}
		wg.Wait()
		q, _ := New(c, groups, 500, 2, "")
		var other Events
		if err := q.Draw(7, &other); err != nil || slices.Equal(other.Time, want.Time) {
			t.Errorf("another seed gives the same events (%v)", err)
		}
	}
}

func TestReplay(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, text, err string
		sample          uint64
		want            []float32
	}{
		{"common", "time_ms,synapse\n1,0\n2.5,99\n2.5,3\n", "", 4, []float32{1, 2.5, 2.5}},
		{"by sample", "sample,synapse,time_ms,note\n0,1,5,a\n1,1,2,b\n", "", 1, []float32{2}},
		{"no such sample", "sample,synapse,time_ms\n0,1,5\n", "", 9, nil},
		{"byte order mark and comments", "\ufefftime_ms,synapse\r\n# x\r\n\r\n3,1\r\n", "", 0, []float32{3}},
		{"empty", "", "empty file", 0, nil},
		{"header", "1,2\n", "the header", 0, nil},
		{"order", "time_ms,synapse\n5,1\n4,1\n", "replay.csv:3: time 4 ms comes after 5 ms", 0, nil},
		{"outside", "time_ms,synapse\n100,1\n", "replay.csv:2: time 100 ms lies outside the sample", 0, nil},
		{"negative", "time_ms,synapse\n-1,1\n", "outside", 0, nil},
		{"nan", "time_ms,synapse\nnan,1\n", "outside", 0, nil},
		{"synapse", "time_ms,synapse\n1,100\n", "from 0 to 99", 0, nil},
		{"words", "time_ms,synapse\nx,1\n", "want a number", 0, nil},
		{"short line", "time_ms,synapse\n1\n", "want a number", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "replay.csv"), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := New(Config{Protocol: "replay", File: "replay.csv"}, groups, 100, 0, dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var e Events
			if err := p.Draw(c.sample, &e); err != nil || !slices.Equal(e.Time, c.want) {
				t.Errorf("times %v, want %v (%v)", e.Time, c.want, err)
			}
			if len(e.Time) > p.Capacity(1) {
				t.Errorf("%d events exceed the capacity %d", len(e.Time), p.Capacity(1))
			}
		})
	}
}

func FuzzReplay(f *testing.F) {
	f.Add("time_ms,synapse\n1,0\n")
	f.Add("sample,time_ms,synapse\n1,0,3\n2,5.5,1\n")
	f.Add("time_ms,synapse,segment\n1,exc,3\n2.5,e,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readReplay(strings.NewReader(text), "f", []Group{{Name: "exc", Count: 10}}, 100)
		if err != nil {
			return
		}
		for _, list := range r.samples {
			for i, v := range list {
				if v.s < 0 || v.s >= 10 || !(v.t >= 0 && v.t < 100) || i > 0 && v.t < list[i-1].t {
					t.Fatalf("event %d is %+v", i, v)
				}
			}
		}
	})
}

func TestConfigErrorsNameTheKey(t *testing.T) {
	for key, spoil := range map[string]func(*Config){
		"stimulus.protocol":                      func(c *Config) { c.Protocol = "poison" },
		"stimulus.rates_hz":                      func(c *Config) { c.Rates = map[string]float64{"exc": 1} },
		"stimulus.trees[0].excitatory:":          func(c *Config) { c.Trees[0].Excitatory = "ecx" },
		"stimulus.trees[0].excitatory_per_100ms": func(c *Config) { c.Trees[0].PerTree = []float64{5, 1} },
		"stimulus.trees[0].inhibitory_offset":    func(c *Config) { c.Trees[0].Offset = nil },
		"stimulus.interval_ms":                   func(c *Config) { c.Interval = []float64{3}; c.IntervalJitter = 3 },
		"stimulus.smoothing_ms":                  func(c *Config) { c.Smoothing = []float64{math.NaN()} },
		"stimulus.spread":                        func(c *Config) { c.Spread = []float64{-1, 1} },
		"stimulus.current:":                      func(c *Config) { c.Current = &CurrentStep{Start: 5, Stop: 5, Amplitude: []float64{1}} },
		"stimulus.current.amplitude":             func(c *Config) { c.Current = &CurrentStep{Stop: 5} },
	} {
		c := integrateAndFire()
		spoil(&c)
		if _, err := New(c, groups, 100, 0, ""); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("error %q, want one about %s", err, key)
		}
	}
	if _, err := New(integrateAndFire(), groups, MaxDuration+1, 0, ""); err == nil {
		t.Error("a sample longer than MaxDuration is accepted")
	}
}

// 2,000 sets of 5 samples stay within the bound; it is far from reached.
func TestCapacity(t *testing.T) {
	p := protocol(t, integrateAndFire(), 600)
	var e Events
	var worst int
	for set := range uint64(400) {
		n := 0
		for i := range uint64(5) {
			if err := p.Draw(set*5+i, &e); err != nil {
				t.Fatal(err)
			}
			n += len(e.Time)
		}
		worst = max(worst, n)
	}
	if c := p.Capacity(5); worst > c || c > 6*worst {
		t.Errorf("most events in 5 samples %d, capacity %d", worst, c)
	}
}

func TestCurrent(t *testing.T) {
	p := protocol(t, Config{Protocol: "none", Current: &CurrentStep{Start: 10, Stop: 90, Amplitude: []float64{2, 4}}}, 100)
	low, high := math.Inf(1), math.Inf(-1)
	for i := range uint64(200) {
		a, from, to := p.Current(i)
		if from != 10 || to != 90 {
			t.Fatalf("from %g to %g", from, to)
		}
		low, high = min(low, a), max(high, a)
	}
	if low < 2 || high > 4 || low > 2.1 || high < 3.9 {
		t.Errorf("amplitudes from %g to %g, want 2 to 4", low, high)
	}
}

func BenchmarkModulated(b *testing.B) {
	p := protocol(b, integrateAndFire(), 6000)
	var e Events
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := p.Draw(uint64(i), &e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*6/b.Elapsed().Seconds(), "neuron-s/s")
}
