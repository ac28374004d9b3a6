package surrogates

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/team"
	"neq/surrogates/ops"
)

// GraphOptions is the shape of the windows a graph runs on.
type GraphOptions struct {
	Batch, Time int  // windows at once, ms each
	BurnIn      int  // ms at the start of each window that are not scored
	Train       bool // with loss, gradients and batch statistics
	Threads     int  // cores to use, 0: all

	// Device is the GPU the graph's values live on, nil: the CPU. The network's weights live there too while a graph
	// of it is open, shared by all its graphs there: see Network.ReadBack. None of this has run on a GPU yet unless
	// bench/results/gpu says so: it is tested on a fake driver that runs the kernels' source on the host.
	Device *ops.Device

	// Precision is what the factors of dense convolutions are rounded to. A CPU computes in float32, or in bf16 where it
	// has the instructions.
	Precision ops.Precision

	isa string // kernels, for tests; "" the best
}

// Targets are what a batch's windows should have given, [batch*time] each.
type Targets struct {
	Spike     []float32   // 1 where the neuron spikes in that ms, else 0
	Voltage   []float32   // normalised
	Auxiliary [][]float32 // [auxiliary][batch*time]
}

// LossWeights multiply the terms of the loss. They may change from step to step.
type LossWeights struct {
	Spike, Voltage float32
	Auxiliary      []float32 // nil: none counts
}

// Loss is a weighted total and its unweighted terms, means over the batch*(Time-BurnIn) scored bins: binary
// cross-entropy for spikes, squared error for the rest. Auxiliary is overwritten by the graph's next run.
type Loss struct {
	Total, Spike, Voltage float32
	Auxiliary             []float32
}

// LossSum is the sum of the losses of some steps.
type LossSum struct {
	Steps                 int
	Total, Spike, Voltage float64
	Auxiliary             []float64
	NotFinite             int // the first of the steps, counted from 1, whose total is not finite; 0: none
}

func (s *LossSum) add(l Loss) {
	if d := l.Total - l.Total; d != 0 && s.NotFinite == 0 {
		s.NotFinite = s.Steps
	}
	s.Total += float64(l.Total)
	s.Spike += float64(l.Spike)
	s.Voltage += float64(l.Voltage)
	if s.Auxiliary == nil && len(l.Auxiliary) > 0 {
		s.Auxiliary = make([]float64, len(l.Auxiliary))
	}
	for i, v := range l.Auxiliary {
		s.Auxiliary[i] += float64(v)
	}
}

// Graph runs a network on batches of windows of one shape. It is used by one goroutine at
// a time, and shares the network's weights: graphs of one network must not run while another trains it.
type Graph struct {
	options   GraphOptions
	builder   *ops.Builder
	events    *ops.Events
	scores    *ops.Scores
	heads     *tensor.Dense
	gradients []*tensor.Dense
	machine   *ops.Machine
	loss      *G.Node
	logit     []float32
	voltage   []float32

	batch   *ops.DeviceBatch // on a device
	network *Network         // whose weights were adopted there
	result  Loss             // of the last Queue
	scored  bool             // it had targets
	sum     LossSum          // since the last Losses; on a device only its Steps
}

// Graph builds the network's graph for windows of one shape.
func (n *Network) Graph(o GraphOptions) (*Graph, error) {
	if o.Batch < 1 || o.Time < 1 || o.BurnIn < 0 || o.BurnIn >= o.Time || o.Threads < 0 {
		return nil, fmt.Errorf("surrogates: %s on %d windows of %d ms with %d ms of burn-in, %d threads: want at least one window, longer than its burn-in",
			n.spec.Title(), o.Batch, o.Time, o.BurnIn, o.Threads)
	}
	g := &Graph{options: o}
	if err := g.build(n); err != nil {
		g.Close()
		return nil, fmt.Errorf("surrogates: %s: %w", n.spec.Title(), err)
	}
	return g, nil
}

