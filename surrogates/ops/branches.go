package ops

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
)

// Routing leads synapses to the branches of a dendritic tree by slots, each of one synapse on one branch; a synapse may
// have several. The published routing of Spieler et al. 2024 has 100 slots on each of 45 branches.
type Routing struct {
	Branches int
	Synapse  []int32   // of every slot, -1 where the slot is empty
	Branch   []int32   // of every slot
	Sign     []float32 // of every slot: +1 excites, -1 inhibits
}

func (r *Routing) check(inputs int) error {
	n := len(r.Synapse)
	if r.Branches < 1 || n == 0 || n > math.MaxInt32/nets.Run || len(r.Branch) != n || len(r.Sign) != n {
		return fmt.Errorf("ops: routing over %d branches of %d slots with %d branches and %d signs: want one of each a slot", r.Branches, n, len(r.Branch), len(r.Sign))
	}
	for k, s := range r.Synapse {
		if s < -1 || int(s) >= inputs || r.Branch[k] < 0 || int(r.Branch[k]) >= r.Branches || (r.Sign[k] != 1 && r.Sign[k] != -1) {
			return fmt.Errorf("ops: slot %d leads synapse %d to branch %d with sign %v: want a synapse from -1 to %d, a branch below %d, sign 1 or -1",
				k, s, r.Branch[k], r.Sign[k], inputs-1, r.Branches)
		}
	}
	return nil
}

// runs are a routing as the kernels take it: every synapse's slots on neighbouring branches together.
type runs struct {
	first []int32 // [inputs+1] of a synapse's runs
	at    []int32 // first branch of a run
	place []int32 // of every slot, in the runs' values; -1 where it is empty
}

func (r *Routing) runs(inputs int) *runs {
	o := &runs{first: make([]int32, inputs+1), place: make([]int32, len(r.Synapse))}
	slots := make([]int32, 0, len(r.Synapse))
	for k, s := range r.Synapse {
		o.place[k] = -1
		if s >= 0 {
			slots = append(slots, int32(k))
		}
	}
	slices.SortStableFunc(slots, func(a, b int32) int {
		if d := int(r.Synapse[a]) - int(r.Synapse[b]); d != 0 {
			return d
		}
		return int(r.Branch[a]) - int(r.Branch[b])
	})
	width := int32(nets.Run)
	if r.Branches < nets.Run {
		width = 1
	}
	last, from := int32(-1), int32(0)
	for _, k := range slots {
		s, branch := r.Synapse[k], r.Branch[k]
		if s != last || branch >= from+width {
			from = min(branch, int32(r.Branches)-width) // a run ends within its row
			o.at = append(o.at, from)
			o.first[s+1]++
			last = s
		}
		o.place[k] = int32(len(o.at)-1)*nets.Run + branch - from
	}
	for s := range inputs {
		o.first[s+1] += o.first[s]
	}
	return o
}

// fill makes the runs' values of the slots' weights.
func (o *runs) fill(r *Routing, w, value []float32) {
	clear(value)
	for k, w := range w {
		if p := o.place[k]; p >= 0 && !(w <= 0) { // NaN stays
			value[p] += r.Sign[k] * w
		}
	}
}

// EventBranches is the leaky sum of a batch's events on branches, [batch][time][branches]:
// b[t] = keep b[t-1] + the sum over the events at t and their synapses' slots of sign relu(w), w [slots]. keep is
// exp(-1 ms / tau), in the papers of 5 ms. Only w has a gradient, none where it is not above 0.
//
// It is bound by the events: some 4 cycles each in either direction where a synapse's slots lie on neighbouring branches,
// of which one vector takes four, and as much again for the leak over time and its gradient.
func (b *Builder) EventBranches(e *Events, r *Routing, w *G.Node, keep float32) (*G.Node, error) {
	if err := r.check(e.Inputs); err != nil {
		return nil, err
	}
	slots := tensor.Shape{len(r.Synapse)}
	if !w.Shape().Eq(slots) {
		return nil, fmt.Errorf("ops: branches of %d slots with weights %v", slots[0], w.Shape())
	}
	forward, back, err := b.branchesGPU(e, r)
	if err != nil {
		return nil, fmt.Errorf("ops: branches: %w", err)
	}
	c := branchSums{b: b, e: e, r: r, runs: r.runs(e.Inputs)}
	c.value = make([]float32, nets.Run*len(c.at))
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		d := &branchGrads{branchSums: c, parts: min(e.Batch, branchParts)}
		d.value = make([]float32, d.parts*len(c.value))
		dw, err := b.apply("branches dw", slots, d, back, nil, nil, grad, in[0])
		return G.Nodes{dw}, err
	}
	u, err := b.apply("branches", tensor.Shape{e.Batch, e.Time, r.Branches}, &c, forward, []bool{true}, diff, w)
	if err != nil {
		return nil, err
	}
	return b.Leak(u, keep)
}

