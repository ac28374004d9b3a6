package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/kernels/nets"
	"neq/internal/team"
)

// body computes an operation on the CPU: in and out are the tensors' values in the op's order. The CPU's are in the
// op's own file, the GPU's (gpuBody) in device_*.go.
type body interface {
	run(in [][]float32, out []float32)
}

// Builder makes the operations of one graph: they share its team of workers.
type Builder struct {
	kernels nets.Kernels
	team    *team.Team
	train   bool
	chain   chain  // inference: ops whose outputs share memory
	ran     *[]*op // a Machine's list of what gorgonia runs

	keptBytes int // of what a recurrent layer keeps for the way back

	device    *Device   // nil: the CPU
	precision Precision // of products
	batch     *DeviceBatch
	held      []*resident // the graph's tensors on the device
	scratch   []interface{ Free() error }

	bf16   nets.BF16 // where the precision is
	halves [2][]uint16
}

var serial atomic.Uint64 // ids that keep gorgonia from merging ops that hash alike

// NewBuilder starts a team of so many threads (0: all cores) for one graph. isa picks the kernels, "" the best. Only a
// training graph can be differentiated; an inference graph reuses the memory of an output that has been read.
func NewBuilder(threads int, train bool, isa string) (*Builder, error) {
	k, err := nets.New(isa)
	if err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	return &Builder{kernels: k, team: team.New(threads), train: train, keptBytes: keptBytes}, nil
}

// NewDeviceBuilder is NewBuilder for a graph whose values are on a GPU, in float32, with products of a precision.
func NewDeviceBuilder(d *Device, train bool, p Precision) (*Builder, error) {
	b, err := NewBuilder(1, train, "")
	if err == nil {
		b.device, b.precision = d, p
	}
	return b, err
}

// Team runs the graph's parts; a solver of the same training runs its own with it, between the graph's runs.
func (b *Builder) Team() *team.Team { return b.team }

// Close ends the team and gives back memory on the device. The graph must not run again.
func (b *Builder) Close() {
	b.team.Close()
	for _, r := range b.held {
		b.device.free(r)
	}
	b.held = nil
	for _, s := range b.scratch {
		_ = s.Free() // a lost device has freed it
	}
	b.scratch = nil
	if b.batch != nil {
		b.batch.close()
	}
}

// differ builds the gradients of an op's inputs; nil stands for those not wanted.
type differ func(in G.Nodes, out, grad *G.Node) (G.Nodes, error)

// op is a gorgonia.Op around a body: fixed shapes, one output in a buffer of its own.
type op struct {
	b      *Builder
	name   string
	id     uint64
	inputs G.Nodes
	shape  tensor.Shape // of the output
	out    G.Value
	data   []float32
	body   body
	gpu    gpuBody // where the builder is a device's
	device *Device
	wrt    []bool
	differ differ

	buf      *driver.Buffer[float32] // of the output on the device
	operands []operand

	last []G.Value
	in   [][]float32
}

var (
	_ G.Op   = &op{}
	_ G.SDOp = &op{}
)

// apply adds an op with its bodies to the graph. wrt says for which inputs it can be differentiated, with grad.
func (b *Builder) apply(name string, shape tensor.Shape, run body, gpu gpuBody, wrt []bool, d differ, in ...*G.Node) (*G.Node, error) {
	if b.device != nil && gpu == nil {
		return nil, fmt.Errorf("ops: %s has no body for a GPU: train this network with --device cpu", name)
	}
	o := &op{b: b, name: name, id: serial.Add(1), inputs: in, shape: shape, body: run, wrt: wrt, differ: d,
		last: make([]G.Value, len(in)), in: make([][]float32, len(in))}
	if wrt == nil {
		o.wrt = make([]bool, len(in))
	}
	switch {
	case len(shape) == 0:
		o.out, o.data = G.NewF32(0), make([]float32, 1)
	case b.train || len(shape) != 3: // small tensors are not worth sharing
		if err := o.own(); err != nil {
			return nil, err
		}
	}
	if !b.train {
		if err := b.chain.add(o); err != nil {
			return nil, err
		}
	}
	if b.device != nil {
		o.device, o.gpu, o.operands = b.device, gpu, make([]operand, len(in))
	}
	n, err := G.ApplyOp(o, in...)
	if err != nil {
		return nil, fmt.Errorf("ops: %s: %w", name, err)
	}
	return n, nil
}

// view makes an op's output a part of another's on the device, in place of its own.
func (b *Builder) view(o *op, part *driver.Buffer[float32]) {
	own := b.held[len(b.held)-1]
	b.held = b.held[:len(b.held)-1]
	b.device.free(own)
	r := b.device.over(part, own.value.Shape())
	o.out, o.buf = r.value, part
	if at := r.value.Uintptr(); b.device.memory[at] == nil { // the first row is found as the whole
		r.part = true
		b.device.memory[at] = r
		b.held = append(b.held, r)
	}
}

