package cuda

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A lane's bytes depend on the program and its own events alone: not on its place, the length of a block (1, 2 or 4
// vectors, chosen by the number of lanes and threads) or the number of threads.
func TestTreePlacement(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	for _, isa := range CPUISAs() {
		for k := range 6 {
			precision, solver := Precision(k%2), Solver(k/2)
			p := randomTree(r, 9, false)
			p.Precision, p.Solver = precision, solver
			b := randomBatch(r, p, 70, 240)
			runTreeTest(t, p, b, isa, 1)
			whole := b.Trace
			spikes := len(b.SpikeTime)
			runTreeTest(t, p, b, isa, 3)
			for i := range whole {
				if !slices.Equal(whole[i], b.Trace[i]) || len(b.SpikeTime) != spikes {
					t.Fatalf("%s, precision %d, %v: three threads record something else", isa, precision, solver)
				}
			}
			for _, k := range []struct{ first, lanes int }{{3, 1}, {17, 40}, {69, 1}} {
				part := &Batch{Lanes: k.lanes, Steps: b.Steps, Every: b.Every, Record: b.Record, Events: Events{Offset: []int64{0}}}
				from, to := b.Events.Offset[k.first], b.Events.Offset[k.first+k.lanes]
				for l := range k.lanes {
					part.Events.Offset = append(part.Events.Offset, b.Events.Offset[k.first+l+1]-from)
				}
				part.Events.Step, part.Events.Receptor, part.Events.Weight = b.Events.Step[from:to], b.Events.Receptor[from:to], b.Events.Weight[from:to]
				for _, c := range b.Current {
					c.Amp = c.Amp[k.first : k.first+k.lanes]
					part.Current = append(part.Current, c)
				}
				runTreeTest(t, p, part, isa, 1)
				records := b.Steps / b.Every
				for i := range whole {
					if !slices.Equal(part.Trace[i], whole[i][k.first*records:(k.first+k.lanes)*records]) {
						t.Fatalf("%s, precision %d, %v: lanes %d to %d alone record something else", isa, precision, solver, k.first, k.first+k.lanes)
					}
				}
			}
		}
	}
}

// renumber gives the nodes of a cell another order, parents first; order[i] is the old node at place i.
func renumber(p *Program, order []int32) *Program {
	q, t := *p, *p.Tree
	q.Tree = &t
	place := make([]int32, len(order))
	for i, o := range order {
		place[o] = int32(i)
	}
	t.Parent, t.Axial, t.Capacity, t.Area, t.Instances, t.Sites, t.Receptors = nil, nil, nil, nil, nil, nil, nil
	moved := map[int32]int32{}
	for _, o := range order {
		parent := p.Tree.Parent[o]
		if parent >= 0 {
			parent = place[parent]
		}
		t.Parent, t.Axial = append(t.Parent, parent), append(t.Axial, p.Tree.Axial[o])
		t.Capacity, t.Area = append(t.Capacity, p.Tree.Capacity[o]), append(t.Area, p.Tree.Area[o])
		for i, in := range p.Tree.Instances {
			if in.Node == o {
				moved[int32(i)] = int32(len(t.Instances))
				in.Node = place[o]
				t.Instances = append(t.Instances, in)
			}
		}
	}
	for _, s := range p.Tree.Sites {
		s.Node = place[s.Node]
		t.Sites = append(t.Sites, s)
	}
	for _, r := range p.Tree.Receptors {
		var drives Drives
		for _, d := range r {
			drives = append(drives, Drive{moved[d.Instance], d.Scale})
		}
		t.Receptors = append(t.Receptors, drives)
	}
	return &q
}