// branchSums computes the branches' drive; a part is a window.
type branchSums struct {
	*runs
	b     *Builder
	e     *Events
	r     *Routing
	value []float32 // [run][Run]
	u     []float32
}

func (c *branchSums) run(in [][]float32, out []float32) {
	c.fill(c.r, in[0], c.value)
	c.u = out
	c.b.team.Run(c.e.Batch, c)
}

func (c *branchSums) Part(i int) {
	e, n := c.e, c.e.Time*c.r.Branches
	from, to := e.Start[i], e.Start[i+1]
	c.b.kernels.BranchSums(c.value, c.first, c.at, e.Bin[from:to], e.Synapse[from:to], e.Time, c.r.Branches, c.u[i*n:(i+1)*n])
}

// branchParts is over how many parts of the batch the slots' gradient is summed apart.
const branchParts = 8

// branchGrads computes the slots' gradient; value is [part][run][Run].
type branchGrads struct {
	branchSums
	parts int
}

func (c *branchGrads) run(in [][]float32, out []float32) {
	c.u = in[0]
	c.b.team.Run(c.parts, c)
	n := len(c.value) / c.parts
	for k, w := range in[1] {
		out[k] = 0
		if p := c.place[k]; p >= 0 && !(w <= 0) { // NaN stays
			var s float32
			for q := range c.parts {
				s += c.value[q*n+int(p)]
			}
			out[k] = c.r.Sign[k] * s
		}
	}
}

func (c *branchGrads) Part(i int) {
	e, n, size := c.e, c.e.Time*c.r.Branches, len(c.value)/c.parts
	sums := c.value[i*size : (i+1)*size]
	clear(sums)
	for row := i * e.Batch / c.parts; row < (i+1)*e.Batch/c.parts; row++ {
		from, to := e.Start[row], e.Start[row+1]
		c.b.kernels.BranchGrads(c.u[row*n:(row+1)*n], c.first, c.at, e.Bin[from:to], e.Synapse[from:to], c.r.Branches, sums)
	}
}

// Leak is the leaky sum over time y[t] = keep y[t-1] + x[t] of x [batch][time][channels], from 0: traces of events, where
// keep is exp(-1 ms / tau). A vanilla ELM's traces, one a synapse, enter its hidden units linearly: what all of them
// drive is Leak of an EventConv of one tap without bias, in which relu(w) of a synapse is absorbed.
func (b *Builder) Leak(x *G.Node, keep float32) (*G.Node, error) {
	xs := x.Shape()
	if len(xs) != 3 || !(keep >= 0 && keep <= 1) {
		return nil, fmt.Errorf("ops: leak of %v that keeps %v: want [batch][time][channels], 0 to 1", xs, keep)
	}
	diff := func(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		c := &leak{b: b, keep: keep, batch: xs[0], channels: xs[2], back: true}
		dx, err := b.apply("leak dx", xs.Clone(), c, c.gpu, nil, nil, grad)
		return G.Nodes{dx}, err
	}
	c := &leak{b: b, keep: keep, batch: xs[0], channels: xs[2]}
	return b.apply("leak", xs.Clone(), c, c.gpu, []bool{true}, diff, x)
}

type leak struct {
	b               *Builder
	keep            float32
	batch, channels int
	back            bool
	x, y            []float32
}

func (c *leak) run(in [][]float32, out []float32) {
	c.x, c.y = in[0], out
	c.b.team.Run(c.batch, c)
}

func (c *leak) Part(i int) {
	n := len(c.x) / c.batch
	c.b.kernels.Leak(c.x[i*n:(i+1)*n], c.keep, c.channels, c.back, c.y[i*n:(i+1)*n])
}
