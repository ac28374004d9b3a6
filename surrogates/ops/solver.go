package ops

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
	"neq/internal/team"
)

// Roofline: a step of Adam reads 16 bytes a parameter and writes 12, and does nothing else: 10 million parameters take 12 ms
// of a core, 23 GB/s, where a plain copy here moves 12.

// SolverOptions are a solver's constants; zero values mean PyTorch's defaults.
type SolverOptions struct {
	Beta1, Beta2, Epsilon float64    // 0.9, 0.999, 1e-8
	MomentumDecay         float64    // nadam: 0.004
	WeightDecay           float64    // adamw: 0.01; negative: none
	Decays                []bool     // adamw: which parameters decay; nil: all
	ClipNorm              float64    // global norm gradients are scaled down to; 0: none
	Names                 []string   // of the parameters, for State; default their index
	Team                  *team.Team // what runs a step: the graph's, Graph.Team; nil: this one thread
	Device                *Device    // nil: the CPU
}

// NamedTensor is a piece of a solver's state.
type NamedTensor struct {
	Name  string
	Value *tensor.Dense
}

// Solver is Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) or Nadam (Dozat 2016) with PyTorch's formulas, one
// pass over the weights. Its result depends on the gradients alone, not on the number of threads.
type Solver struct {
	kind    string
	o       SolverOptions
	kernels nets.Kernels
	team    *team.Team
	m, v    []*tensor.Dense
	step    uint64
	product float64 // nadam: product of the momenta so far
	norm    float64
	norms   float64         // summed over all steps
	told    float64         // of norms, by GradientNorms
	gpu     *deviceSolver   // with Device, from the first step
	read    uint64          // steps at the last ReadBack
	sums    []*tensor.Dense // of gradients, on the CPU, from the first Accumulate
	summed  int             // batches in them

	// of the step in hand
	pieces  []piece
	params  []*tensor.Dense // what pieces was cut from
	grads   []*tensor.Dense
	squares []float64
	do      nets.AdamStep
	work    work
}

// piece is a stretch of a parameter, the unit of work and of partial sums.
type piece struct {
	param      int
	w, g, m, v []float32
	sum        []float32 // of gradients
	decays     bool
}

// work is what is done to the pieces.
type work int

const (
	makeStep   work = iota
	measure         // sums of squares
	begin           // the sums of gradients are these
	accumulate      // and these are added
)

const pieceSize = 1 << 15

// NewSolver makes a solver: "adam", "adamw" or "nadam".
func NewSolver(kind string, o SolverOptions) (*Solver, error) {
	if kind != "adam" && kind != "adamw" && kind != "nadam" {
		return nil, fmt.Errorf("ops: solver %q: want adam, adamw or nadam", kind)
	}
	for _, d := range []struct {
		v         *float64
		byDefault float64
	}{{&o.Beta1, 0.9}, {&o.Beta2, 0.999}, {&o.Epsilon, 1e-8}, {&o.MomentumDecay, 0.004}, {&o.WeightDecay, 0.01}} {
		if *d.v == 0 {
			*d.v = d.byDefault
		}
	}
	if !(o.Beta1 > 0 && o.Beta1 < 1) || !(o.Beta2 > 0 && o.Beta2 < 1) || !(o.Epsilon > 0) || !(o.MomentumDecay > 0) || !(o.ClipNorm >= 0) {
		return nil, fmt.Errorf("ops: solver %s with beta %v %v, epsilon %v, momentum decay %v, clip norm %v: want betas in (0, 1), the rest positive",
			kind, o.Beta1, o.Beta2, o.Epsilon, o.MomentumDecay, o.ClipNorm)
	}
	if kind != "adamw" || o.WeightDecay < 0 {
		o.WeightDecay = 0
	}
	if math.IsNaN(o.WeightDecay) || math.IsInf(o.WeightDecay, 0) {
		return nil, fmt.Errorf("ops: solver %s with a weight decay of %v: want a number", kind, o.WeightDecay)
	}
	k, err := nets.New("")
	if err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	if o.Team == nil {
		o.Team = team.New(1)
	}
	return &Solver{kind: kind, o: o, kernels: k, team: o.Team, product: 1}, nil
}

