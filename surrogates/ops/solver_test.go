package ops

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
	"neq/internal/team"
)

// tensors draws some tensors, one longer than a piece, one not a multiple of a vector.
func tensors(seed uint64) []*tensor.Dense {
	r := philox.New(seed, 0, 0)
	var ts []*tensor.Dense
	for _, n := range []int{3, 1, pieceSize + 77} {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.Normal())
		}
		ts = append(ts, tensor.New(tensor.WithShape(n), tensor.WithBacking(v)))
	}
	return ts
}

// bench is what a solver runs on: the CPU where the device is nil.
type bench struct{ device *Device }

// place puts tensors where the solver is.
func (b bench) place(t *testing.T, ts []*tensor.Dense) []*tensor.Dense {
	t.Helper()
	if b.device != nil {
		if err := b.device.Adopt(ts...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.device.Release(ts...) })
	}
	return ts
}

// back brings tensors' values back to the host.
func (b bench) back(t *testing.T, ts []*tensor.Dense) {
	t.Helper()
	if b.device != nil {
		if err := b.device.ReadBack(ts...); err != nil {
			t.Fatal(err)
		}
	}
}

// allocations is how many a run of f makes, those apart that Go makes now and then, for a thread it starts.
func allocations(f func()) float64 {
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(2, f))
	}
	return least
}

func crew(t *testing.T, threads int) *team.Team {
	c := team.New(threads)
	t.Cleanup(c.Close)
	return c
}

