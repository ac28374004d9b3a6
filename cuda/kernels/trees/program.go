package trees

// #include "trees.h"
import "C"

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"neq/cuda/kernels/cells"
)

// Cell is a cell as NewProgram takes it, checked by its maker: nodes with the parent before the child, instances in the
// order of nodes. Units as in cuda.Tree.
type Cell struct {
	Wide, Staggered bool
	TwoStage        bool // of a staggered step: two L-stable stages in place of Crank-Nicolson's half step
	Dt, Threshold   float64
	Voltage         float64
	PeakEvery       int // samples of a peak are so many steps apart; 0: a spike is an upward crossing
	Parent          []int32
	Axial, Capacity []float64
	Instances       []Instance
	Receptors       [][]Drive
	Record          []Site
	Every           int
	Direct          bool // run every mechanism's own source, where the build would look its rates up
}

// Instance is a mechanism on a node.
type Instance struct {
	Mechanism string
	Node      int32
	Params    []float64
}

// Drive is a synapse that an event opens, to its weight times Scale.
type Drive struct {
	Instance int32
	Scale    float64
}

// Site is a voltage, where Instance is -1, or a state of an instance.
type Site struct{ Node, Instance, State int32 }

// Program is a compiled cell. It holds C memory: Free it.
type Program struct {
	c       *C.trees_program
	wide    C.int
	isa     cells.ISA
	vector  int     // lanes in a vector of the build
	Tabled  int     // instances whose rates are looked up
	Worst   float64 // largest error of a table that is used (of a gate in 0..1)
	Doubles int     // numbers a lane's state takes
}

// Free returns the program's memory.
func (p *Program) Free() {
	C.trees_program_free(p.c)
	p.c = nil
}

// Bytes returns the bytes of state of one lane, which with the lanes of a block should stay within the cache.
func (p *Program) Bytes() int {
	if p.wide != 0 {
		return 8 * p.Doubles
	}
	return 4 * p.Doubles
}

// Vector returns how many lanes a vector of the build has.
func (p *Program) Vector() int { return p.vector }

func vectorLanes(isa cells.ISA, wide bool) int {
	bytes := map[string]int{"avx512": 64, "avx2": 32, "portable": 16}[isa.Name]
	if wide {
		return bytes / 8
	}
	return bytes / 4
}

// Calcium of a node without a pool (mM, C): the concentrations and temperature of the L5 cell.
const fixedInside, fixedOutside, fixedCelsius = 5e-5, 2, 6.3

// maker gathers the tables of a program.
type maker struct {
	cell    *Cell
	known   map[string]Mechanism
	tabled  bool // the build has look-up operations
	ops     []C.trees_op
	first   []int32 // of each node
	rows    []float64
	tables  []float64
	links   []int32
	synapse []C.trees_synapse
	found   map[string]int // tables by what they are of: offset, or -1 where they do not fit
	initial []float64
	slot    []int32 // of each instance
	classOf []int32 // of each instance
	classes [][2]float64
	rowOf   [][]float64 // of each instance
	leak    [][2]float64
	program *Program
}

