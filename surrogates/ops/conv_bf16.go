package ops

import (
	"fmt"

	"neq/cuda/kernels/nets"
)

// Round makes the dense convolutions that a CPU's builder makes from here on round their factors. Of a processor that has
// no instructions for it an error tells; isa "portable" rounds alike without them, slowly, for tests.
func (b *Builder) Round(p Precision, isa string) (err error) {
	switch {
	case p == Float32:
		b.precision = p
		return nil
	case p != BF16:
		return fmt.Errorf("ops: %v is for a GPU: a CPU computes in float32 or bf16", p)
	}
	if b.bf16, err = nets.NewBF16(isa); err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	b.precision = p
	return nil
}

// half is scratch of a builder's rounded factors: its operations run one after the other, and share it while it is in the
// cache. Whoever takes it fills it, zeros included.
func (b *Builder) half(i, n int) []uint16 {
	b.halves[i] = room(b.halves[i], n)
	return b.halves[i]
}

func up(n, to int) int { return (n + to - 1) / to * to }

// bf16Rows is how many output rows a part has.
const bf16Rows = 128

// Roofline of the convolutions below: a core here does 3,100 GFLOP/s on tiles (AMX). Products of rows reach 1,670: four of
// eight tiles are sums, so that each load of a factor serves two products and comes from the L2 cache. dw reaches 1,080:
// a tap's columns begin anywhere, and half its loads cross a cache line. Rounding and packing, bound by memory, leave 1,040 and
// 740 of it. AVX512-BF16 multiplies at half the rate of float32's fused multiply-add on this processor, 106 GFLOP/s, and
// gains nothing here: it stands in where tiles are hidden.

// convBF16 is the convolution with rounded factors, or, across, its input's gradient: the output's gradient goes through
// the same product with the weights transposed, looking ahead instead of back. Rounded rows of a window are zeros as far as
// the taps reach, then the sequence; ahead, the other way round.
type convBF16 struct {
	conv
	across bool

	kept   int // taps that reach into the sequence
	window int // rounded rows
	shape  nets.BF16Rows
	phase  int

	rounded, packed []uint16
}

// channels are those of the rounded factor and of the result.
func (c *convBF16) channels() (from, to int) {
	if c.across {
		return c.cout, c.cin
	}
	return c.cin, c.cout
}

func (c *convBF16) run(in [][]float32, out []float32) {
	c.in, c.out = in, out
	from, to := c.channels()
	c.kept = min(c.taps, (c.time-1)/c.dilation+1)
	if s := &c.shape; c.dilation == 1 { // a row's taps are one run
		s.Stride, s.Segments, s.Step = up(from, 2), 1, 0
		s.K = up(c.kept*s.Stride, nets.BF16Panel)
	} else {
		s.Stride = up(from, nets.BF16Panel)
		s.Segments, s.Step, s.K = c.kept, c.dilation*s.Stride, s.Stride
	}
	c.window = c.reach() + c.time + nets.BF16Spare
	c.rounded = c.b.half(0, c.batch*c.window*c.shape.Stride)
	c.packed = c.b.half(1, up(to, nets.BF16Panel)*c.shape.Segments*c.shape.K)
	c.phase = 0
	c.b.team.Run(c.kept+c.batch*c.stretches(), c)
	c.phase = 1
	c.b.team.Run(c.batch*c.stretches(), c)
}

func (c *convBF16) reach() int     { return (c.kept - 1) * c.dilation }
func (c *convBF16) stretches() int { return (c.time + bf16Rows - 1) / bf16Rows }

func (c *convBF16) Part(i int) {
	if c.phase == 0 && i < c.kept {
		c.pack(i)
		return
	}
	if c.phase == 0 {
		i -= c.kept
	}
	w, t0 := i/c.stretches(), i%c.stretches()*bf16Rows
	t1 := min(t0+bf16Rows, c.time)
	if c.phase == 0 {
		c.round(w, t0, t1)
		return
	}
	_, to := c.channels()
	a, y := c.rounded[w*c.window*c.shape.Stride:], c.out[w*c.time*to:]
	if c.across {
		c.b.bf16.Rows(c.shape, a, c.packed, nil, to, t0, t1, y)
	} else {
		c.b.bf16.Rows(c.shape, a, c.packed, c.in[2], to, t0, t1, y)
	}
}

