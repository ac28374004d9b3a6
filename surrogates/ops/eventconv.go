package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// EventConv is the causal convolution over a batch's events plus bias: w [inputs][taps][channels], bias [channels] to
// [batch][time][channels]. The output's row t has w[s][k] for every event of synapse s at bin t - k*dilation. bias nil is 0.
//
// Roofline: an event moves taps*channels weights from the L2 cache into registers, and as many gradients, for one addition
// each: 1.2 GB a direction and step of 8 windows of 400 ms with 1278 synapses at 1.1 %, 54 taps and 128 channels; the loop
// alone reaches 240 GB/s on a block of weights. With the weights in bfloat16 it takes 1.7 times as long: half the bytes, but
// two instructions more for every vector.
func (b *Builder) EventConv(e *Events, w, bias *G.Node) (*G.Node, error) {
	ws, bs := w.Shape(), tensor.Shape(nil)
	if bias != nil {
		bs = bias.Shape()
	}
	if len(ws) != 3 || ws[0] != e.Inputs || ws[1] != e.shape.Taps || (bias != nil && !bs.Eq(tensor.Shape{ws[2]})) {
		return nil, fmt.Errorf("ops: event convolution of %d inputs and %d taps with weights %v, bias %v", e.Inputs, e.shape.Taps, ws, bs)
	}
	c := ws[2]
	e.sorted = true
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dw, err := b.apply("event convolution dw", ws.Clone(), &eventGradCPU{b: b, e: e, channels: c}, b.eventGradGPU(e, c), nil, nil, grad)
		if err != nil || bias == nil {
			return G.Nodes{dw}, err
		}
		db, err := b.columnSums(grad, c)
		return G.Nodes{dw, db}, err
	}
	conv, shape := newEventConvCPU(b, e, c), tensor.Shape{e.Batch, e.Time, c}
	if bias != nil {
		return b.apply("event convolution", shape, conv, b.eventConvGPU(c, nil), []bool{true, true}, diff, w, bias)
	}
	conv.bias = make([]float32, c)
	zero, err := fixed(b, conv.bias)
	if err != nil {
		return nil, fmt.Errorf("ops: event convolution: %w", err)
	}
	return b.apply("event convolution", shape, conv, b.eventConvGPU(c, zero), []bool{true}, diff, w)
}

// eventConvCPU computes output rows; a part is a thread's share of the stretches, block of synapses by block, so that
// a block's weights stay in the core's L2 cache. A row's sum runs over blocks, bins, synapses: the same in any split.
type eventConvCPU struct {
	b            *Builder
	e            *Events
	channels     int
	stretches    []stretch
	w, bias, out []float32
}

// stretch is a run of output rows of one phase of a window: row t is at bin t*dilation + phase.
type stretch struct{ row, phase, from, to int }

const stretchRows = 256

func newEventConvCPU(b *Builder, e *Events, channels int) *eventConvCPU {
	c := &eventConvCPU{b: b, e: e, channels: channels}
	for row := range e.Batch {
		for phase := range min(e.shape.Dilation, e.Time) {
			rows := (e.Time - phase + e.shape.Dilation - 1) / e.shape.Dilation
			step := stretchRows
			if e.shape.Narrow {
				step = rows
			}
			for from := 0; from < rows; from += step {
				c.stretches = append(c.stretches, stretch{row, phase, from, min(from+step, rows)})
			}
		}
	}
	return c
}

func (c *eventConvCPU) run(in [][]float32, out []float32) {
	c.w, c.out = in[0], out
	if len(in) > 1 {
		c.bias = in[1]
	}
	c.b.team.Run(c.b.team.Threads(), c)
}

func (c *eventConvCPU) Part(i int) {
	n, threads, e := len(c.stretches), c.b.team.Threads(), c.e
	mine := c.stretches[i*n/threads : (i+1)*n/threads]
	for block := range e.blocks() {
		bias := c.bias
		if block > 0 {
			bias = nil
		}
		for _, s := range mine {
			from, to := e.span(block, s.row, s.phase)
			if from == to && bias == nil {
				continue
			}
			out := c.out[(s.row*e.Time+s.phase)*c.channels:]
			c.b.kernels.EventRows(c.w, e.orders.Key[from:to], e.orders.Step[from:to], e.shape.Taps, c.channels, bias, out, e.shape.Dilation*c.channels, s.from, s.to)
		}
	}
}

// eventGradCPU computes the weights' gradient, synapse by synapse.
type eventGradCPU struct {
	b        *Builder
	e        *Events
	channels int
	dout, dw []float32
}

const synapsesPerPart = 8

func (c *eventGradCPU) run(in [][]float32, out []float32) {
	c.dout, c.dw = in[0], out
	c.b.team.Run((c.e.Inputs+synapsesPerPart-1)/synapsesPerPart, c)
}

func (c *eventGradCPU) Part(i int) {
	e := c.e
	c.b.kernels.EventGrads(c.dout, e.orders.Start, e.orders.Row, e.orders.Bin, i*synapsesPerPart, min((i+1)*synapsesPerPart, e.Inputs), e.shape.Taps, e.shape.Dilation, c.channels, e.Time, c.dw)
}
