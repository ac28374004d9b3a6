package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/kernels/nets"
	"neq/internal/philox"
)

// elmCase is a neuron on a few windows: events, branches (or, vanilla, synapses), memory.
type elmCase struct {
	name                string
	batch, time, inputs int
	branches, slots     int // a branch; 0: a trace for every synapse
	hidden, memory      int
	o                   ELMOptions
	learned             bool
	keepNothing         bool
	density             float64
	random              bool // routing, else neighbouring synapses
}

var elmCases = []elmCase{
	{name: "published", batch: 3, time: 45, inputs: 40, branches: 6, slots: 12, hidden: 10, memory: 5, o: ELMOptions{Activation: "relu", Version: 1, Taus: taus(5)}, density: 0.1},
	{name: "wide", batch: 3, time: 34, inputs: 40, branches: 19, slots: 5, hidden: 70, memory: 33, o: ELMOptions{Activation: "silu", Version: 2, Taus: taus(33), Lambda: 3}, density: 0.1, random: true},
	{name: "learned", batch: 17, time: 33, inputs: 20, branches: 5, slots: 7, hidden: 21, memory: 16, o: ELMOptions{Activation: "tanh", Version: 1, TauMin: 1, TauMax: 150}, learned: true, density: 0.1},
	{name: "learned, recomputed", batch: 2, time: 65, inputs: 20, branches: 5, slots: 7, hidden: 8, memory: 4, o: ELMOptions{Activation: "gelu", Version: 2, TauMin: 2, TauMax: 80, Step: 0.5}, learned: true, keepNothing: true, density: 0.1},
	{name: "few branches", batch: 1, time: 40, inputs: 9, branches: 2, slots: 6, hidden: 3, memory: 1, o: ELMOptions{Activation: "relu", Version: 2, Taus: taus(1)}, density: 0.2},
	{name: "many hidden units", batch: 2, time: 6, inputs: 12, branches: 3, slots: 4, hidden: 300, memory: 13, o: ELMOptions{Activation: "silu", Version: 1, Taus: taus(13)}, density: 0.2},
	{name: "vanilla", batch: 4, time: 40, inputs: 15, hidden: 12, memory: 6, o: ELMOptions{Activation: "silu", Version: 1, TauMin: 1, TauMax: 150, Drive: true}, learned: true, density: 0.1},
	{name: "vanilla, recomputed", batch: 3, time: 33, inputs: 15, hidden: 17, memory: 6, o: ELMOptions{Activation: "relu", Version: 2, Taus: taus(6), Drive: true}, keepNothing: true, density: 0.1},
}

func taus(n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = 1 + 40*float64(i)/float64(n)
	}
	return t
}

const elmKeep = 0.8 // of a trace

// elmRun is a case's weights, events, and the graph of the weighted sum of its memory, whose gradients are asked for.
type elmRun struct {
	c       elmCase
	r       *Routing
	e       *Events
	names   []string
	weights map[string][]float32
	cost    []float32 // [batch][time][memory]
	memory  *tensor.Dense
	grads   map[string]*tensor.Dense
	graph   *G.ExprGraph
	machine G.VM
	batch   *DeviceBatch // on a device
}

func (c elmCase) routing() *Routing {
	r := &Routing{Branches: c.branches}
	rng := philox.New(3, 0, 0)
	for j := range c.branches {
		for k := range c.slots {
			s := int32(j*c.inputs/c.branches + k)
			if c.random {
				s = int32(rng.Intn(c.inputs))
			}
			sign := float32(1)
			if s%2 == 1 {
				sign = -1
			}
			if int(s) >= c.inputs {
				s = -1
			}
			r.Synapse, r.Branch, r.Sign = append(r.Synapse, s), append(r.Branch, int32(j)), append(r.Sign, sign)
		}
	}
	return r
}

func (c elmCase) events(t testing.TB, b *Builder) *Events {
	e, err := b.NewEvents(c.batch, c.time, c.inputs, 1, 1, max(c.branches, c.hidden))
	if err != nil {
		t.Fatal(err)
	}
	rng := philox.New(5, 0, 0)
	for w := range c.batch {
		for s := range c.inputs {
			for at := range c.time {
				if rng.Float64() < c.density {
					e.Bin, e.Synapse = append(e.Bin, int32(at)), append(e.Synapse, int32(s))
				}
			}
		}
		e.Start[w+1] = len(e.Bin)
	}
	return e
}