// pack rounds the weights of a segment: the tap that sees the oldest row it reads, or ahead the newest.
func (c *convBF16) pack(segment int) {
	panel, tap := c.shape.Segments*c.shape.K, segment
	from, _ := c.channels()
	at, next := segment*c.shape.Stride, (segment+1)*c.shape.Stride
	if segment == c.kept-1 {
		next = panel
	}
	for p := 0; p < len(c.packed); p += panel * nets.BF16Panel { // zeros behind the channels
		clear(c.packed[p+(at+up(from, 2))*nets.BF16Panel : p+next*nets.BF16Panel])
	}
	if c.across {
		c.b.bf16.PackTransposed(c.in[0][tap*c.cin*c.cout:], c.cin, c.cout, panel*nets.BF16Panel, c.packed[at*nets.BF16Panel:])
		return
	}
	tap = c.kept - 1 - segment
	c.b.bf16.Pack(c.in[1][tap*c.cin*c.cout:], c.cin, c.cout, panel*nets.BF16Panel, c.packed[at*nets.BF16Panel:])
}

// round rounds rows t0 <= t < t1 of a window, and writes the zeros that border on them.
func (c *convBF16) round(w, t0, t1 int) {
	from, _ := c.channels()
	x, before, after := c.in[0], c.reach(), nets.BF16Spare
	if c.across {
		x, before, after = c.in[1], 0, c.reach()+nets.BF16Spare
	}
	rows := c.rounded[w*c.window*c.shape.Stride:]
	at := func(row int) int { return row * c.shape.Stride }
	if t0 == 0 {
		clear(rows[:at(before)])
	}
	if t1 == c.time {
		clear(rows[at(before+t1):at(before+t1+after)])
	}
	c.b.bf16.RoundRows(x[(w*c.time+t0)*from:], t1-t0, from, c.shape.Stride, rows[at(before+t0):])
}

// convDWBF16 is the weights' gradient with rounded factors: columns of x against pairs of rows of dy. A part is a block of
// 32 x 32 channels of a few taps, over the whole batch.
type convDWBF16 struct {
	conv
	kept, cins, couts int // taps that reach into the sequence, panels of channels
	shape             nets.BF16DW
	phase             int
	columns, pairs    []uint16
}

const bf16Taps = 4

func (c *convDWBF16) run(in [][]float32, out []float32) {
	const panel = nets.BF16Panel
	c.in, c.out = in, out
	c.kept = min(c.taps, (c.time-1)/c.dilation+1)
	c.cins, c.couts = (c.cin+panel-1)/panel, (c.cout+panel-1)/panel
	s := &c.shape
	s.Batch, s.K, s.Dilation, s.Columns, s.Tap = c.batch, up(c.time, panel), c.dilation, c.cout, c.cin*c.cout
	s.Zeros = up((c.kept-1)*c.dilation, panel)
	if s.Stride = s.Zeros + s.K; s.Stride%512 == 0 { // else rows fall into one set of the L1 cache
		s.Stride += panel
	}
	s.XWindow, s.YWindow = c.cins*panel*s.Stride, c.couts*panel*s.K
	c.columns, c.pairs = c.b.half(0, c.batch*s.XWindow), c.b.half(1, c.batch*s.YWindow)
	clear(out[c.kept*s.Tap:])
	c.phase = 0
	c.b.team.Run(c.batch*(c.cins+c.couts), c)
	c.phase = 1
	c.b.team.Run(c.cins*c.couts*c.groups(), c)
}

// groups are of taps.
func (c *convDWBF16) groups() int { return (c.kept + bf16Taps - 1) / bf16Taps }

func (c *convDWBF16) Part(i int) {
	const panel = nets.BF16Panel
	if c.phase == 0 {
		w, p := i/(c.cins+c.couts), i%(c.cins+c.couts)
		if p < c.cins {
			c.b.bf16.RoundColumns(c.in[0][w*c.time*c.cin+p*panel:], c.cin, c.time, min(panel, c.cin-p*panel), c.shape.Zeros, c.shape.Stride, c.columns[w*c.shape.XWindow+p*panel*c.shape.Stride:])
			return
		}
		p -= c.cins
		pairs := c.pairs[w*c.shape.YWindow+p*panel*c.shape.K:][:panel*c.shape.K]
		clear(pairs[up(c.time, 2)*panel:])
		c.b.bf16.RoundPairs(c.in[1][w*c.time*c.cout+p*panel:], c.cout, c.time, min(panel, c.cout-p*panel), pairs)
		return
	}
	g, i := i%c.groups(), i/c.groups()
	x, y := i/c.couts*panel, i%c.couts*panel
	c.b.bf16.DW(c.shape, c.columns[x*c.shape.Stride:], c.pairs[y*c.shape.K:], g*bf16Taps, min((g+1)*bf16Taps, c.kept), min(panel, c.cin-x), min(panel, c.cout-y), c.out[x*c.cout+y:])
}
