package surrogates

import (
	"fmt"

	"gorgonia.org/tensor"

	"neq/surrogates/ops"
)

// Weight is a named tensor of a network.
type Weight struct {
	Name      string
	Value     *tensor.Dense // float32, shape fixed for the life of the network
	Synaptic  bool          // first-layer weights, [synapse][lag][channel]
	Trainable bool          // false: batch-norm running statistics

	// What compression must know.
	Rectified   bool // a value below 0 counts as 0 (an ELM's synapses)
	Kept        bool // no weights of connections though a matrix: biases of experts, time constants
	OutputFirst bool // the first axis is that of the outputs, not the last
}

// Network is a surrogate's architecture with its weights. Graphs made from it share the weights' values.
type Network struct {
	spec              Spec
	inputs, auxiliary int
	stages            []stage
	width             []int // channels of each stage's output
	weights           []*Weight
	headW, headB      *Weight
}

// initStream is the first Philox stream of initial weights; every tensor has the next one.
const initStream = 0x5747_0000

// New makes a network over input synapses, with the heads for spike and voltage and so many auxiliary targets. Initial
// weights depend on the spec, the inputs and the seed alone: where a family does not say otherwise uniform within
// 1/sqrt(fan-in), biases too (PyTorch's default, LeCun et al. 1998), norms at identity. The filter's heads start at
// weight 1 and bias 0, its bias at 0: heads of unlike sign would pull the one filter in opposite directions.
func New(spec Spec, inputs Inputs, auxiliary int, seed uint64) (*Network, error) {
	stages, width, err := spec.stages(len(inputs))
	if err != nil {
		return nil, err
	}
	if auxiliary < 0 || auxiliary > 1<<12 {
		return nil, fmt.Errorf("surrogates: %s with %d auxiliary targets: want 0 to %d", spec.Title(), auxiliary, 1<<12)
	}
	n := &Network{spec: spec, inputs: len(inputs), auxiliary: auxiliary, stages: stages, width: width}
	d := &declaration{n: n, seed: seed, inputs: inputs}
	for i, s := range stages {
		d.prefix = fmt.Sprintf("layer%d.", i)
		s.declare(d)
	}
	d.prefix = "heads."
	in := width[len(width)-1]
	n.headW, n.headB = d.add("weight", n.heads(), in), d.add("bias", n.heads()) // rows: spike, voltage, auxiliary
	n.headW.OutputFirst = true
	if spec.Family == "filter" {
		fill(n.headW, 1)
	} else {
		d.uniform(fanIn(in), n.headW, n.headB)
	}
	return n, nil
}

func (n *Network) heads() int { return 2 + n.auxiliary }

func zeros(shape ...int) *tensor.Dense {
	return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
}

func (n *Network) add(name string, synaptic, trainable bool, shape ...int) *Weight {
	w := &Weight{Name: name, Value: zeros(shape...), Synaptic: synaptic, Trainable: trainable}
	n.weights = append(n.weights, w)
	return w
}

func fill(w *Weight, x float32) {
	v := data(w.Value)
	for i := range v {
		v[i] = x
	}
}

func data(t *tensor.Dense) []float32 { return t.Data().([]float32) }

// Spec is the architecture the network was made from.
func (n *Network) Spec() Spec { return n.spec }

// Inputs is the number of input synapses.
func (n *Network) Inputs() int { return n.inputs }

// Auxiliary is the number of auxiliary targets.
func (n *Network) Auxiliary() int { return n.auxiliary }

// Weights are the network's tensors, in an order and with shapes fixed by the spec.
func (n *Network) Weights() []*Weight { return n.weights }

// ReadBack copies the weights from a device that graphs of the network run on, after all steps queued there; nil is
// the CPU, where there is nothing to do. On an error all weights stay as they were, those of the last ReadBack.
func (n *Network) ReadBack(d *ops.Device) error {
	if d == nil {
		return nil
	}
	if err := d.ReadBack(n.tensors()...); err != nil {
		return fmt.Errorf("surrogates: %s: the weights stay those last read back: %w", n.spec.Title(), err)
	}
	return nil
}

// Upload copies the weights to a device that graphs of the network run on, where the first of them has put those of its
// day: for weights set on the host since. nil is the CPU.
func (n *Network) Upload(d *ops.Device) error {
	if d == nil {
		return nil
	}
	if err := d.Upload(n.tensors()...); err != nil {
		return fmt.Errorf("surrogates: %s: %w", n.spec.Title(), err)
	}
	return nil
}

func (n *Network) tensors() []*tensor.Dense {
	ts := make([]*tensor.Dense, len(n.weights))
	for i, w := range n.weights {
		ts[i] = w.Value
	}
	return ts
}

// Parameters counts the trainable weights, from the architecture.
func (n *Network) Parameters() int {
	total := n.heads() * (n.width[len(n.width)-1] + 1)
	for _, s := range n.stages {
		synaptic, core := s.parameters()
		total += synaptic + core
	}
	return total
}

// SynapticParameters counts the weights that touch an input, which grow with the number of synapses.
func (n *Network) SynapticParameters() int {
	total := 0
	for _, s := range n.stages {
		synaptic, _ := s.parameters()
		total += synaptic
	}
	return total
}

// ReceptiveField is how many ms of input, the present one included, an output depends on; 0 where it is all of the past.
func (n *Network) ReceptiveField() int {
	return reach(n.stages)
}

// Cost is what one ms of streaming inference takes: multiply-accumulates, with eventsPerMs input events over all
// synapses, and the numbers kept from one ms to the next.
func (n *Network) Cost(eventsPerMs float64) (macs float64, state int) {
	macs, state = cost(n.stages, eventsPerMs)
	return macs + float64(n.heads()*n.width[len(n.width)-1]), state
}
