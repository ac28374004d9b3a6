package ops

import (
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorgonia.org/tensor"
)

// TestAdamW compares with torch.optim.AdamW: testdata/adamw.py says how the table was made. Both round to float32 at
// every step: 40 steps of up to 0.05 leave some ulp of weights of up to 3.
func TestAdamW(t *testing.T) { testAdamW(t, bench{}) }

func testAdamW(t *testing.T, on bench) {
	b, err := os.ReadFile("testdata/adamw.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	vector := func(v ...float32) *tensor.Dense { return tensor.New(tensor.WithShape(len(v)), tensor.WithBacking(v)) }
	params := on.place(t, []*tensor.Dense{vector(0.5, -1.25, 2, -0.0625), vector(0.75, -3)})
	s := newSolver(t, "adamw", SolverOptions{WeightDecay: 0.3, Decays: []bool{true, false}, ClipNorm: 1.5, Device: on.device})
	if len(rows) != 41 {
		t.Fatalf("%d rows", len(rows))
	}
	for step, row := range rows[1:] {
		want := make([]float64, len(row))
		for i := range row {
			if want[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		n := float64(step + 1)
		var g []float32
		for i := range 6 {
			g = append(g, float32(0.2*(1+math.Mod(n, 7))*math.Sin(1.7*float64(i)+0.9*n)))
		}
		if err := s.Step(params, on.place(t, []*tensor.Dense{vector(g[:4]...), vector(g[4:]...)}), want[1]); err != nil {
			t.Fatal(err)
		}
		if err := s.ReadBack(); err != nil {
			t.Fatal(err)
		}
		on.back(t, params)
		if got := s.GradientNorm(); math.Abs(got-want[2]) > 1e-6*want[2] {
			t.Errorf("step %v: gradient norm %v, PyTorch %v", n, got, want[2])
		}
		for i, x := range slices.Concat(floats(params[0]), floats(params[1])) {
			if math.Abs(float64(x)-want[3+i]) > 2e-6 {
				t.Fatalf("step %v: weight %d is %v, PyTorch %v", n, i, x, want[3+i])
			}
		}
	}
}

// A step after sums is the step of the batches' mean gradient, whatever the solver did before and on any threads.
func TestSolverAccumulates(t *testing.T) { testSolverAccumulates(t, bench{}) }

func testSolverAccumulates(t *testing.T, on bench) {
	for _, kind := range []string{"adam", "adamw", "nadam"} {
		for _, clip := range []float64{0, 3} {
			sums := on.place(t, tensors(1))
			mean, threaded := on.place(t, tensors(1)), on.place(t, tensors(1))
			a := newSolver(t, kind, SolverOptions{ClipNorm: clip, Team: crew(t, 1), Device: on.device})
			b := newSolver(t, kind, SolverOptions{ClipNorm: clip, Team: crew(t, 1), Device: on.device})
			c := newSolver(t, kind, SolverOptions{ClipNorm: clip, Team: crew(t, 3), Device: on.device})
			for step := range 6 {
				batches := 1 + (step+2)%4 // 3, 4, 1, 2, ...
				whole := tensors(0)
				for _, g := range whole {
					clear(floats(g))
				}
				for k := range batches {
					g := on.place(t, tensors(uint64(10*step+k+2)))
					for i := range g {
						for j, x := range floats(tensors(uint64(10*step + k + 2))[i]) {
							floats(whole[i])[j] += x / float32(batches)
						}
					}
					for s, w := range map[*Solver][]*tensor.Dense{a: sums, c: threaded} {
						var err error
						if k < batches-1 {
							err = s.Accumulate(w, g)
						} else {
							err = s.Step(w, g, 0.01)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := b.Step(mean, on.place(t, whole), 0.01); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range []*Solver{a, b} {
				if err := s.ReadBack(); err != nil {
					t.Fatal(err)
				}
			}
			if x, y := a.GradientNorm(), b.GradientNorm(); math.Abs(x-y) > 1e-5*y {
				t.Errorf("%s: gradient norm %v, of the mean %v", kind, x, y)
			}
			if a.Steps() != 6 {
				t.Errorf("%d steps, want 6", a.Steps())
			}
			on.back(t, sums)
			on.back(t, mean)
			on.back(t, threaded)
			for i := range sums {
				if !slices.Equal(floats(sums[i]), floats(threaded[i])) {
					t.Errorf("%s: threads change parameter %d", kind, i)
				}
				for j, w := range floats(mean[i]) { // 6 steps of 0.01 whose gradients are rounded apart in their last bits
					if x := floats(sums[i])[j]; math.Abs(float64(x-w)) > 5e-5 {
						t.Fatalf("%s clip %v: weight %d of %d is %v, from the mean %v", kind, clip, j, i, x, w)
					}
				}
			}
		}
	}
}

// Sums allocate once.
func TestSolverSumsAllocateNothing(t *testing.T) {
	s := newSolver(t, "adamw", SolverOptions{Team: crew(t, 2), ClipNorm: 1})
	p, g := tensors(1), tensors(2)
	if n := allocations(func() {
		for _, f := range []func() error{func() error { return s.Accumulate(p, g) }, func() error { return s.Step(p, g, 0.01) }} {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 0 {
		t.Errorf("two batches allocate %v times", n)
	}
}
