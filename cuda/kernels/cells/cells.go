// Package cells runs the simulation kernels on the CPU: one C source, compiled for each instruction set and
// precision, picked at run time. A Block is 128 lanes that stay in the cache for their whole time loop.
package cells

// #cgo CFLAGS: -O3 -ffast-math -I${SRCDIR}/..
// #include "cells.h"
// #include "sources.h"
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Lanes is the number of cells in a block.
const Lanes = C.CELLS_LANES

// Limits of a program's tables.
const (
	MaxParams    = C.CELLS_PARAMS
	MaxReceptors = C.CELLS_RECEPTORS
	MaxRecord    = C.CELLS_RECORD
)

// Kernel is what package cells knows of a kernel: its number and the size of its tables.
type Kernel struct {
	id             C.int
	Params, States int
	Resets         bool // a spike is a voltage above the threshold; else an upward crossing
}

// Kernels are the kernels by name.
func Kernels() map[string]Kernel {
	return map[string]Kernel{
		"lif":        {C.CELLS_LIF, 4, 2, true},
		"izhikevich": {C.CELLS_IZHIKEVICH, 7, 2, true},
		"adex":       {C.CELLS_ADEX, 8, 2, true},
		"hh":         {C.CELLS_HH, 7, 4, false},
		"pospischil": {C.CELLS_POSPISCHIL, 18, 9, false},
	}
}

// ISA is an instruction set that the kernels are compiled for.
type ISA struct {
	Name string
	id   C.int
}

// ISAs are the builds this machine can run, the best first.
func ISAs() []ISA {
	var s []ISA
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasFMA {
		s = append(s, ISA{"avx512", 2})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		s = append(s, ISA{"avx2", 1})
	}
	return append(s, ISA{"portable", 0})
}

// FindISA returns the build of that name, the best one for "".
func FindISA(name string) (ISA, error) {
	all := ISAs()
	if name == "" {
		return all[0], nil
	}
	i := slices.IndexFunc(all, func(s ISA) bool { return s.Name == name })
	if i < 0 {
		return ISA{}, fmt.Errorf("cells: no build %q on this machine: it runs %v", name, all)
	}
	return all[i], nil
}

func (s ISA) String() string { return s.Name }

// Receptor is a receptor as the kernels take it.
type Receptor struct {
	Kind                     int // 0 delta, 1 conductance, 2 blocked
	Rises                    bool
	DecayA, DecayB           float64 // factors of a step
	GainA, GainB             float64 // what an event of weight 1 adds to each exponential
	RecordA, RecordB         float64 // scale of each exponential where it is recorded
	Reversal, Mg, SlopePerMV float64 // Mg is the concentration over 3.57 mM
}

// Program is a program as the kernels take it.
type Program struct {
	c    C.cells_program
	wide C.int
}

