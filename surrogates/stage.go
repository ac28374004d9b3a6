package surrogates

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/onnx"
	"neq/internal/philox"
	"neq/surrogates/ops"
)

// stage is a part of a network, between the input events and the heads: what it computes in a ms becomes the input of
// the stage after it. A family (families.go) is a list of stages; each kind of stage is a file of its own.
type stage interface {
	// plan takes the channels of input (the first stage: synapses) and gives those of output. It is called once, before
	// all else, and allocates nothing.
	plan(in int) (out int, err error)

	// declare adds the stage's tensors with their initial values.
	declare(d *declaration)

	// parameters are counted from the architecture: those that touch an input synapse, and the others.
	parameters() (synaptic, core int)

	// build adds the stage's operations to a graph: x [batch][time][in], nil of the first stage, to [batch][time][out].
	build(g *building, x *G.Node) (*G.Node, error)

	// reach is how many ms of its input, the present one included, an output depends on; 0 is all of the past.
	reach() int

	// cost is what one ms of streaming takes: multiply-accumulates, where events arrive in a ms at the first stage, and
	// the numbers kept from one ms to the next.
	cost(events float64) (macs float64, state int)

	// onnx adds a ms of the stage to a model: x [batch][in], of the first stage the spikes of each synapse in the ms, to
	// [batch][out]. Its state is that of its stream, by name, shape and value.
	onnx(e *exporting, x onnx.Value) onnx.Value

	// stream makes the stage ready to run one ms at a time for so many neurons.
	stream(rows int, k ops.Single) stepper
}

// listener is a stage that can be the first: it makes room for a batch's events.
type listener interface {
	events(b *ops.Builder, batch, time int) (*ops.Events, error)
}

// tabled is a stage with tables of indices, which a file may have filled.
type tabled interface{ valid() error }

// stepper is a stage under way, one ms at a time: x [rows][in], or of the first stage the ms's spikes, to y [rows][out].
// What it keeps are the slices of state, each [rows][..], zero at the start.
type stepper interface {
	step(x []float32, s *Spikes, y []float32)
	state() []State
}

// declaration is where a stage adds its tensors.
type declaration struct {
	n      *Network
	prefix string // of their names
	seed   uint64
	inputs Inputs
}

// add adds a trainable tensor of zeros.
func (d *declaration) add(name string, shape ...int) *Weight {
	return d.n.add(d.prefix+name, false, true, shape...)
}

// fixed adds a tensor that training leaves as it is.
func (d *declaration) fixed(name string, shape ...int) *Weight {
	return d.n.add(d.prefix+name, false, false, shape...)
}

// synaptic adds a trainable tensor of weights of input synapses.
func (d *declaration) synaptic(name string, shape ...int) *Weight {
	return d.n.add(d.prefix+name, true, true, shape...)
}

// uniform draws a tensor's values within +-bound.
func (d *declaration) uniform(bound float64, ws ...*Weight) {
	for _, w := range ws {
		r := d.random(w)
		v := data(w.Value)
		for i := range v {
			v[i] = float32(bound * (2*r.Float64() - 1))
		}
	}
}

// random is the stream of a tensor's initial values.
func (d *declaration) random(w *Weight) *philox.Stream {
	stream := uint32(initStream)
	for i, o := range d.n.weights {
		if o == w {
			stream += uint32(i)
		}
	}
	return philox.New(d.seed, 0, stream)
}

