package neuron

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// pattern is what a published set of parameters is said to do under its current.
type pattern struct {
	model, set string
	want       func(s spikes) string // "" or what is wrong
}

// spikes are those of one cell whose current starts at time 0 and, where it ends, ends at off.
type spikes struct {
	t   []float64
	isi []float64
	off float64
}

func (s spikes) steady(from int, tol float64) string {
	if len(s.isi) < from+5 {
		return fmt.Sprintf("%d intervals: too few", len(s.isi))
	}
	late := s.isi[from:]
	if r := slices.Max(late)/slices.Min(late) - 1; r > tol {
		return fmt.Sprintf("intervals from %d on vary by %.1f %%: %.1f", from, 100*r, late)
	}
	return ""
}

// grow wants the steady interval to be some factors of the first.
func (s spikes) grow(low, high float64) string {
	if len(s.isi) < 4 {
		return fmt.Sprintf("%d intervals: too few", len(s.isi))
	}
	if r := s.isi[len(s.isi)-1] / s.isi[0]; r < low || r > high {
		return fmt.Sprintf("last interval is %.2f of the first, want %g..%g", r, low, high)
	}
	return ""
}

// bursts splits spikes at intervals above a gap and returns the number of spikes of each burst.
func (s spikes) bursts(gap float64) []int {
	n := []int{1}
	for _, i := range s.isi {
		if i > gap {
			n = append(n, 0)
		}
		n[len(n)-1]++
	}
	return n
}

// repeated wants bursts of so many spikes again and again, the first and the last (which the end may cut) apart.
func (s spikes) repeated(gap float64, low, high int) string {
	n := s.bursts(gap)
	if len(n) < 5 {
		return fmt.Sprintf("%d bursts %v: too few", len(n), n)
	}
	for _, k := range n[1 : len(n)-1] {
		if k < low || k > high {
			return fmt.Sprintf("bursts of %v spikes, want %d..%d", n, low, high)
		}
	}
	return ""
}

// initial wants one burst, then single spikes at constant intervals.
func (s spikes) initial(gap float64, low, high int) string {
	n := s.bursts(gap)
	if n[0] < low || n[0] > high || len(n) < 4 || slices.Max(n[1:]) > 1 {
		return fmt.Sprintf("bursts of %v spikes, want %d..%d, then 1s", n, low, high)
	}
	return ""
}

func all(x ...string) string {
	for _, s := range x {
		if s != "" {
			return s
		}
	}
	return ""
}