// NewProgram compiles a cell for a build.
func NewProgram(cell *Cell, isa cells.ISA) (*Program, error) {
	p := &Program{wide: flag(cell.Wide), isa: isa, vector: vectorLanes(isa, cell.Wide)}
	m := &maker{cell: cell, known: Mechanisms(), tabled: isa.Name == "avx512" && !cell.Wide && !cell.Direct,
		found: map[string]int{}, slot: make([]int32, len(cell.Instances)), classOf: make([]int32, len(cell.Instances)),
		rowOf: make([][]float64, len(cell.Instances)), leak: make([][2]float64, len(cell.Parent)), program: p}
	if err := m.operations(); err != nil {
		return nil, err
	}
	period := m.period()
	drives := 0
	for _, r := range cell.Receptors {
		drives += len(r)
	}
	p.Doubles = len(m.initial) + 3*len(cell.Parent)
	sizes := C.trees_program{nodes: C.int(len(cell.Parent)), ops: C.int(len(m.ops)), slots: C.int(len(m.initial)),
		rows: C.int(len(m.rows)), tables: C.int(len(m.tables)), links: C.int(len(m.links)), synapses: C.int(len(m.synapse)), classes: C.int(len(m.classes)), period: C.int(period),
		drives: C.int(drives), receptors: C.int(len(cell.Receptors)), nrecord: C.int(len(cell.Record)),
		every: C.int(cell.Every), peak: flag(cell.PeakEvery > 0), peak_every: C.int(max(1, cell.PeakEvery)),
		staggered: flag(cell.Staggered), stages: 1 + flag(cell.TwoStage), dt: C.double(cell.Dt), threshold: C.double(cell.Threshold), voltage: C.double(cell.Voltage)}
	p.c = C.trees_program_new(&sizes, p.wide)
	if p.c == nil {
		return nil, errMemory
	}
	copy(unsafe.Slice(p.c.op, len(m.ops)), m.ops)
	copy(unsafe.Slice((*int32)(unsafe.Pointer(p.c.link)), len(m.links)), m.links)
	copy(unsafe.Slice(p.c.synapse, len(m.synapse)), m.synapse)
	copy(unsafe.Slice((*float64)(unsafe.Pointer(p.c.initial)), len(m.initial)), m.initial)
	p.reals(p.c.row, m.rows)
	p.reals(p.c.table, m.tables)
	m.nodes()
	m.decays(period)
	m.drives()
	m.sites()
	return p, nil
}

// reals fills an array of the build's reals.
func (p *Program) reals(to unsafe.Pointer, from []float64) {
	if p.wide != 0 {
		copy(unsafe.Slice((*float64)(to), len(from)), from)
		return
	}
	for i, x := range from {
		unsafe.Slice((*float32)(to), len(from))[i] = float32(x)
	}
}

// rank is the order of classes within a node: a pool gives its calcium channels their reversal potential, and takes
// their current.
func rank(c Class) int {
	return map[Class]int{Pool: 0, Calcium: 1, CalciumGated: 3, Ohmic: 4, Dcaap: 5, Synapse: 6, Blocked: 7, Passive: 8}[c]
}

// operations turns instances into operations, node by node.
func (m *maker) operations() error {
	at := 0
	for node := range m.cell.Parent {
		m.first = append(m.first, int32(len(m.ops)))
		from := at
		for at < len(m.cell.Instances) && int(m.cell.Instances[at].Node) == node {
			at++
		}
		order := make([]int, 0, at-from)
		for i := from; i < at; i++ {
			order = append(order, i)
		}
		class := func(i int) Class { return m.known[m.cell.Instances[i].Mechanism].Class }
		form := func(i int) int { return forms[m.cell.Instances[i].Mechanism].op }
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(rank(class(a)), rank(class(b))), cmp.Compare(form(a), form(b)))
		})
		ca, reverses := fixedInside, false
		var pool *C.trees_op // whose end is to come
		for _, i := range order {
			in := &m.cell.Instances[i]
			mech, ok := m.known[in.Mechanism]
			if !ok {
				return fmt.Errorf("trees: instance %d: no mechanism %q", i, in.Mechanism)
			}
			if len(in.Params) != mech.Params {
				return fmt.Errorf("trees: instance %d: %s takes %d parameters, got %d", i, in.Mechanism, mech.Params, len(in.Params))
			}
			row := mech.Prepare(in.Params, m.cell.Dt, m.cell.Staggered)
			m.rowOf[i] = row
			if rank(mech.Class) > rank(Calcium) && pool != nil {
				m.ops = append(m.ops, *pool)
				pool = nil
			}
			switch mech.Class {
			case Passive:
				g, ge, _ := mech.Currents(nil, m.cell.Voltage, 0, row)
				m.leak[node][0] += g
				m.leak[node][1] += ge
				continue
			case Pool:
				ca, reverses = mech.Steady(m.cell.Voltage, 0, row)[0], true
			case Calcium, CalciumGated:
				if !reverses {
					m.reversal()
					reverses = true
				}
			}
			state := mech.Steady(m.cell.Voltage, ca, row)
			if mech.Class == Dcaap { // its gates advance at the start of a step, the first one too
				state[len(state)-1]--
			}
			m.slot[i] = int32(len(m.initial))
			m.initial = append(m.initial, state...)
			m.add(i, in, mech, row)
			if mech.Class == Pool {
				pool = &C.trees_op{op: C.TREES_POOL_END, state: C.int32_t(m.slot[i]), row: m.ops[len(m.ops)-1].row}
			}
		}
		if pool != nil {
			m.ops = append(m.ops, *pool)
		}
		m.fuse(int(m.first[node]))
	}
	m.first = append(m.first, int32(len(m.ops)))
	return nil
}

