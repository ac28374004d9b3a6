package trees

// #cgo CFLAGS: -O3 -ffast-math -I${SRCDIR}/..
// #cgo LDFLAGS: -lm
// #include "trees.h"
// #include "sources.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"neq/cuda/kernels/cells"
)

// Class says which functions a mechanism has: see mechanisms/list.h.
type Class int

// The classes of mechanisms.
const (
	Passive Class = iota
	Ohmic
	Calcium
	CalciumGated
	Pool
	Synapse
	Blocked
	Dcaap
)

// Mechanism is what the kernels know of a mechanism.
type Mechanism struct {
	Index               int
	Class               Class
	States, Params, Row int
}

// Mechanisms are the mechanisms by name.
func Mechanisms() map[string]Mechanism {
	var all *C.trees_mechanism
	n := int(C.trees_mechanisms(&all))
	m := make(map[string]Mechanism, n)
	for i, x := range unsafe.Slice(all, n) {
		m[C.GoString(x.name)] = Mechanism{i, Class(x.class), int(x.states), int(x.params), int(x.row)}
	}
	return m
}

// Prepare makes the row of parameters that the kernels take.
func (m Mechanism) Prepare(params []float64, dt float64, staggered bool) []float64 {
	row := make([]float64, m.Row)
	C.trees_prepare(C.int(m.Index), (*C.double)(unsafe.SliceData(params)), C.double(dt), flag(staggered),
		(*C.double)(unsafe.SliceData(row)))
	return row
}

// Steady returns the state at the start, at voltage v (mV) and calcium concentration ca (mM).
func (m Mechanism) Steady(v, ca float64, row []float64) []float64 {
	state := make([]float64, m.States)
	C.trees_steady(C.int(m.Index), C.double(v), C.double(ca), (*C.double)(unsafe.SliceData(row)), (*C.double)(unsafe.SliceData(state)))
	return state
}

// Advance advances gates by dt (ms) at v.
func (m Mechanism) Advance(state []float64, v, ca float64, row []float64, dt float64) {
	C.trees_advance(C.int(m.Index), C.double(v), C.double(ca), (*C.double)(unsafe.SliceData(row)), C.double(dt),
		(*C.double)(unsafe.SliceData(state)))
}

// Currents returns the conductance g (uS) and drive ge (nA) of a mechanism at v, so that its current is g v' - ge near v,
// and its calcium current (nA).
func (m Mechanism) Currents(state []float64, v, eca float64, row []float64) (g, ge, ica float64) {
	var cg, cge, cica C.double
	C.trees_currents(C.int(m.Index), (*C.double)(unsafe.SliceData(state)), C.double(v), C.double(eca),
		(*C.double)(unsafe.SliceData(row)), &cg, &cge, &cica)
	return float64(cg), float64(cge), float64(cica)
}

