package cells

// #include "launch.h"
// #include "cells.h"
// #include "hh.h"
// #include "pospischil.h"
// #include "receptors.h"
import "C"

import "unsafe"

// What a GPU kernel takes: the tables of a program, and a Launch (both by value).
const tableBytes = C.sizeof_cells_program

// Few is how many receptors the GPU keeps in registers.
const Few = C.CELLS_FEW

// Launch is cells_launch of launch.h, which says what each address holds.
type Launch struct {
	State, Receptors, Cursor, Count         uint64
	Offset, Step, Receptor, Weight, Current uint64
	Record, Spikes, SpikeTime, SpikeLane    uint64
	Plane                                   int64
	From, To, Lanes, FirstRecord, Recorded  int32
	Capacity                                uint32
}

const (
	_ = uint(C.sizeof_cells_launch - unsafe.Sizeof(Launch{})) // of one size
	_ = uint(unsafe.Sizeof(Launch{}) - C.sizeof_cells_launch)
)

// Wide says whether the program is in float64.
func (p *Program) Wide() bool { return p.wide != 0 }

// States and Receptors are how many a lane has.
func (p *Program) States() int    { return int(p.c.nstates) }
func (p *Program) Receptors() int { return int(p.c.nreceptors) }

// Table is the program as its kernel takes it.
func (p *Program) Table() [tableBytes]byte { return *(*[tableBytes]byte)(unsafe.Pointer(&p.c)) }

// GPUKernel is the name of the GPU's kernel for the program, in "cells" or, in float64, "cells_f64".
func (p *Program) GPUKernel() string {
	c := &p.c
	name := "cells_"
	switch c.kernel {
	case C.CELLS_LIF:
		name += "lif"
	case C.CELLS_IZHIKEVICH:
		name += "izhikevich"
	case C.CELLS_ADEX:
		name += "adex"
	case C.CELLS_HH:
		name += "hh"
		if c.dt*c.params[6] > C.HH_COARSE {
			name += "_coarse"
		}
	case C.CELLS_POSPISCHIL:
		name += "pospischil"
		if c.params[C.POSPISCHIL_GL_CA] != 0 || c.params[C.POSPISCHIL_GT] != 0 {
			name += "_ca"
		}
	}
	open, simple := 0, true
	for _, r := range c.receptors[:c.nreceptors] {
		if r.kind != C.NEQ_DELTA {
			open++
			simple = simple && r.kind == C.NEQ_CONDUCTANCE && r.rises == 0
		}
	}
	switch {
	case open == 0:
		name += "_0"
	case open == 1 && simple:
		name += "_1"
	case c.nreceptors <= Few:
		name += "_few"
	default:
		name += "_any"
	}
	if p.wide != 0 {
		return name + "_f64"
	}
	return name + "_f32"
}