// push appends an operation with a row of its own.
func (m *maker) push(op, state, table int, row []float64) {
	m.ops = append(m.ops, C.trees_op{op: C.int32_t(op), state: C.int32_t(state), row: C.int32_t(len(m.rows)), table: C.int32_t(table)})
	m.rows = append(m.rows, row...)
}

// add appends the operation of an instance: from tables where the build has them and the rates fit, else its source.
func (m *maker) add(i int, in *Instance, mech Mechanism, row []float64) {
	slot, direct := int(m.slot[i]), int(C.TREES_DIRECT)+mech.Index
	switch mech.Class {
	case Synapse, Blocked:
		c := m.class(in, mech, row)
		m.classOf[i] = int32(c)
		m.synapse = append(m.synapse, C.trees_synapse{state: C.int32_t(slot), class: C.int32_t(c)})
		op := direct
		if mech.Class == Synapse {
			op, row = C.TREES_SYNAPSE, row[:1] // EXP2_E
		} else if t := m.blockTable(in.Mechanism, mech, row); t >= 0 {
			op, row = C.TREES_BLOCKED_T, []float64{float64(t)}
			m.program.Tabled++
		}
		m.push(op, slot, c, row)
		return
	case Ohmic, Calcium:
		if t := m.gateTable(in.Mechanism, mech, row); t >= 0 {
			m.push(forms[in.Mechanism].op, slot, t, row)
			m.program.Tabled++
			return
		}
	}
	m.push(direct, slot, 0, row)
}

// reversal appends the operation that stands in for a pool.
func (m *maker) reversal() {
	pool := m.known["ca_pool"]
	row := pool.Prepare([]float64{0, 1, 1, fixedInside, fixedInside, fixedOutside, fixedCelsius, 1}, m.cell.Dt, false)
	m.push(C.TREES_REVERSAL, 0, 0, []float64{pool.Reversal(fixedInside, row), fixedInside})
}

// nodes fills the nodes, their flags and constants.
func (m *maker) nodes() {
	n := len(m.cell.Parent)
	nodes := unsafe.Slice(m.program.c.node, n+1)
	for i, parent := range m.cell.Parent {
		nodes[i].parent, nodes[i].first = C.int32_t(parent), C.int32_t(m.first[i])
	}
	nodes[n].first = C.int32_t(m.first[n])
	for i := n - 1; i > 0; i-- {
		up := &nodes[m.cell.Parent[i]]
		if int(m.cell.Parent[i]) == i-1 {
			nodes[i].flags |= C.TREES_NEXT
			up.flags |= C.TREES_CARRIED
			continue
		}
		if up.flags&C.TREES_SUMS == 0 {
			nodes[i].flags |= C.TREES_FIRST
		}
		up.flags |= C.TREES_SUMS | C.TREES_SAVE
	}
	h := m.cell.Dt // of a solve
	switch {
	case m.cell.TwoStage:
		h *= 1 - math.Sqrt2/2
	case m.cell.Staggered:
		h /= 2
	}
	constant := make([]float64, 0, C.TREES_CONSTANTS*n)
	for i := range n {
		resistance := 1.0
		if i > 0 {
			resistance = 1 / m.cell.Axial[i]
		}
		constant = append(constant, m.cell.Axial[i], m.cell.Capacity[i]/h, m.leak[i][0], m.leak[i][1], resistance)
	}
	m.program.reals(m.program.c.constant, constant)
}