// The order of the nodes changes nothing but the rounding.
func TestTreeRenumbered(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 5))
		p := randomTree(r, 14, false)
		p.Precision = Float64
		b := randomBatch(r, p, 4, 240)
		// draw the next node from those whose parent is placed
		order := []int32{0}
		for len(order) < len(p.Tree.Parent) {
			var open []int32
			for i, parent := range p.Tree.Parent {
				if i > 0 && slices.Contains(order, parent) && !slices.Contains(order, int32(i)) {
					open = append(open, int32(i))
				}
			}
			order = append(order, open[r.IntN(len(open))])
		}
		q := renumber(p, order)
		c := *b
		c.Current = nil
		for _, x := range b.Current {
			x.Node = int32(slices.Index(order, x.Node))
			c.Current = append(c.Current, x)
		}
		runTreeTest(t, p, b, "", 1)
		runTreeTest(t, q, &c, "", 1)
		for i := range b.Trace {
			for k := range b.Trace[i] {
				if d := math.Abs(float64(b.Trace[i][k] - c.Trace[i][k])); !(d <= 1e-5) { // a unit in float32
					t.Fatalf("seed %d: node %d, record %d: %v mV in one order, %v in another", seed, i, k, b.Trace[i][k], c.Trace[i][k])
				}
			}
		}
	}
}

// A passive tree under constant currents settles where Kirchhoff says, and on the way its capacitors take up exactly the
// charge that comes in and does not leak out. In float32 the rest is that of the equations to a few units of rounding:
// nothing of it depends on how fine the tree is divided, because the unknown of a step is the change of v.
func TestTreePassive(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 6))
		n := 5 + r.IntN(40)
		p := randomTree(r, n, true)
		for precision := range Float64 + 1 {
			p.Precision, p.Dt = precision, 0.5
			b := &Batch{Lanes: 1, Steps: 4000, Every: 1, Current: []Current{{To: 4000, Node: int32(n - 1), Amp: []float32{0.02}}}}
			for i := range n {
				b.Record = append(b.Record, i)
			}
			runTreeTest(t, p, b, "", 1)
			d := newDenseTree(p)
			d.p = &Program{Dt: 1e9, Tree: p.Tree} // one step to the steady state
			d.step(map[int32]float64{int32(n - 1): float64(float32(0.02))})
			// 24 bits of mantissa at some 70 mV are 8e-6 mV
			tolerance := map[Precision]float64{Float32: 1e-4, Float64: 1e-5}[precision]
			for i := range n {
				if got := float64(b.Trace[i][3999]); math.Abs(got-d.v[i]) > tolerance {
					t.Errorf("seed %d, precision %d: node %d settles at %.7g mV, Kirchhoff says %.7g", seed, precision, i, got, d.v[i])
				}
			}
			// implicit Euler: C (v1 - v0) summed is dt times the currents at the new voltages
			const k = 4
			stored, passed := 0.0, p.Dt*k*float64(float32(0.02))
			for i := range n {
				stored += p.Tree.Capacity[i] * float64(b.Trace[i][k]-b.Trace[i][0])
			}
			for _, in := range p.Tree.Instances {
				for s := 1; s <= k; s++ {
					passed -= p.Dt * in.Params[0] * (float64(b.Trace[in.Node][s]) - in.Params[1])
				}
			}
			if math.Abs(stored-passed) > 3e-6*math.Abs(p.Dt*k*0.02) {
				t.Errorf("seed %d, precision %d: %v pC on the membrane, %v came in", seed, precision, stored, passed)
			}
		}
	}
}

// float32, whose gates come from tables where the build has them, stays near float64: 0.02 mV below threshold.
func TestTreeFloat32(t *testing.T) {
	for _, isa := range CPUISAs() {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 8))
			p := randomTree(r, 12, false)
			for i := range p.Tree.Instances { // no spikes, whose upstroke turns microseconds into millivolts
				if in := &p.Tree.Instances[i]; strings.HasPrefix(in.Mechanism, "na") || in.Mechanism == "hh" || in.Mechanism == "dcaap" {
					in.Params = slices.Clone(in.Params)
					in.Params[0] = 0
				}
			}
			p.Solver = Solver(seed % 3)
			b := randomBatch(r, p, 20, 800)
			b.Current = nil
			for i := range b.Events.Weight {
				b.Events.Weight[i] *= 0.1
			}
			p.Precision = Float64
			runTreeTest(t, p, b, isa, 1)
			wide := b.Trace
			p.Precision = Float32
			runTreeTest(t, p, b, isa, 1)
			worst := 0.0
			for i := range wide {
				for k := range wide[i] {
					worst = math.Max(worst, math.Abs(float64(wide[i][k]-b.Trace[i][k])))
				}
			}
			if !(worst < 0.02) {
				t.Errorf("%s, seed %d: float32 is off by %.3g mV", isa, seed, worst)
			}
		}
	}
}