// share adds a node that is a part of another's output, in the same memory: it computes nothing.
func (b *Builder) share(name string, whole *G.Node, from int, shape tensor.Shape) (*G.Node, error) {
	to := from + shape.TotalSize()
	n, err := b.apply(name, shape.Clone(), shared{}, sharedGPU, nil, nil, whole)
	if err != nil {
		return nil, err
	}
	o := n.Op().(*op)
	if b.device == nil {
		o.data = whole.Op().(*op).data[from:to]
		o.out = tensor.New(tensor.WithShape(shape.Clone()...), tensor.WithBacking(o.data))
		return n, nil
	}
	all, err := b.device.find(Output(whole))
	if err != nil {
		return nil, err
	}
	part, err := all.Part(from, to)
	if err != nil {
		return nil, fmt.Errorf("ops: %s: %w", name, err)
	}
	b.view(o, part)
	return n, nil
}

type shared struct{}

func (shared) run([][]float32, []float32) {}

func sharedGPU([]operand, *driver.Buffer[float32]) error { return nil }

// Do runs the body. The slices of inputs whose tensors are the last run's are kept: taking them anew allocates.
func (o *op) Do(in ...G.Value) (G.Value, error) {
	if len(in) != len(o.in) {
		return nil, fmt.Errorf("ops: %s of %d values: want %d", o.name, len(in), len(o.in))
	}
	if o.out == nil {
		if err := o.b.Place(); err != nil {
			return nil, err
		}
	}
	for i, v := range in {
		if v == o.last[i] {
			continue
		}
		if err := o.take(i, v); err != nil {
			return nil, fmt.Errorf("ops: %s: input %d %w", o.name, i, err)
		}
		o.last[i] = v
	}
	if o.b.ran != nil {
		*o.b.ran = append(*o.b.ran, o)
	}
	return o.out, o.compute()
}

// take makes a value an input.
func (o *op) take(i int, v G.Value) error {
	if _, ok := v.(*G.F32); ok { // read by compute
		if o.device == nil {
			o.in[i] = make([]float32, 1)
		}
		return nil
	}
	t, ok := v.(*tensor.Dense)
	if !ok {
		return fmt.Errorf("is %T: want a float32 tensor", v)
	}
	if o.device != nil {
		b, err := o.device.find(t)
		o.operands[i] = operand{buf: b}
		return err
	}
	if o.in[i], ok = t.Data().([]float32); !ok {
		return fmt.Errorf("is %v: want float32", t.Dtype())
	}
	return nil
}

// compute runs the body on the inputs, or queues it on the device.
func (o *op) compute() error {
	for i, v := range o.last {
		if s, ok := v.(*G.F32); !ok {
			continue
		} else if o.device != nil {
			o.operands[i] = operand{number: float32(*s)}
		} else {
			o.in[i][0] = float32(*s)
		}
	}
	if o.device != nil {
		return o.gpu(o.operands, o.buf)
	}
	o.body.run(o.in, o.data)
	if s, ok := o.out.(*G.F32); ok {
		*s = G.F32(o.data[0])
	}
	return nil
}

func (o *op) Arity() int { return len(o.inputs) }

func (o *op) Type() hm.Type {
	a := hm.TypeVariable('a')
	of := func(dims int) hm.Type {
		if dims == 0 {
			return a
		}
		return G.TensorType{Dims: dims, Of: a}
	}
	var ts []hm.Type
	for _, n := range o.inputs {
		ts = append(ts, of(n.Dims()))
	}
	return hm.NewFnType(append(ts, of(len(o.shape)))...)
}

func (o *op) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape, nil }
func (o *op) ReturnsPtr() bool                               { return true }
func (o *op) CallsExtern() bool                              { return false }
func (o *op) OverwritesInput() int                           { return -1 }
func (o *op) WriteHash(h hash.Hash)                          { fmt.Fprintf(h, "%s-%d", o.name, o.id) }
func (o *op) String() string                                 { return o.name }
func (o *op) DiffWRT(int) []bool                             { return o.wrt }

func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// SymDiff gives the gradients as nodes of the graph.
func (o *op) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	if o.differ == nil {
		return nil, fmt.Errorf("ops: %s has no derivative", o.name)
	}
	return o.differ(in, out, grad)
}

// OnDevice says whether a graph made by a device's builder is of this package's ops alone, so that nothing in it looks
// into a tensor on the host.
func OnDevice(g *G.ExprGraph) error {
	for _, n := range g.AllNodes() {
		if n.Op() == nil || n.Op().Arity() == 0 && n.IsScalar() { // weights, and constants, which are numbers
			continue
		}
		if o, ok := n.Op().(*op); !ok || o.gpu == nil {
			return fmt.Errorf("ops: %v has no body for a GPU: train this network with --device cpu", n.Op())
		}
	}
	return nil
}

// Output is the tensor a node of this package computes into, nil for any other node. It does not move between runs. In an
// inference graph ask for it when all ops are made, of nodes that nothing else reads: others share memory.
func Output(n *G.Node) *tensor.Dense {
	if o, ok := n.Op().(*op); ok {
		if o.out == nil && o.b.Place() != nil { // which the first run will say
			return nil
		}
		t, _ := o.out.(*tensor.Dense)
		return t
	}
	return nil
}
