package ops

import "neq/cuda/driver"

// The GPU's bodies of the ops. Each says where it needs scratch, when the graph is built.

// eventConvGPU starts from zero where there is no bias.
func (b *Builder) eventConvGPU(channels int, zero *driver.Buffer[float32]) gpuBody {
	return func(in []operand, out *driver.Buffer[float32]) error {
		s, bias := b.batch.now, zero
		if len(in) > 1 {
			bias = in[1].buf
		}
		return b.device.each("event_rows", out.Len(), in[0].buf, s.key, s.ranges, bias, out, uint32(out.Len()), int32(channels))
	}
}

// gradSlice is how many channels the event gradient takes at a time: of 3,200 rows they are 200 KB, an L1 cache.
const gradSlice = 16

func (b *Builder) eventGradGPU(e *Events, channels int) gpuBody {
	return func(in []operand, out *driver.Buffer[float32]) error {
		s, slice := b.batch.now, channels
		if channels%gradSlice == 0 {
			slice = gradSlice
		}
		return b.device.each("event_grad", out.Len(), in[0].buf, s.span, s.origin, s.bin, out,
			uint32(out.Len()), uint32(slice), int32(e.Batch), int32(e.shape.Taps), int32(channels), int32(e.Time), int32(e.shape.Dilation))
	}
}

func (c *activationCPU) gpu(in []operand, out *driver.Buffer[float32]) error {
	n := out.Len()
	if len(in) == 1 {
		return c.b.device.each("activate", n, int32(c.kind), in[0].buf, out, uint32(n))
	}
	return c.b.device.each("activate_grad", n, int32(c.kind), in[0].buf, in[1].buf, out, uint32(n))
}

// sums is a GPU body that needs scratch for sums over rows.
func (b *Builder) sums(rows, columns int, f gpuBody) (gpuBody, error) {
	if b.device == nil {
		return nil, nil
	}
	return f, b.device.forSums(rows, columns)
}

func (b *Builder) columnSumsGPU(rows, columns int) (gpuBody, error) {
	return b.sums(rows, columns, func(in []operand, out *driver.Buffer[float32]) error {
		d := b.device
		return d.launch("column_sums", sumBlocks(rows, columns), in[0].buf, d.partial, d.counter, out, uint32(rows), uint32(columns))
	})
}

func (b *Builder) headsGPU(rows, channels, heads int) gpuBody {
	const warps = blockThreads / 32
	return func(in []operand, out *driver.Buffer[float32]) error {
		return b.device.launch("heads", (rows+warps-1)/warps, in[0].buf, in[1].buf, in[2].buf, out, uint32(rows), int32(channels), int32(heads))
	}
}

func (b *Builder) headsDXGPU(channels, heads int) gpuBody {
	return func(in []operand, out *driver.Buffer[float32]) error {
		return b.device.each("heads_dx", out.Len(), in[0].buf, in[1].buf, out, uint32(out.Len()), int32(channels), int32(heads))
	}
}

func (b *Builder) headsDWGPU(rows, channels, heads int) (gpuBody, error) {
	return b.sums(rows, channels*heads, func(in []operand, out *driver.Buffer[float32]) error {
		d := b.device
		return d.launch("heads_dw", sumBlocks(rows, channels*heads), in[0].buf, in[1].buf, d.partial, d.counter, out,
			uint32(rows), uint32(channels), uint32(heads))
	})
}

// lossGPU leaves the terms' sums on the device, for DeviceBatch.Loss.
func (b *Builder) lossGPU(in []operand, _ *driver.Buffer[float32]) error {
	return b.batch.lossSums(in[0].buf)
}

func (b *Builder) lossGradGPU(s *Scores) gpuBody {
	rows, heads, bins := s.Batch*s.Time, len(s.Terms), float64(s.Batch*(s.Time-s.BurnIn))
	return func(in []operand, out *driver.Buffer[float32]) error {
		at := b.batch.now
		return b.device.each("loss_grad", rows*heads, in[0].buf, at.targets, at.weights, out,
			uint32(rows), uint32(heads), uint32(s.Time), uint32(s.BurnIn), in[1].number/float32(bins))
	}
}