// What is recorded of a mechanism is its state at the time of the record.
func TestTreeRecordsStates(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	p := randomTree(r, 8, false)
	p.Precision = Float64
	type of struct{ instance, state int }
	var want []of
	for i, in := range p.Tree.Instances {
		names := map[string][]string{"ca_pool": {"ca"}, "exp2": {"g"}, "nmda": {"g"}, "nats2": {"m", "h"}, "ih": {"m"}, "sk_e2": {"z"}}[in.Mechanism]
		for k, name := range names {
			p.Tree.Sites, p.States = append(p.Tree.Sites, Site{Node: in.Node, Instance: int32(i), State: name}), append(p.States, name)
			want = append(want, of{i, k})
		}
	}
	b := randomBatch(r, p, 1, 160)
	runTreeTest(t, p, b, "", 1)
	d := newDenseTree(p)
	e := 0
	for s := range b.Steps {
		for ; e < len(b.Events.Step) && int(b.Events.Step[e]) <= s; e++ {
			d.event(int(b.Events.Receptor[e]), float64(b.Events.Weight[e]))
		}
		if s%b.Every == 0 {
			for i, w := range want {
				x := d.state[w.instance][w.state]
				if d.norm[w.instance] != 0 {
					x = d.open(w.instance, 0)
				}
				got := float64(b.Trace[len(p.Tree.Parent)+i][s/b.Every])
				if !(math.Abs(got-x) <= 1e-6*math.Max(math.Abs(x), 1e-4)) {
					t.Fatalf("%s of instance %d (%s) is %v at step %d, want %v", p.States[len(p.Tree.Parent)+i], w.instance, p.Tree.Instances[w.instance].Mechanism, got, s, x)
				}
			}
		}
		current := map[int32]float64{}
		for _, c := range b.Current {
			if s >= int(c.From) && s < int(c.To) {
				current[c.Node] += float64(c.Amp[0])
			}
		}
		d.step(current)
	}
}