// Close gives back memory on the device.
func (s *Solver) Close() {
	s.drop()
}

// drop forgets the state on the device.
func (s *Solver) drop() {
	if s.gpu != nil {
		s.gpu.close()
		s.gpu = nil
	}
}

// GradientNorm is the global norm of the last Step's gradients before clipping; 0 without ClipNorm. On a device it may
// be that of a step before, but after a ReadBack.
func (s *Solver) GradientNorm() float64 { return s.norm }

// GradientNorms is the sum of the steps' gradient norms, as GradientNorm, since it was last called. With a Device it
// waits for the steps.
func (s *Solver) GradientNorms() (float64, error) {
	if s.gpu != nil {
		if err := s.report(); err != nil {
			return 0, err
		}
	}
	sum := s.norms - s.told
	s.told = s.norms
	return sum, nil
}

// Steps is how many steps were made.
func (s *Solver) Steps() uint64 { return s.step }

// Step updates the parameters in place with their gradients at a learning rate. Parameters must be the same tensors,
// in the same order, at every step. With ClipNorm, gradients that are not finite are an error and change nothing.
// With a Device, whose graph's gradients these are, the parameters are the network's tensors as ever, but the step is
// made on their values on the device, and queued: that a gradient was not finite shows at a later Step or ReadBack.
func (s *Solver) Step(params, grads []*tensor.Dense, lr float64) error {
	if err := s.prepare(params, grads); err != nil {
		return err
	}
	s.do = nets.AdamStep{Beta1: s.o.Beta1, Beta2: s.o.Beta2, Epsilon: s.o.Epsilon, Clip: 1}
	if s.summed > 0 || s.gpu != nil && s.gpu.sums != nil {
		if err := s.add(); err != nil {
			return err
		}
		s.do.Clip = 1 / float64(s.summed)
	}
	defer func() { s.summed = 0 }()
	if s.gpu != nil {
		return s.stepOnDevice(lr)
	}
	if s.o.ClipNorm > 0 {
		s.run(measure)
		total := 0.0
		for _, q := range s.squares {
			total += q
		}
		s.norm = s.do.Clip * math.Sqrt(total)
		if math.IsNaN(s.norm) || math.IsInf(s.norm, 0) {
			for i, q := range s.squares {
				if math.IsNaN(q) || math.IsInf(q, 0) {
					return s.notFinite(s.pieces[i].param, s.step+1)
				}
			}
		}
		s.norms += s.norm
		s.do.Clip *= min(1, s.o.ClipNorm/(s.norm+1e-6)) // as torch.nn.utils.clip_grad_norm_
	}
	s.advance(lr)
	s.run(makeStep)
	return nil
}

func (s *Solver) run(w work) {
	s.work = w
	s.team.Run(len(s.pieces), s)
}

// NotFiniteError says that a step was not made because of its gradients.
type NotFiniteError struct {
	Name string // of the first parameter whose gradient is not finite
	Step uint64 // counted from 1
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("ops: solver: the gradient of %s is not finite at step %d: lower the learning rate or the clip norm", e.Name, e.Step)
}

func (s *Solver) notFinite(param int, step uint64) error {
	return &NotFiniteError{s.name(param), step}
}

// advance counts a step and sets its constants.
func (s *Solver) advance(lr float64) {
	s.step++
	t := float64(s.step)
	correction2 := 1 - math.Pow(s.o.Beta2, t)
	s.do.Denom = 1 / math.Sqrt(correction2)
	s.do.Keep = 1 - lr*s.o.WeightDecay
	if s.kind != "nadam" {
		s.do.StepM = lr / (1 - math.Pow(s.o.Beta1, t))
	} else {
		now, next := s.momentum(s.step), s.momentum(s.step+1)
		s.product *= now
		s.do.StepG = lr * (1 - now) / (1 - s.product)
		s.do.StepM = lr * next / (1 - s.product*next)
	}
}

