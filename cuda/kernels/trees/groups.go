package trees

// #include "trees.h"
// #include "launch.h"
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// operation is what is known of a trees_op.
type operation struct {
	op            int32
	slot, states  int32 // first state; -1 where it has none of its own
	row, entries  int32
	class         int32
	synapse       bool
	read, written int   // numbers of state in a step
	relative      int32 // slot from the first of its node
}

// operations describes the operations of a program.
func (g *GPU) operations(c *C.trees_program) ([]operation, error) {
	known := make([]Mechanism, len(Mechanisms()))
	for _, m := range Mechanisms() {
		known[m.Index] = m
	}
	pool := Mechanisms()["ca_pool"]
	var all []operation
	for _, o := range unsafe.Slice(c.op, int(c.ops)) {
		k := operation{slot: int32(o.state), row: int32(o.row), class: int32(o.table)}
		switch {
		case o.op == C.TREES_SYNAPSE:
			k.op, k.states, k.entries, k.synapse, k.read = C.GPU_SYNAPSE, 2, 1, true, 2
		case o.op == C.TREES_REVERSAL:
			k.op, k.slot, k.entries = C.GPU_REVERSAL, -1, 2
		case o.op == C.TREES_POOL_END:
			k.op, k.states, k.entries, k.written = C.GPU_POOL_END, 1, int32(pool.Row), 1
		case o.op < C.TREES_DIRECT:
			return nil, fmt.Errorf("trees: operation %d is not for a GPU", o.op)
		default:
			m := known[o.op-C.TREES_DIRECT]
			k.op = C.GPU_MECHANISM + int32(m.Index)
			k.states, k.entries, k.read = int32(m.States), int32(m.Row), m.States
			switch m.Class {
			case Blocked:
				k.synapse = true
			case Pool:
			default:
				k.written = m.States
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// count counts what a step moves with a thread a cell: of every node v, and what the pass down leaves for the pass up,
// written and read; sums and changes of v at branches; and the states.
func (g *GPU) count(c *C.trees_program, kinds []operation) {
	for _, k := range kinds {
		g.read, g.written = g.read+k.read, g.written+k.written
	}
	for _, node := range unsafe.Slice(c.node, int(c.nodes)) {
		g.read, g.written = g.read+3, g.written+3 // v down unless it was the parent's, two and v up; two down, v up
		if node.flags&C.TREES_NEXT == 0 {
			g.read, g.written = g.read+4, g.written+2 // v, sums of the parent and its change
		}
		if node.flags&C.TREES_SUMS != 0 {
			g.read += 2
		}
		if node.flags&C.TREES_SAVE != 0 {
			g.written++
		}
		if c.stages == 2 { // up: a change of v more; down: two read, one written; up again
			g.read, g.written = g.read+5, g.written+3
			if node.flags&C.TREES_NEXT == 0 {
				g.read, g.written = g.read+2, g.written+1
			}
		}
	}
}

// group is a run of nodes with the same operations.
type group struct {
	nodes []int32
	kinds []operation // those of its first node, slots relative to its own
	slots int32       // states of a node
}

// groupNodes puts nodes with the same operations together, groups in the order of their first node.
func groupNodes(c *C.trees_program, kinds []operation) []*group {
	var groups []*group
	found := map[string]*group{}
	nodes := unsafe.Slice(c.node, int(c.nodes)+1)
	for i := range int(c.nodes) {
		own := slices.Clone(kinds[nodes[i].first:nodes[i+1].first])
		base, slots := int32(-1), int32(0)
		for _, k := range own {
			if k.slot >= 0 && (base < 0 || k.slot < base) {
				base = k.slot
			}
		}
		var name strings.Builder
		for j := range own {
			k := &own[j]
			if k.relative = 0; k.slot >= 0 {
				k.relative = k.slot - base
				slots = max(slots, k.relative+k.states)
			}
			class := int32(-1)
			if k.synapse {
				class = k.class
			}
			fmt.Fprint(&name, k.op, " ", k.relative, " ", class, ";")
		}
		q := found[name.String()]
		if q == nil {
			q = &group{kinds: own, slots: slots}
			found[name.String()] = q
			groups = append(groups, q)
		}
		q.nodes = append(q.nodes, int32(i))
	}
	return groups
}

// blocks makes the tables of a block a cell.
func (g *GPU) blocks(a *arena, cell *Cell, c *C.trees_program, kinds []operation, common []address) {
	groups := groupNodes(c, kinds)
	g.Groups = len(groups)
	nodes := unsafe.Slice(c.node, int(c.nodes)+1)
	n := int(c.nodes)
	initial := unsafe.Slice((*float64)(unsafe.Pointer(c.initial)), int(c.slots))
	rows := g.fromReals(c.row, int(c.rows))
	var (
		table   []C.trees_group
		tile    []int32
		ops     []C.trees_op
		column  []int32
		row     []float64
		moved   = make([]int32, int(c.slots)) // slot of a thread's program: place of a block's
		synapse []int32
		start   = make([]float64, int(c.slots))
	)
	g.Place = make([]int32, n)
	slot := int32(0)
	for q, x := range groups {
		count := int32(len(x.nodes))
		table = append(table, C.trees_group{op: C.int32_t(len(ops)), ops: C.int32_t(len(x.kinds)), first: C.int32_t(len(g.Order)), nodes: C.int32_t(count), slot: C.int32_t(slot)})
		for at := int32(0); at < count; at += 32 {
			tile = append(tile, int32(q), at)
		}
		for at, i := range x.nodes {
			g.Place[i] = int32(len(g.Order))
			g.Order = append(g.Order, i)
			for j := range x.kinds {
				k, rel := kinds[int(nodes[i].first)+j], x.kinds[j].relative
				if k.slot < 0 {
					continue
				}
				for s := range k.states {
					to := slot + (rel+s)*count + int32(at)
					moved[k.slot+s] = to
					start[to] = initial[k.slot+s]
				}
				if k.synapse {
					synapse = append(synapse, moved[k.slot], moved[k.slot+1], k.class)
				}
			}
		}
		for j, k := range x.kinds {
			ops = append(ops, C.trees_op{op: C.int32_t(k.op), state: C.int32_t(k.relative), row: C.int32_t(len(column) / 2), table: C.int32_t(k.class)})
			for e := range k.entries {
				values := make([]float64, count)
				for at, i := range x.nodes {
					values[at] = rows[kinds[int(nodes[i].first)+j].row+e]
				}
				same := !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] })
				if same {
					column = append(column, int32(len(row)), 0)
					row = append(row, values[0])
					continue
				}
				column = append(column, int32(len(row)), 1)
				row = append(row, values...)
			}
		}
		slot += count * x.slots
	}

	// The tree in places.
	parent := make([]int16, n)
	children := make([][]int16, n)
	for place, i := range g.Order {
		parent[place] = -1
		if p := cell.Parent[i]; p >= 0 {
			parent[place] = int16(g.Place[p])
		}
	}
	for i, p := range cell.Parent { // in the order of nodes
		if p >= 0 {
			children[g.Place[p]] = append(children[g.Place[p]], int16(g.Place[i]))
		}
	}
	edge, child := []int32{0}, []int16{}
	for _, list := range children {
		child = append(child, list...)
		edge = append(edge, int32(len(child)))
	}
	constants := g.fromReals(c.constant, C.TREES_CONSTANTS*n)
	constant := make([]float64, len(constants))
	for place, i := range g.Order {
		for k := range C.TREES_CONSTANTS {
			constant[k*n+place] = constants[int(i)*C.TREES_CONSTANTS+k]
		}
	}
	var (
		round []C.trees_round
		away  []C.trees_away
		stays []C.trees_stays
		gone  []int16
	)
	at := func(i int16) int16 {
		if i < 0 {
			return -1
		}
		return int16(g.Place[i])
	}
	g.Rounds = Contract(cell.Parent)
	for _, r := range g.Rounds {
		round = append(round, C.trees_round{away: C.int32_t(len(away)), aways: C.int32_t(len(r.Away)), stays: C.int32_t(len(stays)), stayed: C.int32_t(len(r.Stays))})
		for _, x := range r.Away {
			away = append(away, C.trees_away{node: C.int16_t(at(x.Node)), parent: C.int16_t(at(x.Parent)), child: C.int16_t(at(x.Child))})
		}
		for _, x := range r.Stays {
			from := len(gone)
			for _, y := range x.Children {
				gone = append(gone, at(y))
			}
			stays = append(stays, C.trees_stays{node: C.int16_t(at(x.Node)), parent: C.int16_t(at(x.Parent)), from: C.int16_t(from), to: C.int16_t(len(gone))})
		}
	}

	drive := slices.Clone(unsafe.Slice(c.drive, int(c.drives)))
	second := make([]int32, len(drive))
	for i := range drive {
		second[i] = moved[drive[i].state+1]
		drive[i].state = C.int32_t(moved[drive[i].state])
	}
	site := slices.Clone(unsafe.Slice(c.site, int(c.nrecord)))
	stride := make([]int32, len(site))
	for i := range site {
		x := &site[i]
		if x.kind == C.TREES_V {
			x.at = C.int32_t(g.Place[x.at])
			continue
		}
		if x.kind == C.TREES_OPEN {
			stride[i] = moved[x.at+1] - moved[x.at]
		}
		x.at = C.int32_t(moved[x.at])
	}

	g.blockProgram = g.program
	whole := func(to *[]address, field uintptr, table int) { *to = append(*to, address{int(field), table}) }
	g.inBlockProgram = append(g.inBlockProgram, common...)
	whole(&g.inBlockProgram, unsafe.Offsetof(C.trees_cell{}.initial), put(a, start))
	whole(&g.inBlockProgram, unsafe.Offsetof(C.trees_cell{}.site), put(a, site))
	t := C.trees_block_tables{tiles: C.int32_t(len(tile) / 2), rounds: C.int32_t(len(round)), nodes: C.int32_t(n), slots: C.int32_t(c.slots),
		root: C.int32_t(g.Place[0]), synapses: C.int32_t(len(synapse) / 3)}
	g.blockTables = *(*[C.sizeof_trees_block_tables]byte)(unsafe.Pointer(&t))
	to := &g.inBlock
	whole(to, unsafe.Offsetof(t.group), put(a, table))
	whole(to, unsafe.Offsetof(t.tile), put(a, tile))
	whole(to, unsafe.Offsetof(t.op), put(a, ops))
	whole(to, unsafe.Offsetof(t.column), put(a, column))
	whole(to, unsafe.Offsetof(t.row), g.reals(a, row))
	whole(to, unsafe.Offsetof(t.constant), g.reals(a, constant))
	whole(to, unsafe.Offsetof(t.edge), put(a, edge))
	whole(to, unsafe.Offsetof(t.parent), put(a, parent))
	whole(to, unsafe.Offsetof(t.child), put(a, child))
	whole(to, unsafe.Offsetof(t.round), put(a, round))
	whole(to, unsafe.Offsetof(t.away), put(a, away))
	whole(to, unsafe.Offsetof(t.stays), put(a, stays))
	whole(to, unsafe.Offsetof(t.gone), put(a, gone))
	whole(to, unsafe.Offsetof(t.drive), put(a, drive))
	whole(to, unsafe.Offsetof(t.second), put(a, second))
	whole(to, unsafe.Offsetof(t.synapse), put(a, synapse))
	whole(to, unsafe.Offsetof(t.stride), put(a, stride))
}

// fromReals reads numbers of the build.
func (g *GPU) fromReals(p unsafe.Pointer, n int) []float64 {
	if g.Wide {
		return slices.Clone(unsafe.Slice((*float64)(p), n))
	}
	x := make([]float64, n)
	for i, y := range unsafe.Slice((*float32)(p), n) {
		x[i] = float64(y)
	}
	return x
}