func (g *Graph) build(n *Network) (err error) {
	o := g.options
	if o.Device == nil {
		if g.builder, err = ops.NewBuilder(o.Threads, o.Train, o.isa); err == nil {
			err = g.builder.Round(o.Precision, rounding(o.isa))
		}
	} else {
		g.builder, err = ops.NewDeviceBuilder(o.Device, o.Train, o.Precision)
	}
	if err != nil {
		return err
	}
	if g.events, err = n.stages[0].(listener).events(g.builder, o.Batch, o.Time); err != nil {
		return err
	}
	if g.scores, err = ops.NewScores(o.Batch, o.Time, o.BurnIn, n.heads()); err != nil {
		return err
	}
	if o.Device != nil {
		if err := o.Device.Adopt(n.tensors()...); err != nil {
			return err
		}
		g.network = n
		if g.batch, err = g.builder.NewDeviceBatch(g.events, g.scores); err != nil {
			return err
		}
	}
	graph := G.NewGraph()
	b := &building{ops: g.builder, events: g.events, device: o.Device, burnIn: o.BurnIn, graph: graph}
	b.enter(n)
	var x *G.Node
	for i, s := range n.stages {
		if x, err = s.build(b, x); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	y, err := g.builder.Heads(x, b.node(n.headW), b.node(n.headB))
	if err != nil {
		return err
	}
	if o.Train {
		if g.loss, err = g.builder.Loss(y, g.scores); err != nil {
			return err
		}
		grads, err := g.builder.Grad(g.loss, b.fit...)
		if err != nil {
			return fmt.Errorf("gradient: %w", err)
		}
		for _, d := range grads {
			g.gradients = append(g.gradients, ops.Output(d))
		}
	}
	if o.Device != nil {
		if err := ops.OnDevice(graph); err != nil {
			return err
		}
	}
	if err := g.builder.Place(); err != nil {
		return err
	}
	g.heads = ops.Output(y)
	g.logit, g.voltage = make([]float32, o.Batch*o.Time), make([]float32, o.Batch*o.Time)
	g.machine = g.builder.NewMachine(graph)
	return nil
}

// rounding are the instructions of rounded products where tests name those of the kernels.
func rounding(isa string) string {
	if isa != "" {
		return "portable"
	}
	return ""
}

// Events are the batch's input: fill them, then Run.
func (g *Graph) Events() *ops.Events { return g.events }

var errTargets = errors.New("surrogates: a training graph needs targets")

// Run evaluates the batch in Events. With Train it computes the loss and its gradients; without, t may be nil and then
// only the outputs are computed.
func (g *Graph) Run(t *Targets, w LossWeights) (Loss, error) {
	if err := g.Queue(t, w); err != nil {
		return Loss{}, err
	}
	return g.Result()
}

// Queue is Run without waiting for it on a device: events and targets are taken at once, and may be refilled when it
// returns; the gradients are there for a Solver on the same device. On the CPU it runs.
func (g *Graph) Queue(t *Targets, w LossWeights) error {
	if t == nil && g.options.Train {
		return errTargets
	}
	if t != nil {
		if err := g.target(t, w); err != nil {
			return err
		}
	}
	if err := g.events.Prepare(); err != nil {
		return fmt.Errorf("surrogates: %w", err)
	}
	g.scored = t != nil
	if g.batch != nil {
		if err := g.batch.Run(g.scored, g.scored && !g.options.Train, g.heads, g.compute); err != nil {
			return fmt.Errorf("surrogates: %w", err)
		}
		if g.scored {
			g.sum.Steps++
		}
		return nil
	}
	if err := g.compute(); err != nil {
		return err
	}
	y := data(g.heads)
	g.outputs(y)
	if g.scored {
		var total float32
		if g.options.Train {
			total = ops.Number(g.loss)
		} else {
			total = g.builder.Score(y, g.scores)
		}
		g.terms(total)
		g.sum.Steps++
		g.sum.add(g.result)
	}
	return nil
}

// compute runs the graph's operations: on a device it queues them.
func (g *Graph) compute() error {
	if err := g.machine.Run(); err != nil {
		return fmt.Errorf("surrogates: run: %w", err)
	}
	return nil
}

// Losses waits for what is queued and gives the sum of the losses of all runs with targets since it was last called:
// for those who queue many steps and look now and then.
func (g *Graph) Losses() (LossSum, error) {
	sum := g.sum
	if g.batch != nil {
		total, terms, bad, err := g.batch.Drain()
		if err != nil {
			return LossSum{}, fmt.Errorf("surrogates: %w", err)
		}
		sum.Total, sum.Spike, sum.Voltage, sum.Auxiliary, sum.NotFinite = total, terms[0], terms[1], terms[2:], bad
	}
	g.sum = LossSum{}
	return sum, nil
}

// Result waits for the last Queue and gives its loss, zero without targets; Logit and Voltage are that run's then.
func (g *Graph) Result() (Loss, error) {
	if g.batch != nil {
		y, err := g.options.Device.Read(g.heads)
		if err != nil {
			return Loss{}, fmt.Errorf("surrogates: %w", err)
		}
		g.outputs(y)
		if g.scored {
			total, err := g.batch.Loss()
			if err != nil {
				return Loss{}, fmt.Errorf("surrogates: %w", err)
			}
			g.terms(total)
		}
	}
	if !g.scored {
		return Loss{}, nil
	}
	return g.result, nil
}

// outputs takes the heads y [batch*time][heads] apart.
func (g *Graph) outputs(y []float32) {
	heads := len(g.scores.Terms)
	for i := range g.logit {
		g.logit[i], g.voltage[i] = y[i*heads], y[i*heads+1]
	}
}

func (g *Graph) terms(total float32) {
	s := g.scores.Terms
	g.result = Loss{Total: total, Spike: s[0], Voltage: s[1], Auxiliary: s[2:]}
}

// target puts the targets and weights in the loss's place.
func (g *Graph) target(t *Targets, w LossWeights) error {
	s := g.scores
	if len(t.Auxiliary) != len(s.Terms)-2 {
		return fmt.Errorf("surrogates: %d auxiliary targets: the network has %d", len(t.Auxiliary), len(s.Terms)-2)
	}
	s.Targets[0], s.Targets[1] = t.Spike, t.Voltage
	copy(s.Targets[2:], t.Auxiliary)
	for h, target := range s.Targets {
		if len(target) != g.options.Batch*g.options.Time {
			return fmt.Errorf("surrogates: target of head %d has %d values: want %d windows of %d ms", h, len(target), g.options.Batch, g.options.Time)
		}
	}
	return g.weigh(w)
}

// weigh puts the weights in the loss's place.
func (g *Graph) weigh(w LossWeights) error {
	s := g.scores
	if w.Auxiliary != nil && len(w.Auxiliary) != len(s.Terms)-2 {
		return fmt.Errorf("surrogates: %d auxiliary weights: the network has %d auxiliary targets", len(w.Auxiliary), len(s.Terms)-2)
	}
	s.Weights[0], s.Weights[1] = w.Spike, w.Voltage
	clear(s.Weights[2:])
	copy(s.Weights[2:], w.Auxiliary)
	for h := range s.Weights {
		if x := float64(s.Weights[h]); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("surrogates: loss weight of head %d is %v", h, x)
		}
	}
	return nil
}

// Team is what runs the graph's parts. A solver between its runs should have the same: workers of two would be in each
// other's way.
func (g *Graph) Team() *team.Team { return g.builder.Team() }

// Gradients are the loss's gradients of the last Run, aligned with the trainable weights of the network. The tensors
// stay the same from run to run. On a device they are for a Solver there: the host must not read them but by Device.Read.
func (g *Graph) Gradients() []*tensor.Dense { return g.gradients }

// Logit is the spike logit of the last Run, [batch*time].
func (g *Graph) Logit() []float32 { return g.logit }

// Voltage is the voltage of the last Run in normalised units, [batch*time].
func (g *Graph) Voltage() []float32 { return g.voltage }

// Close ends the graph's workers and gives back its memory on a device; with the network's last graph there, the
// network's weights on the device are gone, so read them back before. It must not run again.
func (g *Graph) Close() {
	if g.builder != nil {
		g.builder.Close()
		g.builder = nil
	}
	if g.machine != nil {
		g.machine.Close()
		g.machine = nil
	}
	if g.network != nil {
		g.options.Device.Release(g.network.tensors()...)
		g.network = nil
	}
}
