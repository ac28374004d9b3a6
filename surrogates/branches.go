package surrogates

import (
	"cmp"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// branches are leaky traces of the events of so many synapses each: b[t] = keep b[t-1] + the sum of sign relu(w) over
// the events of the branch's slots. Which synapse a slot listens to, and with what sign, are tables of the network.
type branches struct {
	count, size int
	keep        float32
	routing     string   // neighbours, random
	shared      *sharing // where the slots' weights come from, nil: each is free

	inputs           int
	w, synapse, sign *Weight // [count*size]; synapse -1: the slot listens to none
}

func (b *branches) check() error {
	if err := between("branches", b.count, 1, 1<<14); err != nil {
		return err
	}
	if err := between("branch_size", b.size, 1, 1<<16); err != nil {
		return err
	}
	if b.routing != "neighbours" && b.routing != "random" {
		return fmt.Errorf("routing %q: want neighbours or random", b.routing)
	}
	return nil
}

func (b *branches) plan(in int) (int, error) {
	b.inputs = in
	if b.size > in {
		return 0, fmt.Errorf("branch_size %d: want at most the inputs", b.size)
	}
	if step := b.step(); b.routing == "neighbours" && b.size < step {
		return 0, fmt.Errorf("branch_size %d: %d branches of so many neighbours leave synapses out: want at least %d", b.size, b.count, step)
	}
	return b.count, nil
}

// step is how many synapses on the next branch begins.
func (b *branches) step() int { return (b.inputs + b.count - 1) / b.count }

// declare starts all weights at 0.5, and routes.
func (b *branches) declare(d *declaration) {
	if b.shared == nil {
		b.w = d.synaptic("weight", b.count*b.size)
		b.w.Rectified = true
		fill(b.w, 0.5)
	}
	b.synapse, b.sign = d.fixed("synapse", b.count*b.size), d.fixed("sign", b.count*b.size)
	synapse, sign := data(b.synapse.Value), data(b.sign.Value)
	order, random, all := neighbours(d.inputs), d.random(b.synapse), make([]int, len(synapse))
	for i := range synapse {
		at := i/b.size*b.step() + i%b.size
		if b.routing == "random" {
			at = random.Intn(len(order))
		}
		synapse[i], sign[i], all[i] = -1, 1, -1
		if at < len(order) {
			synapse[i], all[i] = float32(order[at]), order[at]
			if d.inputs[order[at]].Inhibitory {
				sign[i] = -1
			}
		}
	}
	if b.shared != nil {
		b.shared.declare(d, all, 0.5, 0.1)
	}
}

// neighbours are the synapses in an order in which those near each other on the cell follow each other: by segment; of a
// neuron without dendrites excitatory and inhibitory ones alternate, evenly. On the layer 5 cell with a synapse of each
// kind on each segment it is the published order.
func neighbours(in Inputs) []int {
	var count, seen [2]int
	kind := func(i int) int {
		if in[i].Inhibitory {
			return 1
		}
		return 0
	}
	for i := range in {
		count[kind(i)]++
	}
	order, place := make([]int, len(in)), make([]float64, len(in))
	for i := range in {
		order[i] = i
		if k := kind(i); in[i].Segment >= 0 {
			place[i] = float64(in[i].Segment)
		} else {
			place[i] = float64(seen[k]) / float64(count[k])
			seen[k]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
	return order
}

func (b *branches) parameters() (synaptic, core int) {
	if b.shared != nil {
		return 0, b.shared.parameters()
	}
	return b.count * b.size, 0
}

// weights are those of the slots, before ReLU.
func (b *branches) weights() []float32 {
	if b.shared != nil {
		return b.shared.values()
	}
	return data(b.w.Value)
}

func (b *branches) events(o *ops.Builder, batch, time int) (*ops.Events, error) {
	return o.NewEvents(batch, time, b.inputs, 1, 1, b.count)
}

// route reads the tables, which may come from a file.
func (b *branches) route() (*ops.Routing, error) {
	r := &ops.Routing{Branches: b.count}
	sign := data(b.sign.Value)
	for i, y := range data(b.synapse.Value) {
		if !(y >= -1 && y < float32(b.inputs)) || y != float32(int32(y)) || sign[i] != 1 && sign[i] != -1 {
			return nil, fmt.Errorf("%s: slot %d listens to synapse %v with sign %v: want a synapse from 0 to %d, or -1, and a sign of 1 or -1",
				b.synapse.Name, i, y, sign[i], b.inputs-1)
		}
		r.Branch, r.Synapse, r.Sign = append(r.Branch, int32(i/b.size)), append(r.Synapse, int32(y)), append(r.Sign, sign[i])
	}
	return r, nil
}

func (b *branches) valid() error {
	_, err := b.route()
	return err
}

func (b *branches) build(g *building, _ *G.Node) (*G.Node, error) {
	r, err := b.route()
	if err != nil {
		return nil, err
	}
	w := g.node(b.w)
	if b.shared != nil {
		if w, err = b.shared.node(g, b.count*b.size); err != nil {
			return nil, err
		}
	}
	return g.ops.EventBranches(g.events, r, w, b.keep)
}

func (b *branches) reach() int { return 0 }

// cost: an event reaches as many slots as its synapse has, on average.
func (b *branches) cost(events float64) (float64, int) {
	return events*float64(b.count*b.size)/float64(b.inputs) + float64(b.count), b.count
}

func (b *branches) stream(rows int, k ops.Single) stepper {
	s := &branchesStream{b: b, trace: make([]float32, rows*b.count)}
	if r, err := b.route(); err == nil { // of a valid network
		s.traces = k.Branches(r, b.inputs, b.weights(), b.keep)
	}
	return s
}

type branchesStream struct {
	b      *branches
	traces *ops.Branches
	trace  []float32
}

func (s *branchesStream) state() []State {
	return []State{{Name: "trace", Shape: []int{s.b.count}, Value: s.trace}}
}

func (s *branchesStream) step(_ []float32, in *Spikes, y []float32) {
	s.traces.Step(in.Start, in.Synapse, s.trace)
	copy(y, s.trace)
}

// onnx: the slots as a matrix of synapses and branches.
func (b *branches) onnx(e *exporting, x onnx.Value) onnx.Value {
	m := make([]float32, b.inputs*b.count)
	w, sign := b.weights(), data(b.sign.Value)
	for i, y := range data(b.synapse.Value) {
		if y >= 0 && w[i] > 0 {
			m[int(y)*b.count+i/b.size] += sign[i] * w[i]
		}
	}
	return e.trace(b.keep, b.count, e.MatMul(x, e.Weights("matrix", m, b.inputs, b.count)))
}

// trace is the leaky sum over time of x [batch][width].
func (e *exporting) trace(keep float32, width int, x onnx.Value) onnx.Value {
	y := e.Add(e.Mul(e.state("trace", "leaky traces of the events", width), e.Constant(keep)), x)
	e.next("trace", y, width)
	return y
}
