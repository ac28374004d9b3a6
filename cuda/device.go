// Package cuda runs programs - neuron models compiled to flat tables - on devices: an NVIDIA GPU
// where there is one, the CPU where there is none. One kernel source serves both. Nothing here knows
// what a neuron is beyond a program's tables.
package cuda

import (
	"context"
	"fmt"
)

// Device integrates batches of cells. Implementations: the CPU (NewCPU); the GPU comes with cuda/driver.
// The bytes of a result depend on the program and the batch's contents alone: never on the number of
// threads, the size of the batch or a lane's place in it.
type Device interface {
	// Name says what the device is in words a person knows: "cpu avx512, 2 threads".
	Name() string
	// Run integrates every lane of the batch from the program's initial state and fills its results.
	// It returns ctx.Err() soon after ctx is cancelled.
	Run(ctx context.Context, p *Program, b *Batch) error
	Close() error
}

// Precision is the arithmetic of a program.
type Precision int

// Float32 is the hot path; Float64 is for reference runs.
const (
	Float32 Precision = iota
	Float64
)

// Solver is the time integration of a program's voltage.
type Solver int

// Euler is implicit Euler with cnexp gates, as in NEURON's fixed step; Staggered is the second-order
// Crank-Nicolson step with gates at half steps; TwoStage, of cells with dendrites alone, is second-order too, but
// L-stable: what is stiff decays where Crank-Nicolson rings. Models with a closed-form step ignore it.
const (
	Euler Solver = iota
	Staggered
	TwoStage
)

// String is the name of a solver in configurations.
func (s Solver) String() string {
	if s < Euler || s > TwoStage {
		return fmt.Sprintf("solver %d", int(s))
	}
	return [...]string{"euler", "staggered", "two-stage"}[s]
}

// ReceptorKind says how a receptor turns its events into current.
type ReceptorKind int

const (
	// Delta receptors add an event's weight (mV) to the voltage at once.
	Delta ReceptorKind = iota
	// Conductance receptors are double exponentials, peak-normalised: an event of weight w (1/ms) opens
	// g(t) = w norm (exp(-t/decay) - exp(-t/rise)), whose peak is w. Rise 0 is a single exponential.
	Conductance
	// Blocked receptors are Conductance receptors under the magnesium block
	// 1 / (1 + exp(-Slope v) Magnesium / 3.57) (Jahr & Stevens 1990), at the voltage of the step's start.
	Blocked
)

// Receptor is the linear state shared by all synapses of one kind on a cell. Conductances are divided by
// the membrane's capacitance (1/ms), so that a kernel knows no areas.
type Receptor struct {
	Kind      ReceptorKind
	Rise      float64 // ms, 0 for a single exponential
	Decay     float64 // ms
	Reversal  float64 // mV
	Magnesium float64 // mM, Blocked only
	Slope     float64 // 1/mV, Blocked only
}

// Program is a neuron model as flat tables.
type Program struct {
	Kernel    string // the step: "lif", "izhikevich", "adex", "hh", "pospischil"
	Precision Precision
	Solver    Solver
	Dt        float64    // ms
	Params    []float64  // in the kernel's own order, in units of mV, ms, 1/ms
	States    []string   // names of the state variables; States[0] is "v" (mV)
	Initial   []float64  // one value per state, the same in every lane
	Receptors []Receptor // at most MaxReceptors
	Threshold float64    // mV: an upward crossing is a spike (kernels that reset: v above it)
	Tree      *Tree      // of a cell with dendrites, which has neither Kernel nor Params nor Receptors: see tree.go
}

// MaxReceptors is how many receptors a program may have.
const MaxReceptors = 16

// Events are the synaptic events of a batch, lane by lane: those of lane l are Offset[l] <= i < Offset[l+1],
// sorted by Step. An event of step k acts before step k, that is at time k*dt.
type Events struct {
	Offset   []int64   // lanes+1
	Step     []int32   // integration step
	Receptor []uint16  // index into Program.Receptors, or into Program.Tree.Receptors
	Weight   []float32 // mV (Delta) or 1/ms (the others); of a tree uS
}

// Current is a current injected from step From up to step To, one amplitude per lane.
type Current struct {
	From, To int32
	Node     int32     // of a tree; 0 is the soma
	Amp      []float32 // mV/ms (current over capacitance), [lane]; of a tree nA
}

// Batch is a set of cells of one program, integrated together, and what is recorded of them.
type Batch struct {
	Lanes   int
	Steps   int // integration steps
	Every   int // a record every so many steps; record k holds the state at time k*Every*dt, events of that time delivered
	Events  Events
	Inputs  *Inputs // events that the device draws itself, where Draws says that it can; nil: Events
	Current []Current
	Record  []int // indices into Program.States to record

	// Results, allocated by Run where nil or too short.
	Trace      [][]float32 // [len(Record)][lane*records + record], records = Steps/Every
	SpikeStart []int64     // lanes+1: spikes of lane l are SpikeTime[SpikeStart[l]:SpikeStart[l+1]]
	SpikeTime  []float64   // ms from the start of the batch, ascending in a lane
}
