package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// chain is the ops of an inference graph, in the order they were made, before their outputs have memory.
type chain struct {
	ops    []*op
	placed bool
	err    error
}

// add notes an op, which must not read what may be overwritten by now.
func (c *chain) add(o *op) error {
	if c.placed {
		for _, n := range o.inputs {
			if from, ok := n.Op().(*op); ok && len(from.shape) == 3 {
				return fmt.Errorf("ops: %s reads %s, whose memory others share by now: make all ops of an inference graph before its first run", o.name, from.name)
			}
		}
		if o.out == nil {
			return o.own()
		}
		return nil
	}
	c.ops = append(c.ops, o)
	return nil
}

// own gives an op's output memory of its own.
func (o *op) own() error {
	if d := o.b.device; d != nil {
		r, err := d.tensor(o.shape)
		if err != nil {
			return fmt.Errorf("ops: %s: %w", o.name, err)
		}
		o.b.held = append(o.b.held, r)
		o.out, o.buf = r.value, r.buf
		return nil
	}
	t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(o.shape...))
	o.out, o.data = t, t.Data().([]float32)
	return nil
}

// share is memory that outputs have one after the other.
type share struct {
	size   int
	tenant int // the last of them
}

// Place gives the outputs of an inference graph their memory, when all its ops are made; the first run does it where
// nobody did. An output's memory goes to an op that needs the results of all its readers, so that in whatever order
// gorgonia runs the graph they are done by then: a chain of layers takes two buffers, one with residual connections three.
func (b *Builder) Place() error {
	c := &b.chain
	if c.placed || b.train {
		return c.err
	}
	c.placed = true
	index := make(map[*op]int, len(c.ops))
	for i, o := range c.ops {
		index[o] = i
	}
	readers := make([][]int, len(c.ops))
	before := make([][]bool, len(c.ops)) // the ops whose results op i needs
	for i, o := range c.ops {
		before[i] = make([]bool, i)
		for _, n := range o.inputs {
			from, ok := n.Op().(*op)
			if !ok {
				continue
			}
			j, ok := index[from]
			if !ok {
				continue
			}
			readers[j] = append(readers[j], i)
			before[i][j] = true
			for k, needed := range before[j] {
				before[i][k] = before[i][k] || needed
			}
		}
	}
	done := func(tenant, by int) bool {
		for _, r := range readers[tenant] {
			if r >= by || !before[by][r] {
				return false
			}
		}
		return len(readers[tenant]) > 0 // what nothing reads is the graph's result
	}
	var shares []*share
	of := make([]*share, len(c.ops))
	for i, o := range c.ops {
		if o.out != nil {
			continue
		}
		n := o.shape.TotalSize()
		var best *share // the smallest that is large enough, else the largest
		for _, s := range shares {
			if done(s.tenant, i) && (best == nil || s.size >= n && (best.size < n || s.size < best.size) || best.size < n && s.size > best.size) {
				best = s
			}
		}
		if best == nil {
			best = &share{}
			shares = append(shares, best)
		}
		best.size, best.tenant, of[i] = max(best.size, n), i, best
	}
	c.err = b.rent(shares, of)
	return c.err
}

// rent makes the shares' memory and gives every op its part of its share.
func (b *Builder) rent(shares []*share, of []*share) error {
	host, device := map[*share][]float32{}, map[*share]*driver.Buffer[float32]{}
	for _, s := range shares {
		if b.device == nil {
			host[s] = make([]float32, s.size)
			continue
		}
		whole, err := b.device.tensor(tensor.Shape{s.size})
		if err != nil {
			return fmt.Errorf("ops: the outputs of an inference graph: %w", err)
		}
		b.held = append(b.held, whole)
		device[s] = whole.buf
	}
	for i, o := range b.chain.ops {
		s, n := of[i], o.shape.TotalSize()
		if s == nil {
			continue
		}
		if b.device == nil {
			o.data = host[s][:n]
			o.out = tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(o.data))
			continue
		}
		part, err := device[s].Part(0, n)
		if err != nil {
			return fmt.Errorf("ops: %s: %w", o.name, err)
		}
		o.out, o.buf = b.device.over(part, o.shape).value, part
	}
	return nil
}
