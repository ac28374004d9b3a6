package ops

import "neq/cuda/driver"

// A convolution on the GPU is one product by cuBLAS on the unfolded windows, where cuBLAS is there and the product is
// worth it; else our own tiled kernel, which gathers the windows as it goes.

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
	if c.b.device == nil {
		return nil
	}
	if c.byBLAS() {
		return c.b.device.forProducts(c.rowsTotal() * c.taps * c.cin)
	}
	if n := c.splits(); n > 1 && c.b.train {
		return c.b.device.forProducts(n * c.taps * c.cin * c.cout)
	}
	return nil
}

// shape is the kernels' arguments.
func (c *conv) with(args ...any) []any {
	return append(args, uint32(c.rowsTotal()), uint32(c.time), uint32(c.cin), uint32(c.cout), uint32(c.taps), uint32(c.dilation))
}

// windows is the matrix of unfolded windows, in scratch.
func (c *conv) windows() driver.Matrix {
	return driver.Matrix{Memory: c.b.device.space, Rows: c.rowsTotal(), Cols: c.taps * c.cin}
}

func (c *conv) unfold(x *driver.Buffer[float32]) error {
	n := c.rowsTotal() * c.taps * c.cin
	return c.b.device.each("unfold", n, x, c.b.device.space, uint32(n), uint32(c.time), uint32(c.cin), uint32(c.taps), uint32(c.dilation))
}

func (c *conv) gpu(in []operand, out *driver.Buffer[float32]) error {
	d := c.b.device
	if !c.byBLAS() {
		return d.launch("conv_rows", tiles(c.rowsTotal(), c.cout), c.with(in[0].buf, in[1].buf, in[2].buf, out)...)
	}
	if err := c.unfold(in[0].buf); err != nil {
		return err
	}
	if err := d.each("fill_rows", out.Len(), in[2].buf, out, uint32(out.Len()), uint32(c.cout)); err != nil {
		return err
	}
	w := driver.Matrix{Memory: in[1].buf, Rows: c.taps * c.cin, Cols: c.cout}
	return d.multiply(c.windows(), w, 1, driver.Matrix{Memory: out, Rows: c.rowsTotal(), Cols: c.cout})
}

func (c *conv) gpuDX(in []operand, out *driver.Buffer[float32]) error {
	d := c.b.device
	if !c.byBLAS() {
		return d.launch("conv_dx", tiles(c.rowsTotal(), c.cin), c.with(in[0].buf, in[1].buf, out)...)
	}
	dy := driver.Matrix{Memory: in[1].buf, Rows: c.rowsTotal(), Cols: c.cout}
	w := driver.Matrix{Memory: in[0].buf, Rows: c.taps * c.cin, Cols: c.cout, Transposed: true}
	if err := d.multiply(dy, w, 0, c.windows()); err != nil {
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
		if err := d.launch("conv_dw", tiles(c.taps*c.cin, c.cout)*n, append(c.with(in[0].buf, in[1].buf, to), uint32(n))...); err != nil || n == 1 {
			return err
		}
		return d.each("sum_parts", out.Len(), d.space, out, uint32(out.Len()), int32(n))
	}
	if err := c.unfold(in[0].buf); err != nil {
		return err
	}
	x := c.windows()
	x.Transposed = true
	return d.multiply(x, driver.Matrix{Memory: in[1].buf, Rows: c.rowsTotal(), Cols: c.cout}, 0,
		driver.Matrix{Memory: out, Rows: c.taps * c.cin, Cols: c.cout})
}