// momentum is Nadam's schedule, as torch.optim.NAdam.
func (s *Solver) momentum(step uint64) float64 {
	return s.o.Beta1 * (1 - 0.5*math.Pow(0.96, float64(step)*s.o.MomentumDecay))
}

func (s *Solver) Part(i int) {
	p := &s.pieces[i]
	g := p.g
	if s.summed > 0 {
		g = p.sum
	}
	switch s.work {
	case measure:
		s.squares[i] = s.kernels.SquareSum(g)
	case begin:
		copy(p.sum, p.g)
	case accumulate:
		s.kernels.Add(p.g, p.sum)
	default:
		do := s.do
		if !p.decays {
			do.Keep = 1
		}
		s.kernels.Adam(do, p.w, g, p.m, p.v)
	}
}

// decays says whether a parameter does.
func (s *Solver) decays(i int) bool { return s.o.Decays == nil || s.o.Decays[i] }

func (s *Solver) name(i int) string {
	if i < len(s.o.Names) {
		return s.o.Names[i]
	}
	return strconv.Itoa(i)
}

// prepare checks the tensors, makes the moments at the first step and cuts the work into pieces.
func (s *Solver) prepare(params, grads []*tensor.Dense) error {
	if len(params) != len(grads) {
		return fmt.Errorf("ops: solver: %d parameters, %d gradients", len(params), len(grads))
	}
	if slices.Equal(params, s.params) && slices.Equal(grads, s.grads) && (s.pieces != nil || s.gpu != nil && s.gpu.table != nil) {
		return nil
	}
	if s.m == nil {
		for _, p := range params {
			s.m = append(s.m, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(p.Shape().Clone()...)))
			s.v = append(s.v, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(p.Shape().Clone()...)))
		}
	}
	if len(params) != len(s.m) {
		return fmt.Errorf("ops: solver: %d parameters, its state is of %d", len(params), len(s.m))
	}
	if s.o.Decays != nil && len(s.o.Decays) != len(params) {
		return fmt.Errorf("ops: solver: %d parameters, decay is of %d", len(params), len(s.o.Decays))
	}
	n := 0
	for i, p := range params {
		if !p.Shape().Eq(grads[i].Shape()) || !p.Shape().Eq(s.m[i].Shape()) || p.Dtype() != tensor.Float32 || grads[i].Dtype() != tensor.Float32 {
			return fmt.Errorf("ops: solver: %s is %v %v, its gradient %v %v, its moments %v: want the same, float32",
				s.name(i), p.Shape(), p.Dtype(), grads[i].Shape(), grads[i].Dtype(), s.m[i].Shape())
		}
		if s.o.Device != nil {
			continue
		}
		w, g, m, v := floats(p), floats(grads[i]), floats(s.m[i]), floats(s.v[i])
		for from := 0; from < len(w); from += pieceSize {
			to := min(from+pieceSize, len(w))
			if n == len(s.pieces) {
				s.pieces, s.squares = append(s.pieces, piece{}), append(s.squares, 0)
			}
			s.pieces[n] = piece{param: i, w: w[from:to], g: g[from:to], m: m[from:to], v: v[from:to], decays: s.decays(i)}
			if s.sums != nil {
				s.pieces[n].sum = floats(s.sums[i])[from:to]
			}
			n++
		}
	}
	s.pieces, s.squares = s.pieces[:n], s.squares[:n]
	if s.o.Device != nil {
		if s.gpu == nil {
			g, err := newDeviceSolver(s.o.Device, s.m, s.v)
			if err != nil {
				return fmt.Errorf("ops: solver: %w", err)
			}
			s.gpu, g.base, g.decays = g, s.norms, s.decays
		}
		if err := s.gpu.cut(params, grads); err != nil {
			return fmt.Errorf("ops: solver: %w", err)
		}
	}
	s.params, s.grads = slices.Clone(params), slices.Clone(grads)
	return nil
}

