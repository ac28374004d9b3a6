package trees

// #include "trees.h"
import "C"

import "slices"

// fuse puts what often stands together at a node into one operation, so that its sums stay in registers; ops from `from`
// on are those of the node.
func (m *maker) fuse(from int) {
	ops := m.ops[from:]
	row := func(o C.trees_op) []float64 { return m.rows[o.row:] }
	direct := func(name string) C.int32_t { return C.TREES_DIRECT + C.int32_t(m.known[name].Index) }
	if i := sequence(ops, direct("ca_pool"), C.TREES_CALCIUM_T, C.TREES_CALCIUM_T, C.TREES_POOL_END, direct("sk_e2")); i >= 0 {
		pool, sk := row(ops[i]), row(ops[i+4])
		if t := m.calciumTable(pool, sk); t >= 0 {
			at := len(m.links)
			m.links = append(m.links, int32(ops[i+1].table), int32(ops[i+2].table), int32(t))
			fused := C.trees_op{op: C.TREES_CALCIUM_ALL_T, state: ops[i].state, row: C.int32_t(len(m.rows)), table: C.int32_t(at)}
			m.rows = append(m.rows, sk[skShare], row(ops[i+1])[0], row(ops[i+2])[0], sk[skG], sk[skE], pool[poolMinimum], pool[poolShare], pool[poolDrive])
			ops = slices.Replace(ops, i, i+5, fused)
			m.program.Tabled += 2
		}
	}
	for at := 0; ; at++ {
		i := sequence(ops[at:], C.TREES_SYNAPSE, C.TREES_SYNAPSE, C.TREES_BLOCKED_T)
		if i < 0 {
			break
		}
		at += i
		o := ops[at : at+3]
		links := len(m.links)
		m.links = append(m.links, int32(row(o[2])[0]), int32(o[0].table), int32(o[1].table), int32(o[2].table))
		fused := C.trees_op{op: C.TREES_SYNAPSES_T, state: o[0].state, row: C.int32_t(len(m.rows)), table: C.int32_t(links)}
		m.rows = append(m.rows, row(o[0])[0], row(o[1])[0])
		ops = slices.Replace(ops, at, at+3, fused)
	}
	m.ops = append(m.ops[:from], ops...)
}

// sequence finds operations of these kinds in a row; -1 where there are none.
func sequence(ops []C.trees_op, kinds ...C.int32_t) int {
	for i := 0; i+len(kinds) <= len(ops); i++ {
		if slices.EqualFunc(ops[i:i+len(kinds)], kinds, func(o C.trees_op, k C.int32_t) bool { return o.op == k }) {
			return i
		}
	}
	return -1
}
