package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
)

// ELMWeights are the nodes of an Expressive Leaky Memory neuron: W1 [in+memory][hidden] with the inputs' rows first,
// B1 [hidden], W2 [hidden][memory], B2 [memory], and, where time constants are learned, Tau [memory], from which they
// come by ELMOptions; else nil.
type ELMWeights struct{ W1, B1, W2, B2, Tau *G.Node }

// ELMOptions are what of an Expressive Leaky Memory neuron is not learned.
type ELMOptions struct {
	Activation string // of the hidden units: relu, silu, gelu or tanh
	// Version of the published code. It fixes what memory gains of the tanh in a ms, with keep = exp(-Step/tau): in
	// version 1, Lambda (1 - keep); in version 2, 1 - exp(-Lambda Step/tau).
	Version int
	Taus    []float64 // ms, [memory]; nil: TauMin + (TauMax - TauMin) sigmoid(Tau)
	TauMin  float64   // ms
	TauMax  float64
	Lambda  float64 // 0: 5, as published
	Step    float64 // ms, 0: 1
	Drive   bool    // x is what the hidden units get from the inputs, [batch][time][hidden], and W1 is [memory][hidden]
}

// elmTanh is the scale of the memory's tanh, 1.7159 tanh(2/3 x) (LeCun et al. 1998); its 2/3 is in the kernels.
const elmTanh = 1.7159

// ELM is the memory of an Expressive Leaky Memory neuron (Spieler et al. 2024, arXiv 2306.16922) over time: x
// [batch][time][in], from a memory of 0, to [batch][time][memory]:
//
//	dm[t] = 1.7159 tanh(2/3 (W2' act(W1' [x[t], keep m[t-1]] + B1) + B2))
//	m[t]  = keep m[t-1] + gain dm[t]
//
// The two versions its authors published differ, beside gain, in that version 1 keeps a trace for every synapse and sums
// them over a branch and version 2 keeps one for every branch, which is the same where all have one time constant, as
// published; and in that version 2 offers SiLU too (later revisions of version 1 do as well).
//
// Up to nets.ELMRows windows go together, fewer where there are cores for them; sums are over four windows each, or half
// of a batch of fewer than 8, and added in order, whatever the number of cores. What backward needs beside x and m, the hidden units and the tanh, is kept where that takes no more
// than 64 MB; else it is computed anew from x and m in pieces of 32 ms, to the same bits, at a third more work, so that
// beside inputs, outputs and their gradients memory does not grow with the window: every ms of m is a checkpoint.
//
// Matrix products are most of the work, 6 hidden (in + 2 memory) operations a ms of a window with gradients, and two
// vector multiply-adds a cycle the bound: 166 Gflop/s on a core of AVX-512 at 2.6 GHz. A whole training step of the
// published neuron with 100 of memory, 16 windows of 400 ms, made 90 of them a second of a busy machine's core; weights
// of 170 KB come from the L2 cache once a ms for eight windows. With 15 it made 36: a step is two products of 8 by 15 by
// 30 that wait for each other, the first chain of additions 15 long, the second 30, and a tanh; branches and leak take
// a third of the time.
//
// On a GPU a block takes two windows through all time in one launch, in float32, and what is not recurrent is dense
// convolutions of one tap in the graph's precision; weights beyond 28 KB are read from the L1 cache at every ms.
func (b *Builder) ELM(x *G.Node, w ELMWeights, o ELMOptions) (*G.Node, error) {
	e, err := b.newELM(x, w, o)
	if err != nil {
		return nil, err
	}
	in := []*G.Node{x, w.W1, w.B1, w.W2, w.B2}
	if w.Tau != nil {
		decay, err := b.decay(w.Tau, o)
		if err != nil {
			return nil, err
		}
		in = append(in, decay)
	}
	var forward, back gpuBody
	gpu, err := e.gpu()
	if err != nil {
		return nil, fmt.Errorf("ops: memory: %w", err)
	}
	if gpu != nil {
		forward, back = gpu.forward, gpu.back
	}
	xs := x.Shape()
	wrt := make([]bool, len(in))
	for i := range wrt {
		wrt[i] = true
	}
	diff := func(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
		g := &elmBack{elm: e}
		if gpu == nil {
			g.sums = make([]float32, (e.batch+e.group-1)/e.group*e.size.Sums)
			g.room = make([]float32, e.parts*e.size.Backward)
		}
		sizes := []int{xs.TotalSize()}
		for _, n := range in[1:] {
			sizes = append(sizes, n.Shape().TotalSize())
		}
		if len(in) == 5 {
			sizes = append(sizes, 2*e.Memory)
		}
		total := 0
		for _, n := range sizes {
			total += n
		}
		all, err := b.apply("memory gradients", tensor.Shape{total}, g, back, nil, nil, append(append(G.Nodes{}, in...), out, grad)...)
		if err != nil {
			return nil, err
		}
		ds, at := make(G.Nodes, len(in)), 0
		for i, n := range in {
			if ds[i], err = b.share("memory gradient", all, at, n.Shape()); err != nil {
				return nil, err
			}
			at += sizes[i]
		}
		return ds, nil
	}
	return b.apply("memory", tensor.Shape{xs[0], xs[1], e.Memory}, &elmForward{elm: e}, forward, wrt, diff, in...)
}