// fanIn is the bound of initial weights that sum so many inputs (PyTorch's default for dense layers and convolutions;
// LeCun et al. 1998).
func fanIn(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// building is a graph being made.
type building struct {
	ops    *ops.Builder
	events *ops.Events
	device *ops.Device
	burnIn int
	graph  *G.ExprGraph
	nodes  map[*Weight]*G.Node
	fit    G.Nodes // nodes of trainable tensors, in the network's order
}

// node is a trainable tensor in the graph.
func (g *building) node(w *Weight) *G.Node { return g.nodes[w] }

// constant is a tensor that training leaves alone, in the graph.
func (g *building) constant(w *Weight) *G.Node {
	value := w.Value
	if g.device != nil {
		value = g.device.Resident(value)
	}
	return G.NewTensor(g.graph, tensor.Float32, value.Dims(), G.WithShape(value.Shape()...), G.WithName(w.Name), G.WithValue(value))
}

// enter makes a node of every trainable tensor of the network.
func (g *building) enter(n *Network) {
	g.nodes = map[*Weight]*G.Node{}
	for _, w := range n.weights {
		if !w.Trainable {
			continue
		}
		value := w.Value
		if g.device != nil {
			value = g.device.Resident(value)
		}
		g.nodes[w] = G.NewTensor(g.graph, tensor.Float32, value.Dims(), G.WithShape(value.Shape()...), G.WithName(w.Name), G.WithValue(value))
		g.fit = append(g.fit, g.nodes[w])
	}
}

// Spikes are the input events of one ms: those of row r are Synapse[Start[r]:Start[r+1]]. Repeated events add up.
type Spikes struct {
	Start   []int // [rows+1]
	Synapse []int32
}

// State is a tensor that a stream keeps from one ms to the next, [rows][..].
type State struct {
	Name  string
	Shape []int // without the rows
	Value []float32
}

// Stream runs a network one ms at a time for several neurons, each with input and state of its own: what a simulation
// with surrogates in it calls. It uses the weights of the day it was made. It is used by one goroutine at a time.
type Stream struct {
	n      *Network
	rows   int
	steps  []stepper
	width  []int
	x      [][]float32
	heads  []float32
	hw, hb []float32
}

// Valid says whether the tables of indices among the weights, which a file may have filled, are such.
func (n *Network) Valid() error {
	for _, s := range n.stages {
		if c, ok := s.(tabled); ok {
			if err := c.valid(); err != nil {
				return fmt.Errorf("surrogates: %s: %w", n.spec.Title(), err)
			}
		}
	}
	return nil
}

// Stream makes the network ready for so many neurons.
func (n *Network) Stream(rows int) (*Stream, error) {
	if rows < 1 || rows > 1<<24 {
		return nil, fmt.Errorf("surrogates: a stream of %s for %d neurons: want 1 to %d", n.spec.Title(), rows, 1<<24)
	}
	s := &Stream{n: n, rows: rows, width: n.width, hw: data(n.headW.Value), hb: data(n.headB.Value), heads: make([]float32, rows*n.heads())}
	k, err := ops.NewSingle()
	if err != nil {
		return nil, fmt.Errorf("surrogates: %w", err)
	}
	if err := n.Valid(); err != nil {
		return nil, err
	}
	for i, st := range n.stages {
		s.steps = append(s.steps, st.stream(rows, k))
		s.x = append(s.x, make([]float32, rows*n.width[i]))
	}
	return s, nil
}

// Step takes a ms's input and gives [rows][heads]: spike logit, normalised voltage, auxiliary ones. The slice is used
// again by the next Step.
func (s *Stream) Step(in *Spikes) ([]float32, error) {
	if len(in.Start) != s.rows+1 || in.Start[0] != 0 || in.Start[s.rows] > len(in.Synapse) {
		return nil, fmt.Errorf("surrogates: spikes of a ms: %d starts for %d neurons, %d spikes", len(in.Start), s.rows, len(in.Synapse))
	}
	for r := range s.rows {
		if in.Start[r] > in.Start[r+1] {
			return nil, fmt.Errorf("surrogates: spikes of a ms: Start[%d] = %d, Start[%d] = %d: want ascending", r, in.Start[r], r+1, in.Start[r+1])
		}
	}
	for _, y := range in.Synapse[:in.Start[s.rows]] {
		if uint32(y) >= uint32(s.n.inputs) {
			return nil, fmt.Errorf("surrogates: a spike at synapse %d: the network has %d", y, s.n.inputs)
		}
	}
	var x []float32
	for i, st := range s.steps {
		st.step(x, in, s.x[i])
		x = s.x[i]
	}
	heads, width := s.n.heads(), s.width[len(s.width)-1]
	for r := range s.rows {
		row := x[r*width : (r+1)*width]
		for h := range heads {
			s.heads[r*heads+h] = s.hb[h] + dot(s.hw[h*width:(h+1)*width], row)
		}
	}
	return s.heads, nil
}

// State are the tensors that the stream keeps, in place: a caller may save them, and put them back.
func (s *Stream) State() []State {
	var all []State
	for i, st := range s.steps {
		for _, x := range st.state() {
			x.Name = fmt.Sprintf("layer%d.%s", i, x.Name)
			all = append(all, x)
		}
	}
	return all
}

// Reset forgets all input.
func (s *Stream) Reset() {
	for _, x := range s.State() {
		clear(x.Value)
	}
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a) && i+4 <= len(b); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// axpy adds a x to y.
func axpy(a float32, x, y []float32) {
	for i, v := range x {
		y[i] += a * v
	}
}

// reach is that of stages one after the other.
func reach(stages []stage) int {
	reach := 1
	for _, s := range stages {
		if s.reach() == 0 {
			return 0
		}
		reach += s.reach() - 1
	}
	return reach
}

// cost is that of stages one after the other, without what follows them.
func cost(stages []stage, events float64) (macs float64, state int) {
	for _, s := range stages {
		m, k := s.cost(events)
		macs, state = macs+m, state+k
	}
	return macs, state
}
