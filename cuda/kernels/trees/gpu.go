package trees

// #include "trees.h"
// #include "launch.h"
import "C"

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"neq/cuda/kernels/cells"
)

// Launch is trees_launch of launch.h, which says what each address holds.
type Launch struct {
	Solver, State, Peak, Cursor, Count     uint64
	Offset, Step, Receptor, Weight         uint64
	Into, Current                          uint64
	Record, Spikes, SpikeTime, SpikeLane   uint64
	Plane                                  int64
	From, To, Lanes, FirstRecord, Recorded int32
	Capacity                               uint32
	Currents, _                            int32
}

const (
	_ = uint(C.sizeof_trees_launch - unsafe.Sizeof(Launch{})) // of one size
	_ = uint(unsafe.Sizeof(Launch{}) - C.sizeof_trees_launch)
)

// Threads of a block of either kernel, and bytes of what they take by value.
const (
	CellBytes     = C.sizeof_trees_cell
	ThreadBytes   = C.sizeof_trees_thread_tables
	BlockBytes    = C.sizeof_trees_block_tables
	ThreadThreads = C.THREAD_THREADS
	BlockThreads  = C.BLOCK_THREADS
)

// MaxBlockNodes is how many nodes the tables of a block a cell can number: many times what fits in shared memory.
const MaxBlockNodes = math.MaxInt16

// GPU is a compiled cell as the GPU's kernels take it. Its tables lie in one piece of memory, Words; the structures with
// their addresses come from Thread or Block, for where that piece is.
type GPU struct {
	Wide                  bool
	Nodes, Slots, Records int
	Order                 []int32 // a block's nodes: Order[place] is the node there
	Place                 []int32 // and the reverse
	Rounds                []Round // as Contract gives them
	Groups                int     // of a block's nodes; 0 where there are more than MaxBlockNodes
	Depth                 int
	Operations            int // of all nodes
	Stages                int // solves of a step
	Words                 []uint64

	program                      [C.sizeof_trees_cell]byte
	threadTables                 [C.sizeof_trees_thread_tables]byte
	blockProgram                 [C.sizeof_trees_cell]byte
	blockTables                  [C.sizeof_trees_block_tables]byte
	inProgram, inThread, inBlock []address
	inBlockProgram               []address
	read, written                int // numbers a step of a thread's cell moves
}

// address is a field of a structure that holds the address of a table.
type address struct{ field, table int } // in bytes

// arena gathers tables in one piece of memory.
type arena struct{ bytes []byte }

func put[T any](a *arena, x []T) int {
	for len(a.bytes)%16 != 0 {
		a.bytes = append(a.bytes, 0)
	}
	at := len(a.bytes)
	if len(x) > 0 {
		a.bytes = append(a.bytes, unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0])))...)
	}
	return at
}

// reals puts numbers as the build's reals.
func (g *GPU) reals(a *arena, x []float64) int {
	if g.Wide {
		return put(a, x)
	}
	y := make([]float32, len(x))
	for i := range x {
		y[i] = float32(x[i])
	}
	return put(a, y)
}

