package ops

import "neq/cuda/driver"

// A convolution on the GPU is one product by cuBLAS on the unfolded windows, where cuBLAS is there and the product is
// worth it; else our own tiled kernel, which gathers the windows as it goes, in TF32 and bfloat16 on the tensor cores.

// Limits of the product by cuBLAS: channels that fill its tiles, and unfolded windows that fit in 4 GB.
const (
	blasChannels = 8
	blasWindows  = 1 << 30
)

func (c *conv) rowsTotal() int { return c.batch * c.time }

func (c *conv) byBLAS() bool {
	return c.b.device.blas != nil && c.cin >= blasChannels && c.cout >= blasChannels && c.rowsTotal()*c.taps*c.cin < blasWindows
}

// The tile of conv.cuh and how many of them keep a large GPU busy.
const (
	convTile  = 64
	busyTiles = 264
	splitRows = 256 // at least, of a split of the rows
)

func tiles(m, n int) int { return (m + convTile - 1) / convTile * ((n + convTile - 1) / convTile) }

// splits is over how many stretches of rows the weights' gradient is summed apart; fixed by the shape.
func (c *conv) splits() int {
	return max(1, min(busyTiles/tiles(c.taps*c.cin, c.cout), c.rowsTotal()/splitRows))
}

// room takes the scratch that the convolution's bodies need.
func (c *conv) room() error {
	d := c.b.device
	switch {
	case d == nil:
		return nil
	case !c.byBLAS():
		if n := c.splits(); n > 1 && c.b.train {
			return d.forProducts(n * c.taps * c.cin * c.cout)
		}
		return nil
	case c.precision != BF16:
		return d.forProducts(c.unfolded())
	}
	if c.b.train { // the gradient of the windows
		if err := d.forProducts(c.unfolded()); err != nil {
			return err
		}
	}
	windows, factor := c.unfolded(), c.taps*c.cin*c.cout
	if c.b.train { // the weights are the second factor of one gradient, the output's gradient the first
		windows, factor = max(windows, factor), max(factor, c.rowsTotal()*c.cout)
	}
	if err := grow(d, &d.half, windows, false); err != nil {
		return err
	}
	return grow(d, &d.factor, factor, false)
}

// unfolded is how many elements the unfolded windows have.
func (c *conv) unfolded() int { return c.rowsTotal() * c.taps * c.cin }

// with is the kernels' arguments.
func (c *conv) with(args ...any) []any {
	return append(args, uint32(c.rowsTotal()), uint32(c.time), uint32(c.cin), uint32(c.cout), uint32(c.taps), uint32(c.dilation))
}

// kernel is our own product in the graph's precision.
func (c *conv) kernel(name string) string {
	if c.precision == Float32 {
		return name
	}
	return name + "_" + c.precision.String()
}

// multiply queues a product by cuBLAS in the graph's precision.
func (c *conv) multiply(a, b driver.Matrix, beta float32, y driver.Matrix) error {
	math := driver.FP32
	if c.precision == TF32 {
		math = driver.TF32
	}
	return c.b.device.multiply(math, a, b, beta, y)
}

// rounded is a matrix as a factor of a product by cuBLAS: itself, or a copy in bfloat16 in scratch that nothing else is in.
func (c *conv) rounded(rows, cols int, x *driver.Buffer[float32], scratch *driver.Buffer[driver.BFloat16]) (driver.Matrix, error) {
	m := driver.Matrix{Memory: x, Rows: rows, Cols: cols}
	if c.precision != BF16 {
		return m, nil
	}
	m.Memory = scratch
	return m, c.b.device.each("to_bf16", rows*cols, x, scratch, uint32(rows*cols))
}

// unfold is the matrix of x's unfolded windows, in scratch.
func (c *conv) unfold(x *driver.Buffer[float32]) (driver.Matrix, error) {
	d, n := c.b.device, c.unfolded()
	m := driver.Matrix{Memory: d.space, Rows: c.rowsTotal(), Cols: c.taps * c.cin}
	name := "unfold"
	if c.precision == BF16 {
		m.Memory, name = d.half, "unfold_bf16"
	}
	return m, d.each(name, n, x, m.Memory, uint32(n), uint32(c.time), uint32(c.cin), uint32(c.taps), uint32(c.dilation))
}

func (c *conv) gpu(in []operand, out *driver.Buffer[float32]) error {
	d := c.b.device
	if !c.byBLAS() {
		return d.launch(c.kernel("conv_rows"), tiles(c.rowsTotal(), c.cout), c.with(in[0].buf, in[1].buf, in[2].buf, out)...)
	}
	x, err := c.unfold(in[0].buf)
	if err != nil {
		return err
	}
	w, err := c.rounded(c.taps*c.cin, c.cout, in[1].buf, d.factor)
	if err != nil {
		return err
	}
	if err := d.each("fill_rows", out.Len(), in[2].buf, out, uint32(out.Len()), uint32(c.cout)); err != nil {
		return err
	}
	return c.multiply(x, w, 1, driver.Matrix{Memory: out, Rows: c.rowsTotal(), Cols: c.cout})
}

func (c *conv) gpuDX(in []operand, out *driver.Buffer[float32]) error {
	d := c.b.device
	if !c.byBLAS() {
		return d.launch(c.kernel("conv_dx"), tiles(c.rowsTotal(), c.cin), c.with(in[0].buf, in[1].buf, out)...)
	}
	dy, err := c.rounded(c.rowsTotal(), c.cout, in[1].buf, d.factor)
	if err != nil {
		return err
	}
	w, err := c.rounded(c.taps*c.cin, c.cout, in[0].buf, d.half)
	if err != nil {
		return err
	}
	w.Transposed = true
	if err := c.multiply(dy, w, 0, driver.Matrix{Memory: d.space, Rows: c.rowsTotal(), Cols: c.taps * c.cin}); err != nil {
		return err
	}
	return d.each("fold", out.Len(), d.space, out, uint32(out.Len()), uint32(c.time), uint32(c.cin), uint32(c.taps), uint32(c.dilation))
}

func (c *conv) gpuDW(in []operand, out *driver.Buffer[float32]) error {
	d := c.b.device
	if !c.byBLAS() {
		n := c.splits()
		to := out
		if n > 1 {
			to = d.space
		}
		if err := d.launch(c.kernel("conv_dw"), tiles(c.taps*c.cin, c.cout)*n, append(c.with(in[0].buf, in[1].buf, to), uint32(n))...); err != nil || n == 1 {
			return err
		}
		return d.each("sum_parts", out.Len(), d.space, out, uint32(out.Len()), int32(n))
	}
	x, err := c.unfold(in[0].buf)
	if err != nil {
		return err
	}
	x.Transposed = true
	dy, err := c.rounded(c.rowsTotal(), c.cout, in[1].buf, d.factor)
	if err != nil {
		return err
	}
	return c.multiply(x, dy, 0, driver.Matrix{Memory: out, Rows: c.taps * c.cin, Cols: c.cout})
}