// Bad tables are told apart at the door.
func TestTreeErrors(t *testing.T) {
	d, err := NewCPU(CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for want, spoil := range map[string]func(p *Program, b *Batch){
		"parent of node 3 is 3":                  func(p *Program, b *Batch) { p.Tree.Parent[3] = 3 },
		"parent of node 0 is 0":                  func(p *Program, b *Batch) { p.Tree.Parent[0] = 0 },
		"0 nodes":                                func(p *Program, b *Batch) { p.Tree.Parent = nil },
		"axial conductance of node 2 is NaN":     func(p *Program, b *Batch) { p.Tree.Axial[2] = math.NaN() },
		"axial conductance of node 2 is 0":       func(p *Program, b *Batch) { p.Tree.Axial[2] = 0 },
		"node 1 has -1 nF":                       func(p *Program, b *Batch) { p.Tree.Capacity[1] = -1 },
		"3 capacities":                           func(p *Program, b *Batch) { p.Tree.Capacity = p.Tree.Capacity[:3] },
		`no mechanism "kdr"`:                     func(p *Program, b *Batch) { p.Tree.Instances[0].Mechanism = "kdr" },
		"pas takes 2 parameters, got 1":          func(p *Program, b *Batch) { p.Tree.Instances[0].Params = []float64{1} },
		"e of pas is +Inf":                       func(p *Program, b *Batch) { p.Tree.Instances[0].Params = []float64{1, math.Inf(1)} },
		"order of nodes":                         func(p *Program, b *Batch) { p.Tree.Instances[1].Node = 0 },
		"is on node 99":                          func(p *Program, b *Batch) { p.Tree.Instances[len(p.Tree.Instances)-1].Node = 99 },
		"decay of exp2 is 0":                     func(p *Program, b *Batch) { p.Tree.Instances[1].Params = []float64{0, 0, 0} },
		"drives instance 99":                     func(p *Program, b *Batch) { p.Tree.Receptors[0] = Drives{{99, 1}} },
		"drives instance 0, pas: want a synapse": func(p *Program, b *Batch) { p.Tree.Receptors[0] = Drives{{0, 1}} },
		"exp2 has no state \"m\"":                func(p *Program, b *Batch) { p.Tree.Sites[0] = Site{Instance: 1, State: "m"} },
		"1 names of states":                      func(p *Program, b *Batch) { p.States = p.States[:1] },
		"dt 0 ms":                                func(p *Program, b *Batch) { p.Dt = 0 },
		"initial voltage NaN":                    func(p *Program, b *Batch) { p.Tree.Voltage = math.NaN() },
		"neither kernel":                         func(p *Program, b *Batch) { p.Kernel = "hh" },
		"receptor 2 of 2":                        func(p *Program, b *Batch) { b.Events = Events{[]int64{0, 1}, []int32{0}, []uint16{2}, []float32{1}} },
		"goes into node 77 of 4":                 func(p *Program, b *Batch) { b.Current = []Current{{Node: 77, Amp: []float32{1}}} },
		"current 0 of lane 0 is NaN":             func(p *Program, b *Batch) { b.Current = []Current{{Amp: []float32{float32(math.NaN())}}} },
		"lane 0: the voltage is no number": func(p *Program, b *Batch) {
			b.Events = Events{[]int64{0, 1}, []int32{0}, []uint16{0}, []float32{float32(math.NaN())}}
		},
		"node 1 holds pas twice: add their": func(p *Program, b *Batch) {
			p.Tree.Instances[2] = Instance{"pas", 1, []float64{1, 1}}
			p.Tree.Receptors = nil
		},
	} {
		p := &Program{Dt: 0.025, States: []string{"v", "w"}, Tree: &Tree{Voltage: -70, Parent: []int32{-1, 0, 1, 1}, Axial: []float64{0, 1, 1, 1},
			Capacity: []float64{1, 1, 0, 1}, Area: []float64{1, 1, 0, 1}, Sites: []Site{{Instance: -1}, {Node: 1, Instance: -1}},
			Instances: []Instance{{"pas", 1, []float64{1e-3, -70}}, {"exp2", 1, []float64{0, 2, 0}}, {"exp2", 2, []float64{0.1, 2, 0}}},
			Receptors: []Drives{{{1, 1}}, {{2, 1}}}}}
		b := &Batch{Lanes: 1, Steps: 10, Every: 1}
		spoil(p, b)
		if err := d.Run(t.Context(), p, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := rand.New(rand.NewPCG(1, 1))
	p := randomTree(r, 4, true)
	if err := d.Run(ctx, p, &Batch{Lanes: 1, Steps: 10, Every: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run under a cancelled context returns %v", err)
	}
}

// Whatever numbers a tree is made of, the answer is a result or an error.
func FuzzTree(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(3*seed), -1.5)
	}
	d, err := NewCPU(CPUOptions{Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { d.Close() })
	f.Fuzz(func(t *testing.T, seed uint64, where uint8, odd float64) {
		r := rand.New(rand.NewPCG(seed, 12))
		p := randomTree(r, 1+r.IntN(9), false)
		b := randomBatch(r, p, 1+r.IntN(3), 24)
		x := p.Tree
		node := r.IntN(len(x.Parent))
		switch where % 9 {
		case 0:
			x.Parent[node] = int32(int64(odd))
		case 1:
			x.Axial[node] = odd
		case 2:
			x.Capacity[node] = odd
		case 3:
			p.Dt = odd
		case 4:
			x.Voltage = odd
		case 5, 6:
			if len(x.Instances) > 0 {
				in := &x.Instances[r.IntN(len(x.Instances))]
				in.Params = slices.Clone(in.Params)
				in.Params[r.IntN(len(in.Params))] = odd
			}
		case 7:
			if len(b.Events.Weight) > 0 {
				b.Events.Weight[r.IntN(len(b.Events.Weight))] = float32(odd)
			}
		case 8:
			p.Threshold = odd
			x.Peak = true
		}
		if err := d.Run(t.Context(), p, b); err == nil {
			for _, trace := range b.Trace {
				for _, v := range trace {
					if v-v != 0 {
						t.Fatalf("no error, and a voltage of %v", v)
					}
				}
			}
		}
	})
}
