package ops

import (
	"fmt"
	"math"

	"neq/cuda/driver"
)

// hold makes memory on the device that is given back with the graph.
func hold[T driver.Element](b *Builder, n int) (*driver.Buffer[T], error) {
	if n > maxElements {
		return nil, fmt.Errorf("%d numbers: on a GPU at most %d: use a smaller batch or shorter windows", n, maxElements)
	}
	buf, err := driver.Alloc[T](b.device.c, n)
	if err == nil {
		b.scratch = append(b.scratch, buf)
	}
	return buf, err
}

const warpsPerBlock = blockThreads / 32

// warpEach queues a kernel with a warp for each of n.
func (d *Device) warpEach(kernel string, n int, args ...any) error {
	return d.launch(kernel, (n+warpsPerBlock-1)/warpsPerBlock, args...)
}

func (c *addCPU) gpu(in []operand, out *driver.Buffer[float32]) error {
	return c.b.device.each("sum", out.Len(), in[0].buf, in[1].buf, out, uint32(out.Len()))
}

// with is the kernels' arguments.
func (c *depthwise) with(args ...any) []any {
	return append(args, uint32(c.windows.time), uint32(c.channels), uint32(c.taps), uint32(c.dilation))
}

func (c *depthwise) gpu(in []operand, out *driver.Buffer[float32]) error {
	return c.b.device.each("depthwise_rows", out.Len(), c.with(in[0].buf, in[1].buf, in[2].buf, out, uint32(out.Len()))...)
}

func (c *depthwise) gpuDX(in []operand, out *driver.Buffer[float32]) error {
	return c.b.device.each("depthwise_dx", out.Len(), c.with(in[0].buf, in[1].buf, out, uint32(out.Len()))...)
}

func (c *depthwise) dwGPU() (gpuBody, error) {
	rows, columns := c.windows.batch*c.windows.time, c.taps*c.channels
	return c.b.sums(rows, columns, func(in []operand, out *driver.Buffer[float32]) error {
		d := c.b.device
		return d.launch("depthwise_dw", sumBlocks(rows, columns), c.with(in[0].buf, in[1].buf, d.partial, d.counter, out, uint32(rows))...)
	})
}

// room takes memory for the rows' means and deviations.
func (c *layerNorm) room() (err error) {
	if c.b.device != nil {
		c.stats, err = hold[float32](c.b, 2*c.rows)
	}
	return err
}

func (c *layerNorm) gpu(in []operand, out *driver.Buffer[float32]) error {
	return c.b.device.warpEach("layer_norm", c.rows, in[0].buf, in[1].buf, in[2].buf, c.stats, out, uint32(c.rows), uint32(c.channels), float32(normEpsilon))
}

func (c *layerNorm) gpuDX(in []operand, out *driver.Buffer[float32]) error {
	return c.b.device.warpEach("layer_norm_dx", c.rows, in[0].buf, c.stats, in[1].buf, in[2].buf, out, uint32(c.rows), uint32(c.channels))
}

func (c *layerNorm) sumsGPU() (gpuBody, error) {
	return c.b.sums(c.rows, 2*c.channels, func(in []operand, out *driver.Buffer[float32]) error {
		d := c.b.device
		return d.launch("layer_norm_sums", sumBlocks(c.rows, 2*c.channels), in[0].buf, c.stats, in[1].buf, d.partial, d.counter, out,
			uint32(c.rows), uint32(c.channels))
	})
}

// bandTile is BAND of attention.cuh.
const bandTile = 32

// weightsRoom takes memory for the weights of all bins, heads and lags.
func (c *attention) weightsRoom() (err error) {
	if c.b.device != nil {
		c.weights, err = hold[float32](c.b, c.batch*c.Time*c.Heads*c.lags)
	}
	return err
}

// band queues a kernel with a block for each tile.
func (c *attention) band(kernel string, args ...any) error {
	tiles := (c.Time + bandTile - 1) / bandTile
	return c.b.device.launch(kernel, c.batch*c.Heads*tiles, args...)
}

// with is the shape in the kernels' arguments.
func (c *attention) with(args ...any) []any {
	return append(args, uint32(c.batch*c.Time), uint32(c.Time), uint32(c.Heads), uint32(c.Width), uint32(c.lags))
}

// mix queues a sum over lags from x to y: rows that lie so many thirds of qkv apart, from a third on.
func (c *attention) mix(weights, x *driver.Buffer[float32], xThirds, xFrom int, y *driver.Buffer[float32], yThirds, yFrom int, scale float32, ahead int32) error {
	third := c.Heads * c.Width
	return c.band("attention_mix", append(c.with(weights, x, y, uint32(xThirds*third), uint32(xFrom*third), uint32(yThirds*third), uint32(yFrom*third)), scale, ahead)...)
}

func (c *attention) scale() float32 { return float32(1 / math.Sqrt(float64(c.Width))) }

func (c *attention) gpu(in []operand, out *driver.Buffer[float32]) error {
	bias, biased := in[0].buf, int32(0)
	if len(in) > 1 {
		bias, biased = in[1].buf, 1
	}
	if err := c.band("attention_weights", append(c.with(in[0].buf, bias, c.weights), c.scale(), biased)...); err != nil {
		return err
	}
	return c.mix(c.weights, in[0].buf, 3, 2, out, 1, 0, 1, 0)
}

// gradGPU gives the bodies of the gradients of qkv and of the bias, which is made of what the first leaves.
func (c *attention) gradGPU() (dx, dbias gpuBody, err error) {
	if c.b.device == nil {
		return nil, nil, nil
	}
	dscores, err := hold[float32](c.b, c.batch*c.Time*c.Heads*c.lags)
	if err != nil {
		return nil, nil, err
	}
	dx = func(in []operand, out *driver.Buffer[float32]) error {
		qkv, dy := in[0].buf, in[len(in)-1].buf
		if err := c.band("attention_dscores", c.with(qkv, c.weights, dy, dscores)...); err != nil {
			return err
		}
		if err := c.mix(dscores, qkv, 3, 1, out, 3, 0, c.scale(), 0); err != nil { // of queries, from keys before
			return err
		}
		if err := c.mix(dscores, qkv, 3, 0, out, 3, 1, c.scale(), 1); err != nil { // of keys, from queries ahead
			return err
		}
		return c.mix(c.weights, dy, 1, 0, out, 3, 2, 1, 1)
	}
	rows, columns := c.batch*c.Time, c.Heads*c.lags
	dbias, err = c.b.sums(rows, columns, func(_ []operand, out *driver.Buffer[float32]) error {
		d := c.b.device
		return d.launch("column_sums", sumBlocks(rows, columns), dscores, d.partial, d.counter, out, uint32(rows), uint32(columns))
	})
	return dx, dbias, err
}