func newELMRun(t testing.TB, c elmCase, b *Builder) *elmRun {
	t.Helper()
	x := &elmRun{c: c, r: c.routing(), e: c.events(t, b), weights: map[string][]float32{}, grads: map[string]*tensor.Dense{}}
	g := G.NewGraph()
	rng := philox.New(11, 0, 0)
	nodes := map[string]*G.Node{}
	add := func(name string, scale, shift float64, shape ...int) {
		w := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
		v := w.Data().([]float32)
		for i := range v {
			v[i] = float32(scale*rng.Normal() + shift)
		}
		n := G.NodeFromAny(g, w, G.WithName(name))
		if b.device != nil {
			if err := b.device.Adopt(w); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.device.Release(w) })
			n = G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name+"@device"), G.WithValue(b.device.Resident(w)))
		}
		nodes[name] = n
		x.names, x.weights[name] = append(x.names, name), v
	}
	in := c.branches
	if in == 0 {
		add("w", 1/math.Sqrt(float64(c.inputs)), 0, c.inputs, 1, c.hidden)
	} else {
		add("w", 0.4, 0.5, len(x.r.Synapse))
	}
	add("w1", 1/math.Sqrt(float64(in+c.memory)), 0, in+c.memory, c.hidden)
	add("b1", 0.3, 0, c.hidden)
	add("w2", 1/math.Sqrt(float64(c.hidden)), 0, c.hidden, c.memory)
	add("b2", 0.3, 0, c.memory)
	w := ELMWeights{W1: nodes["w1"], B1: nodes["b1"], W2: nodes["w2"], B2: nodes["b2"]}
	if c.learned {
		add("tau", 1, 0, c.memory)
		w.Tau = nodes["tau"]
	}
	var drive *G.Node
	var err error
	if in == 0 {
		if drive, err = b.EventConv(x.e, nodes["w"], nil); err == nil {
			drive, err = b.Leak(drive, elmKeep)
		}
	} else {
		drive, err = b.EventBranches(x.e, x.r, nodes["w"], elmKeep)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.keepNothing {
		b.keptBytes = 0
	}
	m, err := b.ELM(drive, w, c.o)
	if err != nil {
		t.Fatal(err)
	}
	x.memory = Output(m)
	x.cost = make([]float32, x.memory.Shape().TotalSize())
	for i := range x.cost {
		x.cost[i] = float32(rng.Normal())
	}
	y, err := b.weigh(m, x.cost)
	if err != nil {
		t.Fatal(err)
	}
	var of G.Nodes
	for _, name := range x.names {
		of = append(of, nodes[name])
	}
	grads, err := G.Grad(y, of...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range x.names {
		x.grads[name] = Output(grads[i])
	}
	if b.device != nil {
		s, err := NewScores(c.batch, c.time, 0, 1)
		if err == nil {
			x.batch, err = b.NewDeviceBatch(x.e, s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	x.graph, x.machine = g, G.NewTapeMachine(g)
	t.Cleanup(func() { x.machine.Close() })
	return x
}

// weigh is a scalar node whose gradient in x is cost.
func (b *Builder) weigh(x *G.Node, cost []float32) (*G.Node, error) {
	diff := func(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		shape := x.Shape()
		held, err := fixed(b, cost)
		if err != nil {
			return nil, err
		}
		copied := func(_ []operand, out *driver.Buffer[float32]) error { // of one tap: a copy
			n := uint32(out.Len())
			return b.device.each("unfold", out.Len(), held, out, n, uint32(shape[1]), uint32(shape[2]), uint32(1), uint32(1))
		}
		d, err := b.apply("cost", shape.Clone(), given(cost), copied, nil, nil, grad)
		return G.Nodes{d}, err
	}
	return b.apply("weighed", nil, dot(cost), sharedGPU, []bool{true}, diff, x)
}

type given []float32

func (g given) run(_ [][]float32, out []float32) { copy(out, g) }

type dot []float32

func (d dot) run(in [][]float32, out []float32) {
	var s float64
	for i, x := range in[0] {
		s += float64(x) * float64(d[i])
	}
	out[0] = float32(s)
}

// exact is the case's memory and weighted sum in float64, as the paper writes it: a dense input, step by step.
func (x *elmRun) exact(w map[string][]float64) (memory []float64, sum float64) {
	c := x.c
	act := map[string]func(float64) float64{
		"relu": func(v float64) float64 { return math.Max(v, 0) },
		"silu": func(v float64) float64 { return v / (1 + math.Exp(-v)) },
		"gelu": func(v float64) float64 { return v * 0.5 * math.Erfc(-v/math.Sqrt2) },
		"tanh": math.Tanh,
	}[c.o.Activation]
	lambda, step := c.o.Lambda, c.o.Step
	if lambda == 0 {
		lambda = 5
	}
	if step == 0 {
		step = 1
	}
	keep, gain := make([]float64, c.memory), make([]float64, c.memory)
	for i := range keep {
		var tau float64
		if c.learned {
			tau = c.o.TauMin + (c.o.TauMax-c.o.TauMin)/(1+math.Exp(-w["tau"][i]))
		} else {
			tau = c.o.Taus[i]
		}
		keep[i] = math.Exp(-step / tau)
		if c.o.Version == 1 {
			gain[i] = lambda * (1 - keep[i])
		} else {
			gain[i] = 1 - math.Pow(keep[i], lambda)
		}
	}
	for b := range c.batch {
		dense := make([][]float64, c.time)
		for t := range dense {
			dense[t] = make([]float64, c.inputs)
		}
		for i := x.e.Start[b]; i < x.e.Start[b+1]; i++ {
			dense[x.e.Bin[i]][x.e.Synapse[i]]++
		}
		m, trace := make([]float64, c.memory), make([]float64, max(c.branches, c.inputs))
		for t := range c.time {
			for j := range trace {
				trace[j] *= float64(float32(elmKeep))
			}
			z := slices.Clone(w["b1"])
			if c.branches > 0 {
				for k, s := range x.r.Synapse {
					if s >= 0 {
						trace[x.r.Branch[k]] += float64(x.r.Sign[k]) * math.Max(w["w"][k], 0) * dense[t][s]
					}
				}
				for j := range c.branches {
					for h := range z {
						z[h] += trace[j] * w["w1"][j*c.hidden+h]
					}
				}
			} else {
				for s := range c.inputs {
					trace[s] += dense[t][s]
					for h := range z {
						z[h] += trace[s] * w["w"][s*c.hidden+h]
					}
				}
			}
			for j := range m {
				for h := range z {
					z[h] += keep[j] * m[j] * w["w1"][(c.branches+j)*c.hidden+h]
				}
			}
			for j := range m {
				s := w["b2"][j]
				for h := range z {
					s += act(z[h]) * w["w2"][h*c.memory+j]
				}
				m[j] = keep[j]*m[j] + gain[j]*1.7159*math.Tanh(2.0/3*s)
			}
			memory = append(memory, m...)
		}
	}
	for i, m := range memory {
		sum += m * float64(x.cost[i])
	}
	return memory, sum
}

func double(v []float32) []float64 {
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = float64(x)
	}
	return d
}

// within allows float32 rounding on the scale of the largest: 6e-8 times the few hundred additions behind a number, times
// what a recurrence makes of them.
func within(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	scale := 1e-3
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i := range got {
		if !(math.Abs(float64(got[i])-want[i]) <= tolerance*scale) {
			t.Fatalf("%s[%d] = %v, want %v (largest %v)", what, i, got[i], want[i], scale)
		}
	}
}

func (x *elmRun) run(t testing.TB) {
	t.Helper()
	if err := x.e.Prepare(); err != nil {
		t.Fatal(err)
	}
	run := func() error {
		defer x.machine.Reset()
		return x.machine.RunAll()
	}
	var err error
	if x.batch != nil {
		err = x.batch.Run(false, false, x.memory, run)
	} else {
		err = run()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestELM(t *testing.T) {
	var on []string
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		if _, err := nets.New(isa); err != nil {
			t.Logf("not tested: %v", err)
			continue
		}
		on = append(on, isa)
	}
	for _, c := range elmCases {
		var want map[string][]float64
		for _, isa := range on {
			t.Run(c.name+"/"+isa, func(t *testing.T) {
				b, err := NewBuilder(2, true, isa)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(b.Close)
				want = testELM(t, c, b, want)
			})
		}
	}
}

// gradientStride picks the elements of a weight whose gradient is compared.
func gradientStride(n int) int { return max(1, n/15) | 1 }

// testELM compares memory with the float64 definition, and gradients with its central differences, which it returns:
// their step of 1e-5 leaves a truncation error near 1e-9, and crosses no corner of ReLU but with that chance.
func testELM(t *testing.T, c elmCase, b *Builder, want map[string][]float64) map[string][]float64 {
	x := newELMRun(t, c, b)
	x.run(t)
	if want == nil {
		want = x.differences()
	}
	read := func(d *tensor.Dense) []float32 {
		if b.device == nil {
			return d.Data().([]float32)
		}
		v, err := b.device.Read(d)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	within(t, "memory", read(x.memory), want["memory"], 2e-6)
	for _, name := range x.names {
		all := read(x.grads[name])
		var got []float32
		for i := 0; i < len(all); i += gradientStride(len(all)) {
			got = append(got, all[i])
		}
		within(t, name, got, want[name], 2e-5)
	}
	return want
}

// differences are the case's memory and gradients in float64.
func (x *elmRun) differences() map[string][]float64 {
	w := map[string][]float64{}
	for name, v := range x.weights {
		w[name] = double(v)
	}
	want := map[string][]float64{}
	want["memory"], _ = x.exact(w)
	for _, name := range x.names {
		v := w[name]
		for i := 0; i < len(v); i += gradientStride(len(v)) {
			const h = 1e-5
			at := v[i]
			v[i] = at + h
			_, up := x.exact(w)
			v[i] = at - h
			_, down := x.exact(w)
			v[i] = at
			want[name] = append(want[name], (up-down)/(2*h))
		}
	}
	return want
}

// The same bits on any number of threads, and whether hidden units are kept or computed anew; nothing is allocated.
func TestELMBits(t *testing.T) {
	for _, c := range elmCases {
		t.Run(c.name, func(t *testing.T) {
			var want [][]float32
			for _, threads := range []int{1, 2, 3, 8} {
				b, err := NewBuilder(threads, true, "")
				if err != nil {
					t.Fatal(err)
				}
				c := c
				c.keepNothing = threads == 3
				x := newELMRun(t, c, b)
				for range 2 {
					x.run(t)
				}
				got := [][]float32{slices.Clone(x.memory.Data().([]float32))}
				for _, name := range x.names {
					got = append(got, slices.Clone(x.grads[name].Data().([]float32)))
				}
				if want == nil {
					want = got
				}
				for i := range got {
					if !slices.Equal(got[i], want[i]) {
						t.Fatalf("%d threads: result %d differs from that of one", threads, i)
					}
				}
				b.Close()
			}
		})
	}
}

func TestELMRefused(t *testing.T) {
	b := builder(t)
	g := G.NewGraph()
	node := func(shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(fmt.Sprint(shape)))
	}
	good := func() (*G.Node, ELMWeights, ELMOptions) {
		return node(2, 9, 4), ELMWeights{W1: node(7, 6), B1: node(6), W2: node(6, 3), B2: node(3)}, ELMOptions{Activation: "relu", Version: 1, Taus: []float64{1, 2, 3}}
	}
	if x, w, o := good(); true {
		if _, err := b.ELM(x, w, o); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		spoil      func(x **G.Node, w *ELMWeights, o *ELMOptions)
	}{
		{"activation", "want relu, gelu", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Activation = "step" }},
		{"version", "version 3", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Version = 3 }},
		{"inputs", "want W1 [in+memory][hidden]", func(x **G.Node, _ *ELMWeights, _ *ELMOptions) { *x = node(2, 9, 5) }},
		{"drive", "want W1 [in+memory][hidden]", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Drive = true }},
		{"bias", "B2 (6)", func(_ **G.Node, w *ELMWeights, _ *ELMOptions) { w.B2 = w.B1 }},
		{"few taus", "2 fixed time constants", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Taus = o.Taus[:2] }},
		{"no tau", "time constant 0", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Taus = []float64{0, 1, 1} }},
		{"both", "want either", func(_ **G.Node, w *ELMWeights, o *ELMOptions) { w.Tau = w.B2 }},
		{"range", "want 0 < least", func(_ **G.Node, w *ELMWeights, o *ELMOptions) { w.Tau, o.Taus, o.TauMin = w.B2, nil, -1 }},
		{"lambda", "lambda -1", func(_ **G.Node, _ *ELMWeights, o *ELMOptions) { o.Lambda = -1 }},
	} {
		x, w, o := good()
		c.spoil(&x, &w, &o)
		if _, err := b.ELM(x, w, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	e, err := b.NewEvents(1, 5, 4, 1, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		r          Routing
	}{
		{"synapse", "slot 0 leads synapse 4", Routing{2, []int32{4}, []int32{0}, []float32{1}}},
		{"branch", "branch 2", Routing{2, []int32{0}, []int32{2}, []float32{1}}},
		{"sign", "sign 0.5", Routing{2, []int32{0}, []int32{1}, []float32{0.5}}},
		{"lengths", "2 branches and 1 signs", Routing{2, []int32{0}, []int32{1, 1}, []float32{1}}},
		{"none", "routing over 0 branches", Routing{0, []int32{0}, []int32{0}, []float32{1}}},
	} {
		if _, err := b.EventBranches(e, &c.r, node(1), 0.8); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	ok := Routing{2, []int32{0, -1}, []int32{1, 1}, []float32{1, -1}}
	if _, err := b.EventBranches(e, &ok, node(3), 0.8); err == nil || !strings.Contains(err.Error(), "2 slots") {
		t.Errorf("weights of another length: %v", err)
	}
	if _, err := b.EventBranches(e, &ok, node(2), 1.5); err == nil || !strings.Contains(err.Error(), "keeps 1.5") {
		t.Errorf("a trace that grows: %v", err)
	}
}
