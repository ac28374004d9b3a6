package cuda

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"neq/cuda/kernels/cells"
	"neq/cuda/kernels/trees"
)

// denseTree is the step of a cell written down as it is defined: one matrix of all nodes, solved by Gauss, for one lane.
// It shares the equations of single mechanisms with the kernels, in double, and nothing else.
type denseTree struct {
	p     *Program
	known map[string]trees.Mechanism
	rows  [][]float64
	v     []float64
	state [][]float64   // of each instance; of a synapse its two exponentials
	past  [][]float64   // of each instance before its gates last advanced
	tau   [][2]float64  // of a synapse
	norm  []float64     // of a synapse
	pool  map[int32]int // instance of a node's pool
}

func newDenseTree(p *Program) *denseTree {
	d := &denseTree{p: p, known: trees.Mechanisms(), pool: map[int32]int{}}
	t := p.Tree
	d.v = make([]float64, len(t.Parent))
	for i := range d.v {
		d.v[i] = t.Voltage
	}
	d.tau, d.norm = make([][2]float64, len(t.Instances)), make([]float64, len(t.Instances))
	for i, in := range t.Instances {
		d.rows = append(d.rows, d.known[in.Mechanism].Prepare(in.Params, p.Dt, p.Solver != Euler))
		if in.Mechanism == "ca_pool" {
			d.pool[in.Node] = i
		}
	}
	for i, in := range t.Instances {
		m := d.known[in.Mechanism]
		d.state = append(d.state, m.Steady(t.Voltage, d.calcium(in.Node), d.rows[i]))
		if m.Class == trees.Synapse || m.Class == trees.Blocked {
			rise, decay := in.Params[0], in.Params[1]
			d.tau[i], d.norm[i] = [2]float64{decay, rise}, Peak(rise, decay)
		}
	}
	return d
}

// calcium is the concentration at a node (mM): that of its pool, or 5e-5.
func (d *denseTree) calcium(node int32) float64 {
	i, ok := d.pool[node]
	switch {
	case !ok:
		return 5e-5
	case i < len(d.state):
		return d.state[i][0]
	}
	return d.p.Tree.Instances[i].Params[4]
}

// open is the conductance of synapse i, h ms from now.
func (d *denseTree) open(i int, h float64) float64 {
	s := d.state[i]
	g := s[0] * math.Exp(-h/d.tau[i][0])
	if d.tau[i][1] > 0 {
		g -= s[1] * math.Exp(-h/d.tau[i][1])
	}
	return g
}

// event opens the synapses of a receptor.
func (d *denseTree) event(receptor int, w float64) {
	for _, x := range d.p.Tree.Receptors[receptor] {
		d.state[x.Instance][0] += w * x.Scale * d.norm[x.Instance]
		d.state[x.Instance][1] += w * x.Scale * d.norm[x.Instance]
	}
}