func newSolver(t *testing.T, kind string, o SolverOptions) *Solver {
	t.Helper()
	s, err := NewSolver(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestSolver compares with the papers' formulas in float64, one weight at a time; float32 moments leave 1e-6 of a step.
func TestSolver(t *testing.T) { testSolver(t, bench{}) }

func testSolver(t *testing.T, on bench) {
	for _, kind := range []string{"adam", "adamw", "nadam"} {
		for _, clip := range []float64{0, 0.5} {
			s := newSolver(t, kind, SolverOptions{ClipNorm: clip, WeightDecay: 0.1, Decays: []bool{true, false, true}, Team: crew(t, 2), Device: on.device})
			params := on.place(t, tensors(1))
			n := 0
			for _, p := range params {
				n += p.Shape().TotalSize()
			}
			w, m, v := make([]float64, 0, n), make([]float64, n), make([]float64, n)
			for _, p := range params {
				for _, x := range floats(p) {
					w = append(w, float64(x))
				}
			}
			product := 1.0
			for step := 1; step <= 12; step++ {
				lr, grads := 0.01*float64(step), on.place(t, tensors(uint64(step)+1))
				if err := s.Step(params, grads, lr); err != nil {
					t.Fatal(err)
				}
				var g []float64
				norm := 0.0
				for _, d := range grads {
					for _, x := range floats(d) {
						g, norm = append(g, float64(x)), norm+float64(x)*float64(x)
					}
				}
				scale := 1.0
				if clip > 0 {
					scale = math.Min(1, clip/math.Sqrt(norm))
					if err := s.ReadBack(); err != nil {
						t.Fatal(err)
					}
					if got := s.GradientNorm(); math.Abs(got-math.Sqrt(norm)) > 1e-5*got {
						t.Errorf("gradient norm %v, want %v", got, math.Sqrt(norm))
					}
				}
				mu := func(t int) float64 { return 0.9 * (1 - 0.5*math.Pow(0.96, float64(t)*0.004)) }
				product *= mu(step)
				first := params[0].Shape().TotalSize()
				for i := range g {
					x := g[i] * scale
					if kind == "adamw" && i != first { // params[1] is one weight
						w[i] -= lr * 0.1 * w[i]
					}
					m[i], v[i] = 0.9*m[i]+0.1*x, 0.999*v[i]+0.001*x*x
					den := math.Sqrt(v[i]/(1-math.Pow(0.999, float64(step)))) + 1e-8
					if kind != "nadam" {
						w[i] -= lr * m[i] / (1 - math.Pow(0.9, float64(step))) / den
					} else {
						w[i] -= lr * ((1-mu(step))*x/(1-product) + mu(step+1)*m[i]/(1-product*mu(step+1))) / den
					}
				}
			}
			on.back(t, params)
			i := 0
			for _, p := range params {
				for _, x := range floats(p) {
					if math.Abs(float64(x)-w[i]) > 5e-6 {
						t.Fatalf("%s clip %v: weight %d is %v, want %v", kind, clip, i, x, w[i])
					}
					i++
				}
			}
		}
	}
}

// A restored solver goes on bit for bit, and threads change nothing.
func TestSolverRestore(t *testing.T) { testSolverRestore(t, bench{}) }

func testSolverRestore(t *testing.T, on bench) {
	for _, kind := range []string{"adam", "adamw", "nadam"} {
		names := []string{"a", "b", "c"}
		whole, first := on.place(t, tensors(1)), on.place(t, tensors(1))
		s := newSolver(t, kind, SolverOptions{Names: names, Team: crew(t, 1), ClipNorm: 3, Device: on.device})
		a := newSolver(t, kind, SolverOptions{Names: names, Team: crew(t, 3), ClipNorm: 3, Device: on.device})
		for i := range 10 {
			if err := s.Step(whole, on.place(t, tensors(uint64(i))), 0.01); err != nil {
				t.Fatal(err)
			}
			if i == 4 {
				b := newSolver(t, kind, SolverOptions{Names: names, Team: crew(t, 2), ClipNorm: 3, Device: on.device})
				if err := a.ReadBack(); err != nil {
					t.Fatal(err)
				}
				state := a.State()
				slices.Reverse(state) // names carry the meaning
				if err := b.Restore(state); err != nil {
					t.Fatal(err)
				}
				a = b
				// The four steps so far are a's; b makes the rest.
			}
			if err := a.Step(first, on.place(t, tensors(uint64(i))), 0.01); err != nil {
				t.Fatal(err)
			}
		}
		on.back(t, whole)
		on.back(t, first)
		for i := range whole {
			if !slices.Equal(floats(whole[i]), floats(first[i])) {
				t.Errorf("%s: parameter %d differs after a restore", kind, i)
			}
		}
		if a.Steps() != 10 {
			t.Errorf("%d steps, want 10", a.Steps())
		}
	}
}

// Steps allocate nothing, and another step's tensors are not mistaken for the last's.
func TestSolverKeepsItsPieces(t *testing.T) {
	s := newSolver(t, "adam", SolverOptions{Team: crew(t, 2), ClipNorm: 1})
	p, g := tensors(1), tensors(2)
	if n := allocations(func() {
		if err := s.Step(p, g, 0.01); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("a step allocates %v times", n)
	}
	other := tensors(1)
	if err := s.Step(other, g, 0.01); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(floats(other[0]), floats(tensors(1)[0])) {
		t.Error("a step with other tensors did not move them")
	}
}

func TestSolverRefuses(t *testing.T) {
	if _, err := NewSolver("sgd", SolverOptions{}); err == nil || !strings.Contains(err.Error(), "want adam, adamw or nadam") {
		t.Errorf("sgd: %v", err)
	}
	if _, err := NewSolver("adam", SolverOptions{Beta1: 1}); err == nil {
		t.Error("beta 1 was accepted")
	}
	s := newSolver(t, "adam", SolverOptions{ClipNorm: 1, Names: []string{"a", "b", "c"}})
	params, grads := tensors(1), tensors(2)
	floats(grads[2])[pieceSize+3] = float32(math.NaN())
	if err := s.Step(params, grads, 0.1); err == nil || !strings.Contains(err.Error(), "gradient of c is not finite at step 1") {
		t.Errorf("NaN gradient: %v", err)
	}
	if !slices.Equal(floats(params[0]), floats(tensors(1)[0])) || s.Steps() != 0 {
		t.Error("a refused step changed something")
	}
	if err := s.Step(params, grads[:2], 0.1); err == nil {
		t.Error("a missing gradient was accepted")
	}
	if err := s.Restore(s.State()[:2]); err == nil {
		t.Error("a state without its step was accepted")
	}
	other := newSolver(t, "adam", SolverOptions{Names: []string{"x", "b", "c"}})
	if err := s.Step(params, tensors(2), 0.1); err != nil {
		t.Fatal(err)
	}
	if err := other.Restore(s.State()); err == nil || !strings.Contains(err.Error(), "another network") {
		t.Errorf("another network's state: %v", err)
	}
}

// The moments of a weight whose gradient stays zero decay to zero, not into denormals, which are slow.
func TestSolverFlushesDenormals(t *testing.T) {
	s := newSolver(t, "adam", SolverOptions{})
	p, g := tensors(1), tensors(1)
	for i := range 1200 {
		if err := s.Step(p, g, 0.01); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			for _, d := range g {
				clear(floats(d))
			}
		}
	}
	for _, m := range floats(s.State()[0].Value) {
		if m != 0 {
			t.Errorf("moment %g after 1200 zero gradients", m)
		}
	}
}

func TestSolverUnderGorgonia(t *testing.T) {
	g := G.NewGraph()
	w := G.NewVector(g, tensor.Float32, G.WithShape(4), G.WithName("w"), G.WithValue(tensor.New(tensor.WithShape(4), tensor.WithBacking([]float32{1, -2, 3, 0.5}))))
	loss := G.Must(G.Sum(G.Must(G.Square(w))))
	if _, err := G.Grad(loss, w); err != nil {
		t.Fatal(err)
	}
	m := G.NewTapeMachine(g, G.BindDualValues(w))
	defer m.Close()
	s := &GorgoniaSolver{newSolver(t, "adam", SolverOptions{}), 0.1}
	for range 100 {
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		if err := s.Step([]G.ValueGrad{w}); err != nil {
			t.Fatal(err)
		}
		grad, _ := w.Grad()
		clear(grad.Data().([]float32)) // gorgonia adds up
		m.Reset()
	}
	if l := float64(loss.Value().Data().(float32)); l > 0.1 {
		t.Errorf("loss %v after 100 steps from 14.25", l)
	}
}
