package ops

import (
	"errors"

	"gorgonia.org/tensor"
)

// SolverOptions are a solver's constants; zero values mean PyTorch's defaults.
type SolverOptions struct {
	Beta1, Beta2, Epsilon float64  // 0.9, 0.999, 1e-8
	MomentumDecay         float64  // nadam: 0.004
	ClipNorm              float64  // global norm gradients are scaled down to; 0: none
	Names                 []string // of the parameters, for State; default their index
	Threads               int      // cores to use, 0: all
}

// NamedTensor is a piece of a solver's state.
type NamedTensor struct {
	Name  string
	Value *tensor.Dense
}

// Solver is Adam or Nadam with PyTorch's formulas.
type Solver struct{}

// NewSolver makes a solver: "adam" or "nadam".
func NewSolver(kind string, o SolverOptions) (*Solver, error) { return &Solver{}, nil }

// Step updates the parameters in place with their gradients at a learning rate.
func (s *Solver) Step(params, grads []*tensor.Dense, lr float64) error {
	return errors.New("ops: solver is not built in this version")
}

// State is what a checkpoint must hold to go on from here: for each parameter NAME its "NAME.m" and "NAME.v", and
// "step". All float32.
func (s *Solver) State() []NamedTensor { return nil }

// Restore puts back a State.
func (s *Solver) Restore(state []NamedTensor) error { return nil }

// GradientNorm is the global norm of the last Step's gradients before clipping; 0 without ClipNorm.
func (s *Solver) GradientNorm() float64 { return 0 }

// Close ends the solver's workers.
func (s *Solver) Close() {}