// step takes one step under currents (nA) into the nodes.
func (d *denseTree) step(current map[int32]float64) {
	t, n := d.p.Tree, len(d.v)
	h, ahead := d.p.Dt, 0.0 // of the solve, and of the synapses
	switch d.p.Solver {
	case Staggered:
		h, ahead = h/2, h/2
	case TwoStage:
		h, ahead = h*(1-1/math.Sqrt2), h/2
	}
	a, r := make([][]float64, n), make([]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
		a[i][i] += t.Capacity[i] / h
		r[i] += current[int32(i)]
		if p := t.Parent[i]; p >= 0 {
			x := t.Axial[i]
			a[i][i] += x
			a[p][p] += x
			a[i][p] -= x
			a[p][i] -= x
			r[i] += x * (d.v[p] - d.v[i])
			r[p] -= x * (d.v[p] - d.v[i])
		}
	}
	ica := make([]float64, n)
	for i, in := range t.Instances {
		m, state, eca := d.known[in.Mechanism], d.state[i], 0.0
		switch m.Class {
		case trees.Pool:
			continue
		case trees.Synapse, trees.Blocked:
			state = []float64{d.open(i, ahead), 0}
		case trees.Calcium:
			inside, outside, celsius := d.calcium(in.Node), 2.0, 6.3
			if k, ok := d.pool[in.Node]; ok {
				outside, celsius = t.Instances[k].Params[5], t.Instances[k].Params[6]
			}
			eca = 1e3 * 8.314462618 * (celsius + 273.15) / (2 * 96485.33212) * math.Log(outside/inside)
		}
		g, ge, ca := m.Currents(state, d.v[in.Node], eca, d.rows[i])
		a[in.Node][in.Node] += g
		r[in.Node] += ge - g*d.v[in.Node]
		if m.Class == trees.Calcium && d.p.Solver != Euler && d.past != nil { // gates are half a step ahead of v
			_, _, before := m.Currents(d.past[i], d.v[in.Node], eca, d.rows[i])
			ca = (before + ca) / 2
		}
		ica[in.Node] += ca
	}
	first := gauss(a, r)
	switch d.p.Solver {
	case TwoStage:
		for i := range r {
			r[i] = t.Capacity[i] / h * first[i]
		}
		for i, w := range gauss(a, r) {
			d.v[i] += first[i] + (1+math.Sqrt2)*w
		}
	default:
		for i := range d.v {
			d.v[i] += first[i] * d.p.Dt / h
		}
	}
	for i, in := range t.Instances { // pools first: what they feed gates the rest
		if in.Mechanism == "ca_pool" {
			q := in.Params
			target := q[3] - 1e6*q[0]*ica[in.Node]/(2*96485.33212*q[2]*q[7])*q[1]
			d.state[i][0] = target + (d.state[i][0]-target)*math.Exp(-d.p.Dt/q[1])
		}
	}
	d.past = make([][]float64, len(t.Instances))
	for i, in := range t.Instances {
		d.past[i] = append([]float64(nil), d.state[i]...)
		switch m := d.known[in.Mechanism]; m.Class {
		case trees.Synapse, trees.Blocked:
			d.state[i][0] *= math.Exp(-d.p.Dt / d.tau[i][0])
			if d.tau[i][1] > 0 {
				d.state[i][1] *= math.Exp(-d.p.Dt / d.tau[i][1])
			}
		case trees.Pool, trees.Passive:
		default:
			m.Advance(d.state[i], d.v[in.Node], d.calcium(in.Node), d.rows[i], d.p.Dt)
		}
	}
}