// drives fills what events act on.
func (m *maker) drives() {
	c := m.program.c
	receptor := unsafe.Slice((*int32)(unsafe.Pointer(c.receptor)), len(m.cell.Receptors)+1)
	drive := unsafe.Slice(c.drive, int(c.drives))
	n := 0
	for r, drives := range m.cell.Receptors {
		receptor[r] = int32(n)
		for _, d := range drives {
			row := m.rowOf[d.Instance]
			a := d.Scale * row[synapseNorm]
			b := a * (1 - row[synapseJump]) // of a single exponential, which jumps, there is no second
			drive[n] = C.trees_drive{state: C.int32_t(m.slot[d.Instance]), class: C.int32_t(m.classOf[d.Instance]), a: C.double(a), b: C.double(b)}
			n++
		}
	}
	receptor[len(m.cell.Receptors)] = int32(n)
}

// sites fills what is recorded.
func (m *maker) sites() {
	site := unsafe.Slice(m.program.c.site, len(m.cell.Record))
	for i, s := range m.cell.Record {
		if s.Instance < 0 {
			site[i] = C.trees_site{kind: C.TREES_V, at: C.int32_t(s.Node)}
			continue
		}
		x := C.trees_site{kind: C.TREES_AFTER, at: C.int32_t(m.slot[s.Instance] + s.State), class: C.int32_t(m.classOf[s.Instance])}
		switch m.known[m.cell.Instances[s.Instance].Mechanism].Class {
		case Pool:
			x.kind = C.TREES_BEFORE
		case Synapse, Blocked:
			x.kind = C.TREES_OPEN
			if s.State == 1 {
				x.kind, x.at = C.TREES_FALLING, x.at-1
			}
		}
		site[i] = x
	}
}

// The entries of a synapse's row (exp2.h) that say how it decays and what an event adds.
const synapseKeep, synapseDecay, synapseNorm, synapseJump = 1, 3, 4, 5

// class returns the number of a synapse's pair of decays: their logarithms over a step.
func (m *maker) class(in *Instance, mech Mechanism, row []float64) int {
	pair := [2]float64{math.Log(row[synapseDecay]), math.Log(row[synapseKeep])}
	if row[synapseJump] == 1 {
		pair[1] = pair[0]
	}
	if i := slices.Index(m.classes, pair); i >= 0 {
		return i
	}
	m.classes = append(m.classes, pair)
	return len(m.classes) - 1
}

// maxPeriod is the most steps between two renewals of the synapses, maxDecay the most that an exponential may fall by in
// between: e^-40, so that what is stored stays far within float32.
const maxPeriod, maxDecay = 512, 40

func (m *maker) period() int {
	fastest := maxDecay / float64(maxPeriod)
	for _, c := range m.classes {
		fastest = max(fastest, -c[0], -c[1])
	}
	return max(1, int(maxDecay/fastest))
}

// decays fills the factors of the synapses for each phase of a period.
func (m *maker) decays(period int) {
	var decay, now, inverse, renew []float64
	half := 0.0
	if m.cell.Staggered {
		half = 0.5
	}
	factor := func(rate, steps float64) float64 {
		if steps == 0 {
			return 1 // of a rate without bound, too
		}
		return math.Exp(rate * steps)
	}
	for s := range period {
		for _, c := range m.classes {
			for _, rate := range c {
				decay = append(decay, factor(rate, float64(s)+half))
				now = append(now, factor(rate, float64(s)))
				inverse = append(inverse, 1/factor(rate, float64(s)))
			}
		}
	}
	for _, c := range m.classes {
		renew = append(renew, factor(c[0], float64(period)), factor(c[1], float64(period)))
	}
	c := m.program.c
	m.program.reals(c.decay, decay)
	m.program.reals(c.now, now)
	m.program.reals(c.inverse, inverse)
	m.program.reals(c.renew, renew)
}
