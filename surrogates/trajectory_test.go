package surrogates

import (
	"encoding/json"
	"os"
	"testing"

	"neq/surrogates/ops"
)

// draw is draw of testdata/trajectory.py.
func draw(salt uint32, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		x := uint32(i)*2654435761 + salt*2246822519 + 374761393
		x ^= x >> 15
		x *= 2246822519
		x ^= x >> 13
		x *= 3266489917
		x ^= x >> 16
		v[i] = float32(x>>8)/(1<<24) - 0.5
	}
	return v
}

// TestTrajectory trains as testdata/trajectory.py does in PyTorch, from the same weights on the same data with the same
// learning rates and loss weights, and compares losses step by step, weights and running statistics at the end. Theirs
// is float64: the tolerances leave room for 20 steps of Adam at float32, whose first steps are signs of gradients, at
// a total path of 0.12 per weight.
func TestTrajectory(t *testing.T) { testTrajectory(t, where{}) }

func testTrajectory(t *testing.T, on where) {
	raw, err := os.ReadFile("testdata/trajectory.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name           string
			Losses         []float64
			Final, Running [][]float64
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	const B, T, S = 4, 50, 12
	tcn := Spec{Family: "tcn", Depth: 3, Width: 9, Kernels: []int{5, 3, 2}, Dilations: []int{1, 2, 1}, Activation: "gelu", BatchNorm: true}
	setups := map[string]struct {
		spec   Spec
		solver string
		clip   float64
		burnIn int
	}{
		"tcn-adam":          {tcn, "adam", 0, 0},
		"tcn-nadam":         {tcn, "nadam", 0, 0},
		"fcn-adam":          {Spec{Family: "fcn", Window: 7, Width: 17}, "adam", 0, 5},
		"fcn-nadam-clipped": {Spec{Family: "fcn", Window: 7, Width: 17, Activation: "silu"}, "nadam", 0.02, 5},
	}
	if len(file.Cases) != len(setups) {
		t.Fatalf("%d cases in testdata/trajectory.json, want %d", len(file.Cases), len(setups))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			s := setups[c.Name]
			n, err := New(s.spec, PlainInputs(S), 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			salt := uint32(100)
			for _, w := range n.weights {
				if !w.Trainable {
					continue
				}
				salt++
				for i, v := range draw(salt, len(data(w.Value))) {
					data(w.Value)[i] = v * 0.5
					if w.Value.Dims() == 1 && len(w.Name) > 5 && w.Name[len(w.Name)-5:] == "gamma" {
						data(w.Value)[i]++
					}
				}
			}
			g, err := n.Graph(GraphOptions{Batch: B, Time: T, BurnIn: s.burnIn, Train: true, Threads: 2, Device: on.device})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			e := g.Events()
			for i, v := range draw(1, B*S*T) {
				if v < -0.4 {
					e.Bin, e.Synapse = append(e.Bin, int32(i%T)), append(e.Synapse, int32(i/T%S))
				}
				e.Start[i/(S*T)+1] = len(e.Bin)
			}
			targets := &Targets{Spike: draw(2, B*T), Voltage: draw(3, B*T)}
			for i, v := range targets.Spike {
				targets.Spike[i] = 0
				if v < -0.4 {
					targets.Spike[i] = 1
				}
				targets.Voltage[i] *= 2
			}
			solver, err := ops.NewSolver(s.solver, ops.SolverOptions{ClipNorm: s.clip, Team: g.Team(), Device: on.device})
			if err != nil {
				t.Fatal(err)
			}
			defer solver.Close()
			var losses []float32
			for i := range c.Losses {
				weights := LossWeights{Spike: 1, Voltage: 0.5}
				if i >= 10 {
					weights.Voltage = 0.05
				}
				l, err := g.Run(targets, weights)
				if err != nil {
					t.Fatal(err)
				}
				losses = append(losses, l.Total)
				if err := solver.Step(trainable(n), g.Gradients(), 0.01/(1+0.1*float64(i))); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.ReadBack(on.device); err != nil {
				t.Fatal(err)
			}
			near(t, "losses", losses, c.Losses, 1e-5)
			at, running := 0, 0
			for _, w := range n.weights {
				if w.Trainable {
					near(t, w.Name, data(w.Value)[:len(c.Final[at])], c.Final[at], 1e-3)
					at++
				} else {
					near(t, w.Name, data(w.Value), c.Running[running], 1e-4)
					running++
				}
			}
			if at != len(c.Final) || running != len(c.Running) {
				t.Errorf("compared %d tensors and %d statistics, want %d and %d", at, running, len(c.Final), len(c.Running))
			}
		})
	}
}