// NewProgram checks the sizes of the tables and copies them. Record holds states, or the number of states plus a
// receptor.
func NewProgram(kernel string, wide, staggered bool, dt, threshold float64, params, initial []float64, rec []Receptor,
	record []int, every int) (*Program, error) {
	k, ok := Kernels()[kernel]
	switch {
	case !ok:
		return nil, fmt.Errorf("cells: no kernel %q", kernel)
	case len(params) != k.Params:
		return nil, fmt.Errorf("cells: kernel %s takes %d parameters, got %d", kernel, k.Params, len(params))
	case len(initial) != k.States:
		return nil, fmt.Errorf("cells: kernel %s has %d states, got %d initial values", kernel, k.States, len(initial))
	case len(rec) > MaxReceptors:
		return nil, fmt.Errorf("cells: %d receptors, at most %d", len(rec), MaxReceptors)
	case len(record) > MaxRecord:
		return nil, fmt.Errorf("cells: %d recorded variables, at most %d", len(record), MaxRecord)
	}
	p := &Program{wide: flag(wide)}
	c := &p.c
	c.kernel, c.staggered = k.id, flag(staggered)
	c.nstates, c.nreceptors, c.nrecord, c.every = C.int(k.States), C.int(len(rec)), C.int(len(record)), C.int(every)
	c.dt, c.threshold = C.double(dt), C.double(threshold)
	for i, x := range params {
		c.params[i] = C.double(x)
	}
	for i, x := range initial {
		c.initial[i] = C.double(x)
	}
	for i, r := range rec {
		c.receptors[i] = C.cells_receptor{kind: C.int(r.Kind), rises: flag(r.Rises), da: C.double(r.DecayA),
			db: C.double(r.DecayB), ka: C.double(r.GainA), kb: C.double(r.GainB), ra: C.double(r.RecordA),
			rb: C.double(r.RecordB), reversal: C.double(r.Reversal), mg: C.double(r.Mg), slope: C.double(r.SlopePerMV)}
	}
	for i, r := range record {
		if r < 0 || r >= k.States+len(rec) {
			return nil, fmt.Errorf("cells: recorded variable %d is not among the %d states", r, k.States+len(rec))
		}
		c.record[i] = C.int(r)
	}
	return p, nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Spike is a spike of one lane of a block.
type Spike struct {
	Time float64 // ms
	Lane int64
}

// Block is 128 lanes of a program between two calls. It holds C memory: Free it.
type Block struct {
	p     *Program
	isa   ISA
	b     *C.cells_block
	chunk int64
}

var errMemory = errors.New("cells: out of memory")

// NewBlock makes a block at the program's initial state, for runs of at most chunk steps.
func NewBlock(p *Program, isa ISA, chunk int) (*Block, error) {
	b := C.cells_new(&p.c, p.wide, C.int64_t(chunk))
	if b == nil {
		return nil, errMemory
	}
	return &Block{p, isa, b, int64(chunk)}, nil
}

// Free returns the block's memory.
func (b *Block) Free() {
	C.cells_free(b.b)
	b.b = nil
}

// Reset puts every lane back to the initial state and its events to their start. Offsets are those of the block's
// first lane on, one more than it has lanes.
func (b *Block) Reset(offset []int64) {
	C.cells_reset(&b.p.c, b.b, b.p.wide)
	cur := unsafe.Slice((*int64)(unsafe.Pointer(b.b.cursor)), Lanes)
	copy(cur, offset[:len(offset)-1])
}

// Events are the events of a batch, as slices of all its lanes; a block's part is given by its offsets.
type Events struct {
	Step     []int32
	Receptor []uint16
	Weight   []float32
}

// Run integrates from one step to another, or to where the buffer of spikes is full; it returns the step reached
// and how many records it took. Current holds one value for each of the block's lanes (mV/ms).
func (b *Block) Run(from, to int, offset []int64, ev Events, current []float32) (done, records int, err error) {
	if int64(to-from) > b.chunk || len(current) != Lanes || len(offset) < 1 || len(offset) > Lanes+1 {
		return 0, 0, fmt.Errorf("cells: run of %d steps (at most %d) with %d currents and %d offsets", to-from, b.chunk,
			len(current), len(offset))
	}
	n := C.cells_dispatch(b.isa.id, b.p.wide, &b.p.c, b.b, C.int64_t(from), C.int64_t(to), C.int(len(offset)-1),
		(*C.int64_t)(unsafe.SliceData(offset)), (*C.int32_t)(unsafe.SliceData(ev.Step)),
		(*C.uint16_t)(unsafe.SliceData(ev.Receptor)), (*C.float)(unsafe.SliceData(ev.Weight)),
		(*C.float)(unsafe.SliceData(current)))
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

// Records copies the records of one variable of the last run, which was asked for the steps from to to, lane-major:
// record r of lane l goes to out[l*stride+r]. It returns whether all are finite numbers.
func (b *Block) Records(variable, from, to, count, lanes int, out []float32, stride int) bool {
	if count == 0 || lanes == 0 {
		return true
	}
	_ = out[(lanes-1)*stride+count-1]
	capacity := (to-from+int(b.p.c.every)-1)/int(b.p.c.every) + 1
	return C.cells_transpose(b.b, C.int(variable), C.int64_t(count), C.int64_t(capacity), C.int(lanes),
		(*C.float)(unsafe.SliceData(out)), C.int64_t(stride)) != 0
}
