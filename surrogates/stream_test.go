package surrogates

import (
	"math"
	"strings"
	"testing"
)

// TestStream: one ms at a time gives what whole sequences give. Sums of tens of terms in another order differ by some
// 1e-6 of their size.
func TestStream(t *testing.T) {
	const rows, time, inputs = 3, 60, 23
	for _, spec := range every {
		t.Run(spec.Title(), func(t *testing.T) {
			n, err := New(spec, testInputs(inputs), 1, 5)
			if err != nil {
				t.Fatal(err)
			}
			perturb(n)
			g, err := n.Graph(GraphOptions{Batch: rows, Time: time, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			e := g.Events()
			drawEvents(e, 0.1, 9)
			if _, err := g.Run(nil, LossWeights{}); err != nil {
				t.Fatal(err)
			}
			s, err := n.Stream(rows)
			if err != nil {
				t.Fatal(err)
			}
			for pass := range 2 { // the second after a Reset, with the state put aside and back in the middle
				for ms := range time {
					if pass == 1 && ms == time/2 {
						var kept [][]float32
						for _, x := range s.State() {
							kept = append(kept, append([]float32(nil), x.Value...))
						}
						if s, err = n.Stream(rows); err != nil {
							t.Fatal(err)
						}
						for i, x := range s.State() {
							copy(x.Value, kept[i])
						}
					}
					in := &Spikes{Start: []int{0}}
					for r := range rows {
						for i := e.Start[r]; i < e.Start[r+1]; i++ {
							if int(e.Bin[i]) == ms {
								in.Synapse = append(in.Synapse, e.Synapse[i])
							}
						}
						in.Start = append(in.Start, len(in.Synapse))
					}
					y, err := s.Step(in)
					if err != nil {
						t.Fatal(err)
					}
					for r := range rows {
						for h, want := range []float32{g.Logit()[r*time+ms], g.Voltage()[r*time+ms]} {
							if d := math.Abs(float64(y[r*n.heads()+h] - want)); !(d <= 2e-5*(1+math.Abs(float64(want)))) {
								t.Fatalf("pass %d, row %d, ms %d, head %d: %v, want %v", pass, r, ms, h, y[r*n.heads()+h], want)
							}
						}
					}
				}
				s.Reset()
			}
		})
	}
}

// testInputs are synapses on an invented cell, every third inhibitory.
func testInputs(n int) Inputs {
	in := PlainInputs(n)
	for i := range in {
		in[i] = Synapse{Group: i % 3 / 2, Inhibitory: i%3 == 2, Segment: i / 2, Section: i / 6, Region: i * 2 / n, Distance: 10 * float64(i), Diameter: 2 - float64(i)/float64(n)}
	}
	return in
}

// perturb moves every tensor from its initial value, those of statistics too.
func perturb(n *Network) {
	d := &declaration{n: n, seed: 77}
	for _, w := range n.weights {
		if !w.Trainable && !statistic(w) {
			continue
		}
		r := d.random(w)
		for i, v := range data(w.Value) {
			data(w.Value)[i] = v + float32(0.2*r.Float64())
		}
	}
}

// statistic says whether a fixed tensor is a running statistic, and not a table of indices.
func statistic(w *Weight) bool {
	return strings.HasSuffix(w.Name, "norm.mean") || strings.HasSuffix(w.Name, "norm.variance")
}