// NewGPU compiles a cell for a GPU. The mechanisms run their own source there, which with one exponential an
// instruction costs less than a look-up.
func NewGPU(cell *Cell) (*GPU, error) {
	isa, err := cells.FindISA("portable")
	if err != nil {
		return nil, err
	}
	p, err := NewProgram(cell, isa)
	if err != nil {
		return nil, err
	}
	defer p.Free()
	c := p.c
	g := &GPU{Wide: cell.Wide, Nodes: int(c.nodes), Slots: int(c.slots), Records: int(c.nrecord), Operations: int(c.ops), Stages: int(c.stages), Depth: Depth(cell.Parent)}
	a := &arena{}
	n, pairs := int(c.nodes), int(c.period)*int(c.classes)*2
	width := 4
	if cell.Wide {
		width = 8
	}
	raw := func(from unsafe.Pointer, bytes int) int { return put(a, unsafe.Slice((*byte)(from), bytes)) }
	whole := func(at *[]address, field uintptr, table int) { *at = append(*at, address{int(field), table}) }
	cc := C.trees_cell{nodes: C.int32_t(c.nodes), ops: C.int32_t(c.ops), slots: C.int32_t(c.slots), rows: C.int32_t(c.rows), classes: C.int32_t(c.classes),
		period: C.int32_t(c.period), drives: C.int32_t(c.drives), receptors: C.int32_t(c.receptors), nrecord: C.int32_t(c.nrecord), every: C.int32_t(c.every),
		peak: C.int32_t(c.peak), peak_every: C.int32_t(c.peak_every), staggered: C.int32_t(c.staggered), stages: C.int32_t(c.stages), dt: c.dt, threshold: c.threshold, voltage: c.voltage}
	g.program = *(*[C.sizeof_trees_cell]byte)(unsafe.Pointer(&cc))
	kinds, err := g.operations(c)
	if err != nil {
		return nil, err
	}
	common := []address{
		{int(unsafe.Offsetof(cc.decay)), raw(c.decay, width*pairs)},
		{int(unsafe.Offsetof(cc.now)), raw(c.now, width*pairs)},
		{int(unsafe.Offsetof(cc.inverse)), raw(c.inverse, width*pairs)},
		{int(unsafe.Offsetof(cc.renew)), raw(c.renew, width*2*int(c.classes))},
		{int(unsafe.Offsetof(cc.receptor)), raw(unsafe.Pointer(c.receptor), 4*int(c.receptors+1))},
	}
	ops := slices.Clone(unsafe.Slice(c.op, int(c.ops)))
	for i := range ops {
		ops[i].op = C.int32_t(kinds[i].op)
	}
	g.inProgram = append(g.inProgram, common...)
	whole(&g.inProgram, unsafe.Offsetof(cc.node), put(a, unsafe.Slice(c.node, n+1)))
	whole(&g.inProgram, unsafe.Offsetof(cc.op), put(a, ops))
	whole(&g.inProgram, unsafe.Offsetof(cc.constant), raw(c.constant, width*C.TREES_CONSTANTS*n))
	whole(&g.inProgram, unsafe.Offsetof(cc.row), raw(c.row, width*int(c.rows)))
	whole(&g.inProgram, unsafe.Offsetof(cc.initial), raw(unsafe.Pointer(c.initial), 8*int(c.slots)))
	whole(&g.inProgram, unsafe.Offsetof(cc.drive), put(a, unsafe.Slice(c.drive, int(c.drives))))
	whole(&g.inProgram, unsafe.Offsetof(cc.site), put(a, unsafe.Slice(c.site, int(c.nrecord))))

	var synapse []int32
	for _, k := range kinds {
		if k.synapse {
			synapse = append(synapse, k.slot, k.class)
		}
	}
	t := C.trees_thread_tables{synapses: C.int32_t(len(synapse) / 2)}
	g.threadTables = *(*[C.sizeof_trees_thread_tables]byte)(unsafe.Pointer(&t))
	whole(&g.inThread, unsafe.Offsetof(t.synapse), put(a, synapse))
	g.count(c, kinds)

	if n <= MaxBlockNodes {
		g.blocks(a, cell, c, kinds, common)
	}
	g.Words = make([]uint64, (len(a.bytes)+7)/8)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&g.Words[0])), len(a.bytes)), a.bytes)
	return g, nil
}

// patch fills a structure with the addresses of its tables, which begin at base.
func patch(to []byte, at []address, base uint64) {
	for _, x := range at {
		binary.NativeEndian.PutUint64(to[x.field:], base+uint64(x.table))
	}
}

// Thread returns what the kernel of a thread a cell takes: trees_cell and trees_thread_tables.
func (g *GPU) Thread(base uint64) (program [C.sizeof_trees_cell]byte, tables [C.sizeof_trees_thread_tables]byte) {
	program, tables = g.program, g.threadTables
	patch(program[:], g.inProgram, base)
	patch(tables[:], g.inThread, base)
	return program, tables
}

// Block returns what the kernel of a block a cell takes: trees_cell and trees_block_tables.
func (g *GPU) Block(base uint64) (program [C.sizeof_trees_cell]byte, tables [C.sizeof_trees_block_tables]byte) {
	program, tables = g.blockProgram, g.blockTables
	patch(program[:], g.inBlockProgram, base)
	patch(tables[:], g.inBlock, base)
	return program, tables
}

func (g *GPU) width() int {
	if g.Wide {
		return 8
	}
	return 4
}

// Shared is the shared memory of a block in bytes, with the cell's state in it or not.
func (g *GPU) Shared(near bool) int {
	n := C.BLOCK_ARRAYS * g.Nodes
	if near {
		n += g.Slots
	}
	return g.width() * n
}

// Traffic is what a step of one cell moves to and from memory with a thread for it, in bytes: the states that its
// mechanisms read and write, and the solver's numbers, v of the parent aside, which is at hand.
func (g *GPU) Traffic() int { return g.width() * (g.read + g.written) }

// Width is the bytes of a number.
func (g *GPU) Width() int { return g.width() }

// Same says whether two cells are the same to a kernel.
func (g *GPU) Same(o *GPU) bool {
	return g.Wide == o.Wide && g.program == o.program && slices.Equal(g.Words, o.Words) && slices.Equal(g.inProgram, o.inProgram)
}
