package ops

import (
	"fmt"
	"math"

	"neq/cuda/driver"
)

// fixed is hold of values that stay; nil on the CPU.
func fixed[T driver.Element](b *Builder, values []T) (*driver.Buffer[T], error) {
	if b.device == nil {
		return nil, nil
	}
	buf, err := hold[T](b, len(values))
	if err == nil {
		err = buf.Write(b.device.queue, values)
	}
	return buf, err
}

// branchesGPU are the bodies of the branches' drive and of its gradient: the event convolution of one tap of what the
// slots make of a synapse on every branch.
func (b *Builder) branchesGPU(e *Events, r *Routing) (forward, back gpuBody, err error) {
	if b.device == nil {
		return nil, nil, nil
	}
	if e.shape.Taps != 1 || e.shape.Dilation != 1 {
		return nil, nil, fmt.Errorf("events prepared for %d taps, dilation %d: want 1 of both on a GPU", e.shape.Taps, e.shape.Dilation)
	}
	first, list, cell := make([]int32, e.Inputs+1), []int32(nil), make([]int32, len(r.Synapse))
	for _, s := range r.Synapse {
		if s >= 0 {
			first[s+1]++
		}
	}
	for s := range e.Inputs {
		first[s+1] += first[s]
	}
	list = make([]int32, 2*max(1, int(first[e.Inputs])))
	next := append([]int32(nil), first...)
	for k, s := range r.Synapse {
		if cell[k] = math.MinInt32; s < 0 {
			continue
		}
		slot, at := int32(k), s*int32(r.Branches)+r.Branch[k]
		if r.Sign[k] < 0 {
			slot, at = ^slot, ^at
		}
		list[2*next[s]], list[2*next[s]+1], cell[k] = slot, r.Branch[k], at
		next[s]++
	}
	n := e.Inputs * r.Branches
	var tables [3]*driver.Buffer[int32]
	for i, v := range [][]int32{first, list, cell} {
		if tables[i], err = fixed(b, v); err != nil {
			return nil, nil, err
		}
	}
	zero, err := fixed(b, make([]float32, r.Branches))
	if err != nil {
		return nil, nil, err
	}
	dense, err := hold[float32](b, n)
	if err != nil {
		return nil, nil, err
	}
	conv, grad := b.eventConvGPU(r.Branches, zero), b.eventGradGPU(e, r.Branches)
	on := []operand{{buf: dense}}
	forward = func(in []operand, out *driver.Buffer[float32]) error {
		if err := b.device.each("branch_weights", n, in[0].buf, tables[0], tables[1], dense, uint32(n), uint32(r.Branches)); err != nil {
			return err
		}
		return conv(on, out)
	}
	back = func(in []operand, out *driver.Buffer[float32]) error { // dense is done with: it takes its gradient
		if err := grad(in[:1], dense); err != nil {
			return err
		}
		return b.device.each("branch_slots", out.Len(), in[1].buf, tables[2], dense, out, uint32(out.Len()))
	}
	return forward, back, nil
}

func (c *leak) gpu(in []operand, out *driver.Buffer[float32]) error {
	n, back := c.batch*c.channels, int32(0)
	if c.back {
		back = 1
	}
	return c.b.device.each("leak", n, in[0].buf, c.keep, out, uint32(n), uint32(out.Len()/n), uint32(c.channels), back)
}

// gpu takes weights of time constants, and back the gradient of what they make.
func (c *decay) gpu(b *Builder) gpuBody {
	lambda, step := c.o.pace()
	name := "decay"
	if c.back {
		name = "decay_slope"
	}
	return func(in []operand, out *driver.Buffer[float32]) error {
		args, n := make([]any, 0, 9), in[0].buf.Len()
		for _, o := range in {
			args = append(args, o.buf)
		}
		return b.device.each(name, n, append(args, out, uint32(n), float32(c.o.TauMin), float32(c.o.TauMax), float32(lambda), float32(step), int32(c.o.Version))...)
	}
}