// TestPublishedPatterns checks every published set with a current against the pattern it is published for.
func TestPublishedPatterns(t *testing.T) {
	tonic := func(s spikes) string { return all(s.steady(0, 0.02), s.grow(0.98, 1.02)) }
	for _, p := range []pattern{
		{"lif", "potjans-diesmann-2014", tonic},
		{"izhikevich", "regular-spiking", func(s spikes) string { return all(s.grow(1.5, 4), s.steady(2, 0.02)) }},
		{"izhikevich", "intrinsically-bursting", func(s spikes) string { return s.initial(15, 3, 5) }},
		{"izhikevich", "chattering", func(s spikes) string { return s.repeated(20, 3, 8) }},
		{"izhikevich", "fast-spiking", func(s spikes) string {
			return all(s.steady(3, 0.1), map[bool]string{true: "below 100 spikes/s"}[s.isi[20] > 10])
		}},
		{"izhikevich", "thalamo-cortical", func(s spikes) string { return s.steady(8, 0.1) }},
		{"izhikevich", "resonator", func(s spikes) string { return s.steady(1, 0.05) }},
		{"izhikevich", "low-threshold-spiking", func(s spikes) string { return all(s.grow(3, 6), s.steady(8, 0.05)) }},
		{"hh", "squid", func(s spikes) string { return s.steady(2, 0.02) }},
		{"adex", "regular-spiking", func(s spikes) string { return all(s.grow(2, 3), s.steady(14, 0.02)) }},
		{"adex", "regular-bursting", func(s spikes) string { return s.repeated(20, 2, 3) }},
		{"adex", "fast-spiking", func(s spikes) string { return all(s.grow(1, 1.2), s.steady(20, 0.02)) }},
		{"adex", "tonic", func(s spikes) string { return all(s.grow(1, 1.1), s.steady(5, 0.02)) }},
		{"adex", "adapting", func(s spikes) string { return all(s.grow(3, 10), s.steady(8, 0.02)) }},
		{"adex", "initial-burst", func(s spikes) string { return s.initial(15, 3, 4) }},
		{"adex", "bursting", func(s spikes) string { return s.repeated(20, 2, 3) }},
		{"adex", "delayed-accelerating", func(s spikes) string {
			return all(s.grow(0.3, 0.7), map[bool]string{true: "no delay"}[s.t[0] < 1.5*s.isi[0]])
		}},
		{"adex", "delayed-bursting", func(s spikes) string {
			return all(s.repeated(20, 2, 5), map[bool]string{true: "no delay"}[s.t[0] < 5*s.isi[0]])
		}},
		{"adex", "transient", func(s spikes) string {
			if len(s.t) == 0 || len(s.t) > 4 || s.t[len(s.t)-1] > 100 {
				return fmt.Sprintf("spikes at %.1f, want a few at the start", s.t)
			}
			return ""
		}},
		{"adex", "irregular", func(s spikes) string { // no interval comes back: chaos, not a cycle
			late := s.isi[len(s.isi)/2:]
			mean, sd := 0.0, 0.0
			for _, x := range late {
				mean += x / float64(len(late))
			}
			for _, x := range late {
				sd += (x - mean) * (x - mean) / float64(len(late))
			}
			if cv := math.Sqrt(sd) / mean; cv < 0.2 {
				return fmt.Sprintf("intervals vary by %.2f only", cv)
			}
			return ""
		}},
		{"pospischil-rs", "regular-spiking", func(s spikes) string { return all(s.grow(4, 7), s.steady(4, 0.02)) }},
		{"pospischil-fs", "fast-spiking", tonic},
		{"pospischil-ib", "initial-burst", func(s spikes) string { return s.initial(50, 6, 10) }},
		{"pospischil-ib", "repetitive-bursting", func(s spikes) string {
			if n := s.bursts(50); len(n) < 3 || n[0] < 20 || n[1] < 4 {
				return fmt.Sprintf("bursts of %v spikes, want many, then more bursts", n)
			}
			return ""
		}},
		{"pospischil-lts", "bursting", func(s spikes) string { return s.initial(50, 2, 4) }},
		{"pospischil-lts", "rebound", func(s spikes) string {
			if len(s.t) == 0 || s.t[0] < s.off || s.t[0] > s.off+150 {
				return fmt.Sprintf("spikes at %.1f, want the first after %v, when the current ends", s.t, s.off)
			}
			return ""
		}},
		{"pospischil-lts", "regular-spiking", func(s spikes) string { return all(s.grow(1.5, 4), s.steady(2, 0.1)) }},
	} {
		t.Run(p.model+"/"+p.set, func(t *testing.T) {
			s := stepped(t, p.model, p.set, 1500)
			if wrong := p.want(s); wrong != "" {
				t.Errorf("%s; intervals %.1f", wrong, s.isi[:min(20, len(s.isi))])
			}
		})
	}
}

// stepped runs a set under its published current for some ms from 100 ms on, and 500 ms more.
func stepped(t *testing.T, model, set string, ms float64) spikes {
	t.Helper()
	m, err := Lookup(model)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(m.Sets, func(s Set) bool { return s.Name == set })
	if i < 0 || m.Sets[i].Current == 0 {
		t.Fatalf("%s has no set %q with a current", model, set)
	}
	cell := compile(t, Config{Model: model, Set: set}, Options{})
	s := spikes{off: ms}
	for _, x := range run(t, cell, stepBatch(cell, 100+ms+500, 100, 100+ms, m.Sets[i].Current)) {
		if m.Sets[i].Current > 0 && (x < 100 || x > 100+ms) {
			continue
		}
		s.t = append(s.t, x-100)
	}
	for i := 1; i < len(s.t); i++ {
		s.isi = append(s.isi, s.t[i]-s.t[i-1])
	}
	return s
}

// TestEverySetRuns: every set compiles and runs, and says where it comes from.
func TestEverySetRuns(t *testing.T) {
	for _, m := range Models() {
		for _, s := range m.Sets {
			cell := compile(t, Config{Model: m.Name, Set: s.Name}, Options{})
			run(t, cell, stepBatch(cell, 50, 0, 50, s.Current))
			if s.Source == "" || s.Description == "" {
				t.Errorf("%s/%s has no source or description", m.Name, s.Name)
			}
		}
		for _, p := range m.Parameters {
			if p.Source == "" || p.Doc == "" || p.Default < p.Min || p.Default > p.Max {
				t.Errorf("%s/%s: no source or words, or a default outside its range", m.Name, p.Name)
			}
		}
	}
}
