package surrogates

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/surrogates/ops"
)

// GraphOptions is the shape of the windows a graph runs on.
type GraphOptions struct {
	Batch, Time int  // windows at once, ms each
	BurnIn      int  // ms at the start of each window that are not scored
	Train       bool // with loss, gradients and batch statistics
	Threads     int  // cores to use, 0: all

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

// Graph runs a network on batches of windows of one shape, on gorgonia's tape machine. It is used by one goroutine at
// a time, and shares the network's weights: graphs of one network must not run while another trains it.
type Graph struct {
	options   GraphOptions
	builder   *ops.Builder
	events    *ops.Events
	scores    *ops.Scores
	heads     *tensor.Dense
	gradients []*tensor.Dense
	machine   G.VM
	loss      *G.Node
	logit     []float32
	voltage   []float32
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
	o, first := g.options, n.layers[0]
	if g.builder, err = ops.NewBuilder(o.Threads, o.Train, o.isa); err != nil {
		return err
	}
	if g.events, err = g.builder.NewEvents(o.Batch, o.Time, n.inputs, first.taps, first.dilation, first.width); err != nil {
		return err
	}
	if g.scores, err = ops.NewScores(o.Batch, o.Time, o.BurnIn, n.heads()); err != nil {
		return err
	}
	graph := G.NewGraph()
	nodes := map[*Weight]*G.Node{}
	var trainable G.Nodes
	for _, w := range n.weights {
		if w.Trainable {
			nodes[w] = G.NewTensor(graph, tensor.Float32, w.Value.Dims(), G.WithShape(w.Value.Shape()...), G.WithName(w.Name), G.WithValue(w.Value))
			trainable = append(trainable, nodes[w])
		}
	}
	var x *G.Node
	for i, l := range n.layers {
		p := n.parts[i]
		if i == 0 {
			x, err = g.builder.EventConv(g.events, nodes[p.w], nodes[p.b])
		} else {
			x, err = g.builder.Conv(x, nodes[p.w], nodes[p.b], l.dilation)
		}
		if err == nil && l.activation != "" {
			x, err = g.builder.Activation(l.activation, x)
		}
		if err == nil && l.norm {
			x, err = g.builder.BatchNorm(x, nodes[p.gamma], nodes[p.beta], p.mean.Value, p.variance.Value, o.BurnIn)
		}
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	y, err := g.builder.Heads(x, nodes[n.headW], nodes[n.headB])
	if err != nil {
		return err
	}
	if o.Train {
		if g.loss, err = g.builder.Loss(y, g.scores); err != nil {
			return err
		}
		grads, err := G.Grad(g.loss, trainable...)
		if err != nil {
			return fmt.Errorf("gradient: %w", err)
		}
		for _, d := range grads {
			g.gradients = append(g.gradients, ops.Output(d))
		}
	}
	g.heads = ops.Output(y)
	g.logit, g.voltage = make([]float32, o.Batch*o.Time), make([]float32, o.Batch*o.Time)
	g.machine = G.NewTapeMachine(graph)
	return nil
}

// Events are the batch's input: fill them, then Run.
func (g *Graph) Events() *ops.Events { return g.events }

var errTargets = errors.New("surrogates: a training graph needs targets")

// Run evaluates the batch in Events. With Train it computes the loss and its gradients; without, t may be nil and then
// only the outputs are computed.
func (g *Graph) Run(t *Targets, w LossWeights) (Loss, error) {
	if t == nil && g.options.Train {
		return Loss{}, errTargets
	}
	if t != nil {
		if err := g.target(t, w); err != nil {
			return Loss{}, err
		}
	}
	if err := g.events.Prepare(); err != nil {
		return Loss{}, fmt.Errorf("surrogates: %w", err)
	}
	if err := g.machine.RunAll(); err != nil {
		return Loss{}, fmt.Errorf("surrogates: run: %w", err)
	}
	g.machine.Reset()
	y, heads := data(g.heads), len(g.scores.Terms)
	for i := range g.logit {
		g.logit[i], g.voltage[i] = y[i*heads], y[i*heads+1]
	}
	if t == nil {
		return Loss{}, nil
	}
	var total float32
	if g.options.Train {
		total = g.loss.Value().Data().(float32)
	} else {
		total = g.builder.Score(y, g.scores)
	}
	s := g.scores.Terms
	return Loss{Total: total, Spike: s[0], Voltage: s[1], Auxiliary: s[2:]}, nil
}

// target puts the targets and weights in the loss's place.
func (g *Graph) target(t *Targets, w LossWeights) error {
	s := g.scores
	if len(t.Auxiliary) != len(s.Terms)-2 || (w.Auxiliary != nil && len(w.Auxiliary) != len(t.Auxiliary)) {
		return fmt.Errorf("surrogates: %d auxiliary targets with %d weights: the network has %d", len(t.Auxiliary), len(w.Auxiliary), len(s.Terms)-2)
	}
	s.Targets[0], s.Targets[1] = t.Spike, t.Voltage
	copy(s.Targets[2:], t.Auxiliary)
	s.Weights[0], s.Weights[1] = w.Spike, w.Voltage
	clear(s.Weights[2:])
	copy(s.Weights[2:], w.Auxiliary)
	for h, target := range s.Targets {
		if len(target) != g.options.Batch*g.options.Time {
			return fmt.Errorf("surrogates: target of head %d has %d values: want %d windows of %d ms", h, len(target), g.options.Batch, g.options.Time)
		}
		if x := float64(s.Weights[h]); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("surrogates: loss weight of head %d is %v", h, x)
		}
	}
	return nil
}

// Gradients are the loss's gradients of the last Run, aligned with the trainable weights of the network. The tensors
// stay the same from run to run.
func (g *Graph) Gradients() []*tensor.Dense { return g.gradients }

// Logit is the spike logit of the last Run, [batch*time].
func (g *Graph) Logit() []float32 { return g.logit }

// Voltage is the voltage of the last Run in normalised units, [batch*time].
func (g *Graph) Voltage() []float32 { return g.voltage }

// Close ends the graph's workers. It must not run again.
func (g *Graph) Close() {
	if g.builder != nil {
		g.builder.Close()
		g.builder = nil
	}
	if g.machine != nil {
		g.machine.Close()
		g.machine = nil
	}
}