// Of elm.cuh: sequences of a block, and the most that a neuron may have.
const (
	elmBlockRows = 2
	elmHidden    = 512
	elmMemory    = 256
)

// elmGPU is a neuron on a device. One scan is a launch; products of all ms are dense convolutions of one tap, in the
// graph's precision, the scan's own in float32.
type elmGPU struct {
	*elm
	d            *Device
	project      conv // of the inputs
	own          conv // memory a ms before into the hidden units
	outer        conv // hidden units into memory
	zero, fixed  *driver.Buffer[float32]
	z, kept      *driver.Buffer[float32] // [rows][hidden]; y, and what the way back leaves
	gs, before   *driver.Buffer[float32]
	gz, u, v     *driver.Buffer[float32]
	blocks, rows int
}

// gpu makes room on the device; nil on the CPU.
func (e *elm) gpu() (*elmGPU, error) {
	b := e.b
	if b.device == nil {
		return nil, nil
	}
	if e.Hidden > elmHidden || e.Memory > elmMemory {
		return nil, fmt.Errorf("%d hidden units and %d of memory: on a GPU at most %d and %d: train this network with --device cpu", e.Hidden, e.Memory, elmHidden, elmMemory)
	}
	g := &elmGPU{elm: e, d: b.device, blocks: (e.batch + elmBlockRows - 1) / elmBlockRows, rows: e.batch * e.time}
	shape := conv{b: b, precision: b.precision, batch: e.batch, time: e.time, taps: 1, dilation: 1}
	g.project, g.own, g.outer = shape, shape, shape
	g.project.cin, g.project.cout = e.In, e.Hidden
	g.own.cin, g.own.cout = e.Memory, e.Hidden
	g.outer.cin, g.outer.cout = e.Hidden, e.Memory
	for _, c := range []*conv{&g.project, &g.own, &g.outer} {
		if c.cin > 0 {
			if err := c.room(); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if g.zero, err = fixed(b, make([]float32, e.Hidden)); err != nil {
		return nil, err
	}
	if e.fixed != nil {
		if g.fixed, err = fixed(b, e.fixed); err != nil {
			return nil, err
		}
	}
	if g.z, err = hold[float32](b, g.rows*e.Hidden); err != nil {
		return nil, err
	}
	kept := g.rows * e.Memory
	if !b.train {
		g.kept, err = hold[float32](b, kept)
		return g, err
	}
	if g.kept, err = hold[float32](b, 3*kept+g.blocks*2*e.Memory); err != nil {
		return nil, err
	}
	if g.gs, err = g.kept.Part(kept, 2*kept); err != nil {
		return nil, err
	}
	if g.before, err = g.kept.Part(2*kept, 3*kept); err != nil {
		return nil, err
	}
	if g.u, err = hold[float32](b, e.Memory*e.Hidden); err != nil {
		return nil, err
	}
	if g.v, err = hold[float32](b, e.Memory*e.Hidden); err != nil {
		return nil, err
	}
	if e.In > 0 {
		if g.gz, err = hold[float32](b, g.rows*e.Hidden); err != nil {
			return nil, err
		}
	}
	return g, b.device.forSums(g.rows, max(e.Hidden, e.Memory))
}

func (g *elmGPU) decayOf(in []operand) *driver.Buffer[float32] {
	if g.fixed != nil {
		return g.fixed
	}
	return in[5].buf
}

// split is w1 as the inputs' rows, nil where there are none, and memory's.
func (g *elmGPU) split(w1 *driver.Buffer[float32]) (inputs, memory *driver.Buffer[float32], err error) {
	at := g.In * g.Hidden
	if memory, err = w1.Part(at, at+g.Memory*g.Hidden); err != nil || g.In == 0 {
		return nil, memory, err
	}
	inputs, err = w1.Part(0, at)
	return inputs, memory, err
}

// forward takes x, w1, b1, w2, b2 and, learned, decay.
func (g *elmGPU) forward(in []operand, out *driver.Buffer[float32]) error {
	wx, wm, err := g.split(in[1].buf)
	if err != nil {
		return err
	}
	drive := in[0].buf
	if g.In > 0 {
		drive = g.z
		if err := g.project.gpu([]operand{in[0], {buf: wx}, {buf: g.zero}}, drive); err != nil {
			return err
		}
	}
	return g.d.launch("elm_scan", g.blocks, drive, wm, in[2].buf, in[3].buf, in[4].buf, g.decayOf(in), out, g.z, g.kept,
		uint32(g.batch), uint32(g.time), int32(g.Hidden), int32(g.Memory), int32(g.Activation))
}

// back takes what forward does, m and its gradient; out is all gradients, one after the other.
func (g *elmGPU) back(in []operand, out *driver.Buffer[float32]) error {
	k, at := len(in)-2, 0
	var err error
	part := func(n int) *driver.Buffer[float32] {
		p, e := out.Part(at, at+n)
		if err == nil {
			err = e
		}
		at += n
		return p
	}
	dx := part(g.rows * g.width())
	dwx := (*driver.Buffer[float32])(nil)
	if g.In > 0 {
		dwx = part(g.In * g.Hidden)
	}
	dwm, db1, dw2, db2, decays := part(g.Memory*g.Hidden), part(g.Hidden), part(g.Hidden*g.Memory), part(g.Memory), part(2*g.Memory)
	if err != nil {
		return err
	}
	wx, wm, err := g.split(in[1].buf)
	if err != nil {
		return err
	}
	gz, n, d := g.gz, g.Memory*g.Hidden, g.d
	if g.In == 0 {
		gz = dx
	}
	if err := d.each("transpose", n, wm, g.u, uint32(n), uint32(g.Hidden)); err != nil {
		return err
	}
	if err := d.each("transpose", n, in[3].buf, g.v, uint32(n), uint32(g.Memory)); err != nil {
		return err
	}
	decay := g.decayOf(in)
	if err := d.launch("elm_scan_back", g.blocks, in[k+1].buf, in[k].buf, g.u, g.v, decay, g.kept, g.z, gz,
		uint32(g.batch), uint32(g.time), int32(g.Hidden), int32(g.Memory), int32(g.Activation)); err != nil {
		return err
	}
	if g.In > 0 {
		if err := g.project.gpuDX([]operand{{buf: wx}, {buf: gz}}, dx); err != nil {
			return err
		}
		if err := g.project.gpuDW([]operand{in[0], {buf: gz}}, dwx); err != nil {
			return err
		}
	}
	if err := g.own.gpuDW([]operand{{buf: g.before}, {buf: gz}}, dwm); err != nil {
		return err
	}
	if err := g.outer.gpuDW([]operand{{buf: g.z}, {buf: g.gs}}, dw2); err != nil {
		return err
	}
	if err := g.columns(gz, g.Hidden, db1); err != nil {
		return err
	}
	if err := g.columns(g.gs, g.Memory, db2); err != nil {
		return err
	}
	sums, err := g.kept.Part(3*g.rows*g.Memory, g.kept.Len())
	if err != nil {
		return err
	}
	if err := d.each("sum_parts", 2*g.Memory, sums, decays, uint32(2*g.Memory), int32(g.blocks)); err != nil {
		return err
	}
	return d.warpEach("elm_finish", g.Memory, wm, decay, dwm, decays, uint32(g.Hidden), uint32(g.Memory))
}

// columns queues the sums over rows of x.
func (g *elmGPU) columns(x *driver.Buffer[float32], n int, sums *driver.Buffer[float32]) error {
	d := g.d
	return d.launch("column_sums", sumBlocks(g.rows, n), x, d.partial, d.counter, sums, uint32(g.rows), uint32(n))
}