// Reversal returns the reversal potential of calcium (mV) that a pool sets at ca (mM).
func (m Mechanism) Reversal(ca float64, row []float64) float64 {
	return float64(C.trees_reversal(C.int(m.Index), C.double(ca), (*C.double)(unsafe.SliceData(row))))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

var errMemory = errors.New("trees: out of memory")

// Spike is a spike of one lane of a block.
type Spike struct {
	Time float64 // ms
	Lane int64
}

// Current is a current into one node, one amplitude (nA) for each lane of a block.
type Current struct {
	Node int32
	Amp  [MaxLanes]float32
}

// MaxLanes is the most lanes a block has.
const MaxLanes = 64

// Block is some lanes of a program between two calls. It holds C memory: Free it.
type Block struct {
	p     *Program
	isa   C.int
	b     *C.trees_block
	chunk int64
	Lanes int
}

// isaNumber is the number of a build in trees_dispatch.
func isaNumber(isa cells.ISA) C.int {
	switch isa.Name {
	case "avx512":
		return 2
	case "avx2":
		return 1
	}
	return 0
}

// NewBlock makes a block of some vectors of lanes (1, 2 or 4) at the program's initial state, for runs of at most chunk
// steps.
func NewBlock(p *Program, vectors, chunk int) (*Block, error) {
	lanes := vectors * p.vector
	b := C.trees_new(p.c, p.wide, C.int(lanes), C.int64_t(chunk))
	if b == nil {
		return nil, errMemory
	}
	return &Block{p, isaNumber(p.isa), b, int64(chunk), lanes}, nil
}

// Free returns the block's memory.
func (b *Block) Free() {
	C.trees_free(b.b)
	b.b = nil
}

// Reset puts every lane back to the initial state and its events to their start. Offsets are those of the block's
// first lane on, one more than it has lanes.
func (b *Block) Reset(offset []int64) {
	C.trees_reset(b.p.c, b.b, b.p.wide)
	copy(unsafe.Slice((*int64)(unsafe.Pointer(b.b.cursor)), b.Lanes), offset[:len(offset)-1])
}

// Run integrates from one step to another, or to where the buffer of spikes is full; it returns the step reached and how
// many records it took. The currents are by falling node, the last of node -1.
func (b *Block) Run(from, to int, offset []int64, ev cells.Events, current []Current) (done, records int, err error) {
	if int64(to-from) > b.chunk || len(offset) < 1 || len(offset) > b.Lanes+1 || len(current) == 0 || current[len(current)-1].Node >= 0 {
		return 0, 0, fmt.Errorf("trees: run of %d steps (at most %d) with %d offsets and %d currents", to-from, b.chunk, len(offset), len(current))
	}
	n := C.trees_dispatch(b.isa, b.p.wide, b.p.c, b.b, C.int64_t(from), C.int64_t(to), C.int(len(offset)-1),
		(*C.int64_t)(unsafe.SliceData(offset)), (*C.int32_t)(unsafe.SliceData(ev.Step)),
		(*C.uint16_t)(unsafe.SliceData(ev.Receptor)), (*C.float)(unsafe.SliceData(ev.Weight)),
		(*C.trees_current)(unsafe.Pointer(unsafe.SliceData(current))))
	if n < 0 {
		return 0, 0, errMemory
	}
	every := int(b.p.c.every)
	return int(n), (int(n)+every-1)/every - (from+every-1)/every, nil
}

// Spikes are the spikes of the last run, by time; they are overwritten by the next.
func (b *Block) Spikes() []Spike {
	return unsafe.Slice((*Spike)(unsafe.Pointer(b.b.spikes)), int(b.b.nspikes))
}

// Voltage returns v of a node in a lane (mV).
func (b *Block) Voltage(node, lane int) float64 {
	i := 3*b.Lanes*node + lane
	if b.p.wide != 0 {
		return unsafe.Slice((*float64)(b.b.solver), i+1)[i]
	}
	return float64(unsafe.Slice((*float32)(b.b.solver), i+1)[i])
}

// NotFinite returns the first of so many lanes whose voltage is no finite number at some node, or -1.
func (b *Block) NotFinite(lanes int) int {
	return int(C.trees_finite(b.p.c, b.b, b.p.wide, C.int(lanes)))
}

// Records copies the records of one variable of the last run, which was asked for the steps from to to, lane by lane:
// record r of lane l goes to out[l*stride+r]. It returns whether all are finite numbers.
func (b *Block) Records(variable, from, to, count, lanes int, out []float32, stride int) bool {
	if count == 0 || lanes == 0 {
		return true
	}
	_ = out[(lanes-1)*stride+count-1]
	capacity := (to-from+int(b.p.c.every)-1)/int(b.p.c.every) + 1
	return C.trees_transpose(b.b, C.int(variable), C.int64_t(count), C.int64_t(capacity), C.int(lanes),
		(*C.float)(unsafe.SliceData(out)), C.int64_t(stride)) != 0
}