// elm is what the two directions share.
type elm struct {
	nets.ELM
	b            *Builder
	batch, time  int
	group        int // windows over which weights' gradients are summed together
	rows, parts  int // windows that go together, a multiple of group
	size         nets.ELMSizes
	fixed        []float32 // decay [2][memory] where it is not an input
	packed, z, y []float32
}

// elmGroup is over how many windows weights' gradients are summed together, at most; half of a batch of fewer than 8.
const elmGroup = 4

func (b *Builder) newELM(x *G.Node, w ELMWeights, o ELMOptions) (*elm, error) {
	kind, ok := activationKinds[o.Activation]
	if !ok {
		return nil, fmt.Errorf("ops: memory with activation %q: want relu, gelu, silu or tanh", o.Activation)
	}
	xs, w1, b1, w2, b2 := x.Shape(), w.W1.Shape(), w.B1.Shape(), w.W2.Shape(), w.B2.Shape()
	if len(xs) != 3 || len(w1) != 2 || len(w2) != 2 {
		return nil, fmt.Errorf("ops: memory of %v with weights %v and %v: want [batch][time][in], [in+memory][hidden] and [hidden][memory]", xs, w1, w2)
	}
	e := &elm{b: b, batch: xs[0], time: xs[1], ELM: nets.ELM{In: xs[2], Hidden: w2[0], Memory: w2[1], Activation: kind, Learned: w.Tau != nil}}
	if o.Drive {
		e.In = 0
	}
	if !w1.Eq(tensor.Shape{e.In + e.Memory, e.Hidden}) || (o.Drive && xs[2] != e.Hidden) || !b1.Eq(tensor.Shape{e.Hidden}) || !b2.Eq(tensor.Shape{e.Memory}) {
		return nil, fmt.Errorf("ops: memory of %v with W1 %v, B1 %v, W2 %v, B2 %v: want W1 [in+memory][hidden], W2 [hidden][memory]", xs, w1, b1, w2, b2)
	}
	if w.Tau == nil {
		if len(o.Taus) != e.Memory {
			return nil, fmt.Errorf("ops: memory of %d with %d fixed time constants: want one each, or learned ones", e.Memory, len(o.Taus))
		}
		e.fixed = make([]float32, 2*e.Memory)
		for i, tau := range o.Taus {
			if !(tau > 0) {
				return nil, fmt.Errorf("ops: time constant %d of the memory is %v ms: want more than 0", i, tau)
			}
			keep, gain, _, _ := o.decay(tau)
			e.fixed[i], e.fixed[e.Memory+i] = float32(keep), float32(gain)
		}
	} else if o.Taus != nil || !w.Tau.Shape().Eq(tensor.Shape{e.Memory}) {
		return nil, fmt.Errorf("ops: memory of %d with learned time constants %v and %d fixed ones: want either", e.Memory, w.Tau.Shape(), len(o.Taus))
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	e.group = min(elmGroup, (e.batch+1)/2)
	share := (e.batch + b.team.Threads() - 1) / b.team.Threads()
	e.rows = min(nets.ELMRows/e.group, (share+e.group-1)/e.group) * e.group
	e.parts = (e.batch + e.rows - 1) / e.rows
	e.size = b.kernels.ELMSizes(e.ELM)
	if b.device != nil {
		return e, nil
	}
	e.packed = make([]float32, e.size.Packed)
	if n := e.batch * e.time; b.train && 4*n*(e.size.Z+e.size.Y) <= b.keptBytes {
		e.z, e.y = make([]float32, n*e.size.Z), make([]float32, n*e.size.Y)
	}
	return e, nil
}

func (o ELMOptions) check() error {
	switch {
	case o.Version != 1 && o.Version != 2:
		return fmt.Errorf("ops: version %d of the memory: want 1 or 2", o.Version)
	case o.Lambda < 0 || o.Step < 0 || math.IsNaN(o.Lambda) || math.IsNaN(o.Step):
		return fmt.Errorf("ops: memory with lambda %v and steps of %v ms: want positive ones, or 0 for the published", o.Lambda, o.Step)
	case o.Taus == nil && !(o.TauMin > 0 && o.TauMax >= o.TauMin):
		return fmt.Errorf("ops: memory with time constants from %v to %v ms: want 0 < least <= most", o.TauMin, o.TauMax)
	}
	return nil
}

// pace is Lambda and Step, the published ones where they are 0.
func (o ELMOptions) pace() (lambda, step float64) {
	lambda, step = o.Lambda, o.Step
	if lambda == 0 {
		lambda = 5
	}
	if step == 0 {
		step = 1
	}
	return lambda, step
}

// decay is what memory keeps of itself and gains of the tanh in a ms, and their slopes in tau.
func (o ELMOptions) decay(tau float64) (keep, gain, dkeep, dgain float64) {
	lambda, step := o.pace()
	keep = math.Exp(-step / tau)
	dkeep = keep * step / (tau * tau)
	if o.Version == 1 {
		return keep, elmTanh * lambda * (1 - keep), dkeep, -elmTanh * lambda * dkeep
	}
	left := math.Exp(-lambda * step / tau)
	return keep, elmTanh * (1 - left), dkeep, -elmTanh * left * lambda * step / (tau * tau)
}

// Decay is what memory of a time constant (ms) keeps of itself in a ms, and what it gains of the tanh.
func (o ELMOptions) Decay(tau float64) (keep, gain float64) {
	keep, gain, _, _ = o.decay(tau)
	return keep, gain
}

// tau is the time constant that a weight stands for, and its slope.
func (o ELMOptions) tau(w float64) (tau, slope float64) {
	s := 1 / (1 + math.Exp(-w))
	return o.TauMin + (o.TauMax-o.TauMin)*s, (o.TauMax - o.TauMin) * s * (1 - s)
}

// decay makes [2][memory] of learned time constants: what memory keeps and what it gains.
func (b *Builder) decay(w *G.Node, o ELMOptions) (*G.Node, error) {
	n := w.Shape()[0]
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		c := &decay{o, true}
		d, err := b.apply("decay dw", tensor.Shape{n}, c, c.gpu(b), nil, nil, in[0], grad)
		return G.Nodes{d}, err
	}
	c := &decay{o, false}
	return b.apply("decay", tensor.Shape{2, n}, c, c.gpu(b), []bool{true}, diff, w)
}

