package surrogates

import (
	"errors"

	"gorgonia.org/tensor"

	"neq/surrogates/ops"
)

var errUnfinished = errors.New("surrogates: graph is not built in this version")

// GraphOptions is the shape of the windows a graph runs on.
type GraphOptions struct {
	Batch, Time int  // windows at once, ms each
	BurnIn      int  // ms at the start of each window that are not scored
	Train       bool // with loss, gradients and batch statistics
	Threads     int  // cores to use, 0: all
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
	Auxiliary      []float32
}

// Loss is a weighted total and its unweighted terms, means over the batch*(Time-BurnIn) scored bins.
type Loss struct {
	Total, Spike, Voltage float32
	Auxiliary             []float32
}

// Graph runs a network on batches of windows of one shape. It is used by one goroutine at a time.
type Graph struct {
	options GraphOptions
	events  *ops.Events
}

// Graph builds the network's graph for windows of one shape.
func (n *Network) Graph(o GraphOptions) (*Graph, error) { return nil, errUnfinished }

// Events are the batch's input: fill them, then Run.
func (g *Graph) Events() *ops.Events { return g.events }

// Run evaluates the batch in Events. With Train it computes the loss and its gradients; without, t may be nil
// and then only the outputs are computed.
func (g *Graph) Run(t *Targets, w LossWeights) (Loss, error) { return Loss{}, errUnfinished }

// Gradients are the loss's gradients of the last Run, aligned with the trainable weights of the network.
func (g *Graph) Gradients() []*tensor.Dense { return nil }

// Logit is the spike logit of the last Run, [batch*time].
func (g *Graph) Logit() []float32 { return nil }

// Voltage is the voltage of the last Run in normalised units, [batch*time].
func (g *Graph) Voltage() []float32 { return nil }

// Close ends the graph's workers.
func (g *Graph) Close() {}