// gauss solves a x = r, with pivots: nodes without membrane are fine.
func gauss(a [][]float64, r []float64) []float64 {
	n := len(r)
	x, m := slices.Clone(r), make([][]float64, n)
	for i := range a {
		m[i] = slices.Clone(a[i])
	}
	for i := range x {
		best := i
		for k := i; k < n; k++ {
			if math.Abs(m[k][i]) > math.Abs(m[best][i]) {
				best = k
			}
		}
		m[i], m[best], x[i], x[best] = m[best], m[i], x[best], x[i]
		for k := i + 1; k < n; k++ {
			f := m[k][i] / m[i][i]
			for j := i; j < n; j++ {
				m[k][j] -= f * m[i][j]
			}
			x[k] -= f * x[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for j := i + 1; j < n; j++ {
			x[i] -= m[i][j] * x[j]
		}
		x[i] /= m[i][i]
	}
	return x
}

// randomTree draws a cell of n nodes, some without membrane, some with any mechanism, in any order of branches.
func randomTree(r *rand.Rand, n int, passive bool) *Program {
	t := &Tree{Voltage: -70 + 10*r.Float64()}
	p := &Program{Dt: 0.025, Threshold: -20, Tree: t}
	for i := range n {
		parent := -1
		if i > 0 {
			parent = r.IntN(i)
			if r.IntN(2) == 0 {
				parent = i - 1
			}
		}
		area := 20 + 300*r.Float64()
		c := 1e-5 * area
		if i > 0 && r.IntN(4) == 0 {
			area, c = 0, 0
		}
		t.Parent, t.Axial = append(t.Parent, int32(parent)), append(t.Axial, 0.01+0.2*r.Float64())
		t.Capacity, t.Area = append(t.Capacity, c), append(t.Area, area)
		t.Sites, p.States = append(t.Sites, Site{Node: int32(i), Instance: -1}), append(p.States, "v")
		if area == 0 {
			continue
		}
		add := func(name string, params ...float64) int32 {
			t.Instances = append(t.Instances, Instance{name, int32(i), params})
			return int32(len(t.Instances) - 1)
		}
		g := func(density float64) float64 { return density * area * 1e-2 * r.Float64() }
		add("pas", g(2e-4)+1e-6*area, -75)
		if passive {
			continue
		}
		if r.IntN(2) == 0 {
			add("ca_pool", 0.0005, 30+200*r.Float64(), 0.1, 1e-4, 5e-5, 2, 6.3+20*r.Float64(), area)
		}
		for _, c := range []struct {
			name    string
			density float64
			e       float64
		}{{"nats2", 0.02, 50}, {"nata", 0.02, 50}, {"nap", 0.005, 50}, {"k_tst", 0.02, -85}, {"k_pst", 0.02, -85}, {"skv3_1", 0.02, -85},
			{"sk_e2", 0.01, -85}, {"im", 0.001, -85}, {"ih", 0.0002, -45}} {
			if r.IntN(2) == 0 {
				add(c.name, g(c.density), c.e)
			}
		}
		if r.IntN(3) == 0 {
			add("hh", g(0.1), g(0.03), g(3e-4), 50, -77, -54.3, 6.3+10*r.Float64())
		}
		for _, name := range []string{"ca_hva", "ca_lva"} {
			if r.IntN(2) == 0 {
				add(name, g(0.002))
			}
		}
		if r.IntN(3) == 0 {
			add("dcaap", 0.05, -60, -75, 0.3, 0.4, 0.4, 1, 2, 2)
		}
		ampa, nmda := add("exp2", 0.3, 3, 0), add("nmda", 2, 70, 0, 1, 0.08, 3.57)
		gaba, single := add("exp2", 0.2+r.Float64(), 8, -80), add("exp2", 0, 5, -97)
		t.Receptors = append(t.Receptors, Drives{{ampa, 1}, {nmda, 0.8}}, Drives{{gaba, 1}}, Drives{{single, 0.5}})
	}
	return p
}

// randomBatch draws events and currents for some lanes.
func randomBatch(r *rand.Rand, p *Program, lanes, steps int) *Batch {
	b := &Batch{Lanes: lanes, Steps: steps, Every: 8, Events: Events{Offset: []int64{0}}}
	for i := range p.States {
		b.Record = append(b.Record, i)
	}
	for range lanes {
		s := int32(0)
		for len(p.Tree.Receptors) > 0 {
			if s += int32(r.IntN(8)); int(s) >= steps {
				break
			}
			b.Events.Step = append(b.Events.Step, s)
			b.Events.Receptor = append(b.Events.Receptor, uint16(r.IntN(len(p.Tree.Receptors))))
			b.Events.Weight = append(b.Events.Weight, 1e-3*r.Float32())
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
	}
	for range 3 {
		from := r.IntN(steps)
		c := Current{From: int32(from), To: int32(from + r.IntN(steps)), Node: int32(r.IntN(len(p.Tree.Parent)))}
		for range lanes {
			c.Amp = append(c.Amp, 0.1*r.Float32())
		}
		b.Current = append(b.Current, c)
	}
	return b
}

// denseTrace integrates one lane of a batch; v of every node at every record.
func denseTrace(p *Program, b *Batch, lane int) [][]float64 {
	d := newDenseTree(p)
	out := make([][]float64, len(p.Tree.Parent))
	e := b.Events.Offset[lane]
	for s := range b.Steps {
		if s%b.Every == 0 {
			for i := range out {
				out[i] = append(out[i], d.v[i])
			}
		}
		for ; e < b.Events.Offset[lane+1] && int(b.Events.Step[e]) <= s; e++ {
			d.event(int(b.Events.Receptor[e]), float64(b.Events.Weight[e]))
		}
		current := map[int32]float64{}
		for _, c := range b.Current {
			if s >= int(c.From) && s < int(c.To) {
				current[c.Node] += float64(c.Amp[lane])
			}
		}
		d.step(current)
	}
	return out
}

// Every build in float64 takes the very steps of the dense matrix, on random trees with every mechanism; records are
// float32, so what is compared is that.
func TestTreeMatchesDense(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		p := randomTree(r, 3+r.IntN(14), false)
		p.Precision, p.Solver = Float64, Solver(seed%3)
		b := randomBatch(r, p, 3, 240)
		for _, isa := range CPUISAs() {
			got := *b
			runTreeTest(t, p, &got, isa, 1)
			for lane := range b.Lanes {
				compareTraces(t, p, &got, lane, denseTrace(p, b, lane), 1e-5, isa)
			}
		}
	}
}

// The last voltages themselves, in float64: to 1e-9 mV, what rounding grows to in so many steps.
func TestTreeMatchesDenseToRounding(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 14))
		p := randomTree(r, 10, false)
		p.Precision, p.Solver = Float64, Solver(seed%3)
		b := randomBatch(r, p, 1, 200)
		b.Current, b.Every = nil, 1
		cell, err := p.cell(b)
		if err != nil {
			t.Fatal(err)
		}
		d := newDenseTree(p)
		e := 0
		for s := range b.Steps {
			for ; e < len(b.Events.Step) && int(b.Events.Step[e]) <= s; e++ {
				d.event(int(b.Events.Receptor[e]), float64(b.Events.Weight[e]))
			}
			d.step(nil)
		}
		for _, isa := range cells.ISAs() {
			prog, err := trees.NewProgram(cell, isa)
			if err != nil {
				t.Fatal(err)
			}
			blk, err := trees.NewBlock(prog, 1, b.Steps)
			if err != nil {
				t.Fatal(err)
			}
			blk.Reset(b.Events.Offset)
			if _, _, err := blk.Run(0, b.Steps, b.Events.Offset, treeEvents(b), []trees.Current{{Node: -1}}); err != nil {
				t.Fatal(err)
			}
			for i, want := range d.v {
				if got := blk.Voltage(i, 0); !(math.Abs(got-want) <= 1e-9) {
					t.Errorf("%s, solver %d, seed %d: node %d is %.12g mV, the dense matrix says %.12g", isa, p.Solver, seed, i, got, want)
				}
			}
			blk.Free()
			prog.Free()
		}
	}
}

func runTreeTest(t *testing.T, p *Program, b *Batch, isa string, threads int) {
	t.Helper()
	b.Trace, b.SpikeStart, b.SpikeTime = nil, nil, nil
	d, err := NewCPU(CPUOptions{Threads: threads, ISA: isa})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Run(t.Context(), p, b); err != nil {
		t.Fatal(err)
	}
}

func compareTraces(t *testing.T, p *Program, b *Batch, lane int, want [][]float64, tolerance float64, isa string) {
	t.Helper()
	records := b.Steps / b.Every
	for i := range want {
		for k := range records {
			got := float64(b.Trace[i][lane*records+k])
			if !(math.Abs(got-want[i][k]) <= tolerance) {
				t.Errorf("%s, solver %d: node %d of lane %d is %.9g mV at record %d, the dense matrix says %.9g", isa, p.Solver, i, lane, got, k, want[i][k])
				return
			}
		}
	}
}