func floats(t *tensor.Dense) []float32 { return t.Data().([]float32) }

// stepWord is the base the step is written in: both words are exact in float32.
const stepWord = 1 << 24

// State is what a checkpoint must hold to go on from here: for each parameter NAME its "NAME.m" and "NAME.v", and
// "step", [2]: its low 24 bits and the rest. All float32. The moments are the solver's own memory, not copies; with a
// Device they and the step are those of the last ReadBack.
func (s *Solver) State() []NamedTensor {
	var out []NamedTensor
	for i := range s.m {
		out = append(out, NamedTensor{s.name(i) + ".m", s.m[i]}, NamedTensor{s.name(i) + ".v", s.v[i]})
	}
	step := s.step
	if s.o.Device != nil {
		step = s.read // that the moments are of
	}
	words := []float32{float32(step % stepWord), float32(step / stepWord)}
	return append(out, NamedTensor{"step", tensor.New(tensor.WithShape(2), tensor.WithBacking(words))})
}

// Restore puts back a State, copying it. The next steps are those the saved solver would have made.
func (s *Solver) Restore(state []NamedTensor) error {
	var m, v []*tensor.Dense
	var step []float32
	byName := map[string]*tensor.Dense{}
	for _, t := range state {
		if t.Value == nil || t.Value.Dtype() != tensor.Float32 {
			return fmt.Errorf("ops: solver state %s is not float32", t.Name)
		}
		byName[t.Name] = t.Value
	}
	if t := byName["step"]; t != nil {
		step = floats(t)
	}
	if len(step) != 2 || step[0] < 0 || step[0] >= stepWord || step[1] < 0 || step[1] >= stepWord {
		return fmt.Errorf("ops: solver state has no step of two words: %v", step)
	}
	for i := 0; 2*i+1 < len(state); i++ {
		a, b := byName[s.name(i)+".m"], byName[s.name(i)+".v"]
		if a == nil || b == nil || !a.Shape().Eq(b.Shape()) {
			return fmt.Errorf("ops: solver state lacks %s.m and %s.v of one shape: it belongs to another network", s.name(i), s.name(i))
		}
		m, v = append(m, a.Clone().(*tensor.Dense)), append(v, b.Clone().(*tensor.Dense))
	}
	if len(s.o.Names) > 0 && len(m) > 0 && len(m) != len(s.o.Names) {
		return fmt.Errorf("ops: solver state is of %d parameters, want %d: it belongs to another network", len(m), len(s.o.Names))
	}
	s.drop()
	s.summed = 0
	s.pieces, s.m, s.v, s.step, s.product = nil, m, v, uint64(step[0])+stepWord*uint64(step[1]), 1
	s.read = s.step
	if s.kind == "nadam" {
		for t := uint64(1); t <= s.step; t++ {
			s.product *= s.momentum(t)
		}
	}
	return nil
}

// GorgoniaSolver is a Solver as gorgonia knows solvers, at a learning rate that may be set between steps.
type GorgoniaSolver struct {
	*Solver
	LearningRate float64
}

var _ G.Solver = (*GorgoniaSolver)(nil)

// Step updates the values of the model in place with their gradients.
func (s *GorgoniaSolver) Step(model []G.ValueGrad) error {
	params, grads := make([]*tensor.Dense, len(model)), make([]*tensor.Dense, len(model))
	for i, vg := range model {
		g, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("ops: solver: gradient of %s: %w", s.name(i), err)
		}
		var ok, gok bool
		params[i], ok = vg.Value().(*tensor.Dense)
		grads[i], gok = g.(*tensor.Dense)
		if !ok || !gok {
			return fmt.Errorf("ops: solver: %s is %T, its gradient %T: want tensors", s.name(i), vg.Value(), g)
		}
	}
	return s.Solver.Step(params, grads, s.LearningRate)
}
