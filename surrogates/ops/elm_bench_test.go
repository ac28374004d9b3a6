package ops

import (
	"fmt"
	"syscall"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// BenchmarkELMStep is one training step of the published Branch-ELM, Adam included, on windows of 400 ms of 1278 inputs
// at 1.1 %: the counterpart of a torch_train.py elm15 or elm100 --batch 16.
func BenchmarkELMStep(b *testing.B) {
	for _, c := range []struct {
		memory, batch int
		activation    string
	}{{15, 16, "relu"}, {20, 16, "relu"}, {100, 16, "relu"}, {100, 16, "silu"}, {15, 8, "relu"}, {15, 64, "relu"}, {100, 8, "relu"}} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("elm%d/%s/batch=%d/threads=%d", c.memory, c.activation, c.batch, threads), func(b *testing.B) {
				benchmarkELM(b, c.memory, c.batch, threads, c.activation)
			})
		}
	}
}

// cpuSeconds is what the process has used of its cores, which other work on the machine does not count into.
func cpuSeconds(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) * 1e-9
}

func benchmarkELM(b *testing.B, memory, batch, threads int, activation string) {
	const time, inputs, branches, slots = 400, 1278, 45, 100
	bu, err := NewBuilder(threads, true, "")
	if err != nil {
		b.Fatal(err)
	}
	defer bu.Close()
	e, err := bu.NewEvents(batch, time, inputs, 1, 1, branches)
	if err != nil {
		b.Fatal(err)
	}
	rng := philox.New(1, 0, 0)
	for w := range batch {
		for t := range time {
			for s := range inputs {
				if rng.Float64() < 0.011 {
					e.Bin, e.Synapse = append(e.Bin, int32(t)), append(e.Synapse, int32(s))
				}
			}
		}
		e.Start[w+1] = len(e.Bin)
	}
	r := &Routing{Branches: branches} // the published one: neighbours of an order that goes to and fro between the two halves
	for j := range branches {
		for k := range slots {
			i, sign := j*29+k, float32(1)
			s := i%2*(inputs/2) + i/2
			if i >= inputs {
				s = -1
			} else if i%2 == 1 {
				sign = -1
			}
			r.Synapse, r.Branch, r.Sign = append(r.Synapse, int32(s)), append(r.Branch, int32(j)), append(r.Sign, sign)
		}
	}
	g := G.NewGraph()
	var weights []*tensor.Dense
	var nodes G.Nodes
	add := func(name string, scale, shift float64, shape ...int) *G.Node {
		w := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
		for i := range w.Data().([]float32) {
			w.Data().([]float32)[i] = float32(scale*rng.Normal() + shift)
		}
		weights = append(weights, w)
		nodes = append(nodes, G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(w)))
		return nodes[len(nodes)-1]
	}
	hidden := 2 * memory
	x, err := bu.EventBranches(e, r, add("w", 0, 0.5, branches*slots), 0.81873075)
	if err != nil {
		b.Fatal(err)
	}
	w := ELMWeights{W1: add("w1", 0.05, 0, branches+memory, hidden), B1: add("b1", 0.05, 0, hidden), W2: add("w2", 0.05, 0, hidden, memory), B2: add("b2", 0.05, 0, memory)}
	m, err := bu.ELM(x, w, ELMOptions{Activation: activation, Version: 2, Taus: taus(memory)})
	if err != nil {
		b.Fatal(err)
	}
	y, err := bu.Heads(m, add("head", 0.05, 0, 2, memory), add("bias", 0, 0, 2))
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewScores(batch, time, 0, 2)
	if err != nil {
		b.Fatal(err)
	}
	s.Weights[0], s.Weights[1] = 1, 0.02
	for h := range s.Targets {
		s.Targets[h] = make([]float32, batch*time)
		for i := range s.Targets[h] {
			s.Targets[h][i] = float32(rng.Float64())
		}
	}
	loss, err := bu.Loss(y, s)
	if err != nil {
		b.Fatal(err)
	}
	ds, err := G.Grad(loss, nodes...)
	if err != nil {
		b.Fatal(err)
	}
	var grads []*tensor.Dense
	for _, d := range ds {
		grads = append(grads, Output(d))
	}
	adam, err := NewSolver("adam", SolverOptions{Team: bu.Team()})
	if err != nil {
		b.Fatal(err)
	}
	defer adam.Close()
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	step := func() {
		if err := e.Prepare(); err != nil {
			b.Fatal(err)
		}
		if err := machine.RunAll(); err != nil {
			b.Fatal(err)
		}
		machine.Reset()
		if err := adam.Step(weights, grads, 1e-4); err != nil {
			b.Fatal(err)
		}
	}
	step()
	b.ReportAllocs()
	before := cpuSeconds(b)
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(batch*time)/1000*float64(b.N)/(cpuSeconds(b)-before), "bio-s/cpu-s")
	b.ReportMetric(float64(batch*time)/1000*float64(b.N)/b.Elapsed().Seconds(), "bio-s/s")
}
