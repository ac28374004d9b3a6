package surrogates

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"neq/internal/philox"
	"neq/surrogates/ops"
)

// Weight is a named tensor of a network.
type Weight struct {
	Name      string
	Value     *tensor.Dense // float32, shape fixed for the life of the network
	Synaptic  bool          // first-layer weights, [synapse][lag][channel]
	Trainable bool          // false: batch-norm running statistics
}

// Network is a surrogate's architecture with its weights. Graphs made from it share the weights' values.
type Network struct {
	spec              Spec
	inputs, auxiliary int
	layers            []layer
	weights           []*Weight
	parts             []layerWeights
	headW, headB      *Weight
}

// layerWeights are a layer's tensors; those of the norm are nil without one.
type layerWeights struct{ w, b, gamma, beta, mean, variance *Weight }

// initStream is the first Philox stream of initial weights; every tensor has the next one.
const initStream = 0x5747_0000

// New makes a network over so many input synapses, with the heads for spike and voltage and so many auxiliary
// targets. Initial weights depend on the spec and the seed alone: uniform within 1/sqrt(fan-in), biases too
// (PyTorch's default for convolutions, LeCun et al. 1998), norms at identity. The filter's heads start at weight 1
// and bias 0, its bias at 0: heads of unlike sign would pull the one filter in opposite directions.
func New(spec Spec, inputs, auxiliary int, seed uint64) (*Network, error) {
	ls, err := spec.layers(inputs)
	if err != nil {
		return nil, err
	}
	if auxiliary < 0 || auxiliary > 1<<12 {
		return nil, fmt.Errorf("surrogates: %s with %d auxiliary targets: want 0 to %d", spec.Title(), auxiliary, 1<<12)
	}
	n := &Network{spec: spec, inputs: inputs, auxiliary: auxiliary, layers: ls}
	in := inputs
	for i, l := range ls {
		name := fmt.Sprintf("layer%d.", i)
		bound := 1 / math.Sqrt(float64(in)*float64(l.taps))
		var p layerWeights
		p.w = n.add(name+"weight", i == 0, true, in, l.taps, l.width)
		if i > 0 {
			p.w.Value = zeros(l.taps, in, l.width) // [lag][channel in][channel out]
		}
		p.b = n.add(name+"bias", false, true, l.width)
		n.uniform(p.w, bound, seed)
		if l.norm {
			p.gamma = n.add(name+"norm.gamma", false, true, l.width)
			p.beta = n.add(name+"norm.beta", false, true, l.width)
			p.mean = n.add(name+"norm.mean", false, false, l.width)
			p.variance = n.add(name+"norm.variance", false, false, l.width)
			fill(p.gamma, 1)
			fill(p.variance, 1)
		}
		if spec.Family != "filter" {
			n.uniform(p.b, bound, seed)
		}
		n.parts = append(n.parts, p)
		in = l.width
	}
	n.headW = n.add("heads.weight", false, true, n.heads(), in) // rows: spike, voltage, auxiliary
	n.headB = n.add("heads.bias", false, true, n.heads())
	if spec.Family == "filter" {
		fill(n.headW, 1)
	} else {
		n.uniform(n.headW, 1/math.Sqrt(float64(in)), seed)
		n.uniform(n.headB, 1/math.Sqrt(float64(in)), seed)
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

func (n *Network) uniform(w *Weight, bound float64, seed uint64) {
	stream := uint32(initStream)
	for i, o := range n.weights {
		if o == w {
			stream += uint32(i)
		}
	}
	r := philox.New(seed, 0, stream)
	v := data(w.Value)
	for i := range v {
		v[i] = float32(bound * (2*r.Float64() - 1))
	}
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
	total, in := n.SynapticParameters(), 0
	for i, l := range n.layers {
		if i > 0 {
			total += in * l.taps * l.width
		}
		total += l.width
		if l.norm {
			total += 2 * l.width
		}
		in = l.width
	}
	return total + n.heads()*(in+1)
}

// SynapticParameters counts the first layer's weights, which grow with the number of synapses.
func (n *Network) SynapticParameters() int { return n.inputs * n.layers[0].taps * n.layers[0].width }

// ReceptiveField is how many ms of input, the present one included, an output depends on.
func (n *Network) ReceptiveField() int {
	reach := 1
	for _, l := range n.layers {
		reach += l.reach() - 1
	}
	return reach
}

// Cost is what one ms of streaming inference takes: multiply-accumulates, with eventsPerMs input events over all
// synapses (an event adds its synapse's taps to the outputs to come), and the numbers kept from one ms to the next:
// the first layer's outputs to come and the later layers' past inputs. Batch normalisation folds into the weights.
func (n *Network) Cost(eventsPerMs float64) (macs float64, state int) {
	in := 0
	for i, l := range n.layers {
		if i == 0 {
			macs += eventsPerMs * float64(l.taps*l.width)
		} else {
			macs += float64(in * l.taps * l.width)
		}
		if i == 0 {
			state += l.reach() * l.width
		} else {
			state += (l.reach() - 1) * in
		}
		in = l.width
	}
	return macs + float64(n.heads()*in), state
}
