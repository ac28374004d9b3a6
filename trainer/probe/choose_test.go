package probe

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// counter is a subject whose number of spikes is a function of its events.
type counter struct {
	about  About
	spikes func(events []Event) int
	held   float32 // mV under many events
}

func (c *counter) About() About { return c.about }

func (c *counter) Run(_ context.Context, s Session) ([]Response, error) {
	out := make([]Response, len(s.Trials))
	for l, t := range s.Trials {
		v := float32(-65)
		if len(t.Events) > 150 && c.held != 0 {
			v = c.held
		}
		out[l].V = slices.Repeat([]float32{v}, int(s.Duration/s.Every))
		for range s.Sites {
			out[l].Local = append(out[l].Local, out[l].V)
		}
		for k := range c.spikes(t.Events) {
			out[l].Spikes = append(out[l].Spikes, 350+float64(k))
		}
	}
	return out, nil
}

// dendrite has n synapses, 10 um apart along one path.
func dendrite(n int) About {
	a := About{Name: "stub", Dt: 0.1, Nodes: 1, Groups: []Group{{Name: "inh", Kind: "gaba_a", Count: 0}, {Name: "exc", Kind: "ampa", Count: n, Excitatory: true}}}
	for i := range n {
		a.Synapses = append(a.Synapses, Synapse{Group: 1, Site: string(rune('a' + i)), Region: "dend", Section: "dend[0]", Distance: 10 * float64(i+1), Node: i, Parent: i - 1})
	}
	return a
}

// The probe says yes to what computes XOR and no to what adds up, whatever it does with the sum.
func TestXORVerdict(t *testing.T) {
	sum := func(events []Event) float64 {
		s := 0.0
		for _, e := range events {
			s += e.Scale
		}
		return s
	}
	xor := func(e []Event) int {
		if n := len(e); n > 50 && n < 150 { // 5 synapses get about 100 events
			return 3
		}
		return 0
	}
	for _, c := range []struct {
		name   string
		spikes func([]Event) int
		held   float32
		want   bool
	}{
		{"xor", xor, 0, true},
		{"xor at a low voltage", xor, -60, true},
		{"depolarisation block", xor, -30, false},
		{"and", func(e []Event) int {
			if sum(e) > 150 {
				return 3
			}
			return 0
		}, 0, false},
		{"sum", func(e []Event) int { return int(sum(e) / 10) }, 0, false},
	} {
		r, err := Run(context.Background(), "xor", &counter{dendrite(10), c.spikes, c.held}, Options{Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if *r.Verdict != c.want {
			t.Errorf("%s: %s %v", c.name, r.Headline, r.Sentences)
		}
	}
}

// No output that is larger for both inputs than for either, whatever its spread, passes 0.75.
func TestSeparableBound(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var counts [4][]int
		for range 1 + g.IntN(12) {
			a, b := g.IntN(5), g.IntN(5)
			counts[0] = append(counts[0], 0)
			counts[1], counts[2] = append(counts[1], a), append(counts[2], b)
			counts[3] = append(counts[3], max(a, b)+g.IntN(4))
		}
		if acc, at := separable(counts); acc > 0.75+1e-9 || at < 1 {
			t.Fatalf("%v: %v at %d", counts, acc, at)
		}
	}
	if acc, at := separable([4][]int{{0, 0}, {3, 2}, {2, 5}, {1, 0}}); acc < 1-1e-9 || at != 2 {
		t.Errorf("%v at %d, want all of it at 2", acc, at)
	}
}

func TestInputs(t *testing.T) {
	a := dendrite(12)
	A, B, err := two(a, Options{})
	if err != nil || !slices.Equal(A.Synapses, []int{0, 1, 2, 3, 4, 5}) || !slices.Equal(B.Synapses, []int{6, 7, 8, 9, 10, 11}) {
		t.Errorf("halves by distance: %v %v %v", A, B, err)
	}
	for i := 8; i < 12; i++ {
		a.Synapses[i].Region = "apic"
	}
	if A, B, err = two(a, Options{}); err != nil || A.Name != "dend" || B.Name != "apic" || len(B.Synapses) != 4 {
		t.Errorf("regions: %v %v %v", A, B, err)
	}
	if A, err = a.named("apic"); err != nil || !slices.Equal(A.Synapses, []int{8, 9, 10, 11}) {
		t.Errorf("apic: %v %v", A, err)
	}
	if A, err = a.named("dend[0]"); err != nil || len(A.Synapses) != 12 {
		t.Errorf("dend[0]: %v %v", A, err)
	}
	row, err := chain(a, 4, 65) // the last 65 um: synapses 5 to 11, thinned to 4
	if err != nil || !slices.Equal(row.Synapses, []int{5, 7, 9, 11}) {
		t.Errorf("sequence: %v %v", row, err)
	}
	if row, err = chain(a, 9, 25); err != nil || !slices.Equal(row.Synapses, []int{6, 7, 8, 9, 10, 11}) { // 25 um have three: 50 do
		t.Errorf("a longer reach: %v %v", row, err)
	}
	for i := range a.Synapses {
		a.Synapses[i].Parent = -1
	}
	if row, err = chain(a, 4, 65); err != nil || !slices.Equal(row.Synapses, []int{0, 1, 2, 3}) {
		t.Errorf("no path: %v %v", row, err)
	}
}