type decay struct {
	o    ELMOptions
	back bool
}

func (c *decay) run(in [][]float32, out []float32) {
	n := len(in[0])
	for i, w := range in[0] {
		tau, slope := c.o.tau(float64(w))
		keep, gain, dkeep, dgain := c.o.decay(tau)
		if c.back {
			out[i] = float32(slope * (dkeep*float64(in[1][i]) + dgain*float64(in[1][n+i])))
		} else {
			out[i], out[n+i] = float32(keep), float32(gain)
		}
	}
}

// values are the inputs of a run.
func (e *elm) decayOf(in [][]float32, at int) []float32 {
	if e.fixed != nil {
		return e.fixed
	}
	return in[at]
}

// windows are the part's windows, and their part of a tensor of so many values a ms; nil of nil.
func (e *elm) windows(i int) (from, n int) {
	return i * e.rows, min(e.rows, e.batch-i*e.rows)
}

func (e *elm) of(s []float32, i, width int) []float32 {
	if s == nil {
		return nil
	}
	from, n := e.windows(i)
	return s[from*e.time*width : (from+n)*e.time*width]
}

// width is x's.
func (e *elm) width() int {
	if e.In == 0 {
		return e.Hidden
	}
	return e.In
}

type elmForward struct {
	*elm
	room []float32
	x, m []float32
}

func (c *elmForward) run(in [][]float32, out []float32) {
	c.x, c.m = in[0], out
	c.room = room(c.room, c.parts*c.size.Forward)
	c.b.kernels.ELMPack(c.ELM, in[1], in[2], in[3], in[4], c.decayOf(in, 5), c.b.train, c.packed)
	c.b.team.Run(c.parts, c)
}

func (c *elmForward) Part(i int) {
	_, rows := c.windows(i)
	c.b.kernels.ELMForward(c.ELM, c.packed, rows, c.time, c.of(c.x, i, c.width()), nil, c.of(c.m, i, c.Memory),
		c.of(c.z, i, c.size.Z), c.of(c.y, i, c.size.Y), c.room[i*c.size.Forward:(i+1)*c.size.Forward])
}

// elmBack computes all gradients, one after the other: of x, w1, b1, w2, b2 and decay.
type elmBack struct {
	*elm
	sums, room   []float32
	x, m, dm, dx []float32
}

func (c *elmBack) run(in [][]float32, out []float32) {
	k := len(in) - 2
	n := len(in[0])
	c.x, c.m, c.dm, c.dx = in[0], in[k], in[k+1], out[:n]
	c.b.team.Run(c.parts, c)
	c.b.kernels.ELMGradients(c.ELM, in[1], c.decayOf(in, 5), c.sums, len(c.sums)/c.size.Sums, out[n:])
}

func (c *elmBack) Part(i int) {
	from, rows := c.windows(i)
	c.b.kernels.ELMBackward(c.ELM, c.packed, rows, c.group, c.time, c.of(c.x, i, c.width()), c.of(c.m, i, c.Memory), c.of(c.dm, i, c.Memory),
		c.of(c.z, i, c.size.Z), c.of(c.y, i, c.size.Y), c.of(c.dx, i, c.width()),
		c.sums[from/c.group*c.size.Sums:], c.room[i*c.size.Backward:(i+1)*c.size.Backward])
}
