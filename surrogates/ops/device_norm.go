package ops

import (
	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

func (n *norm) count() float64 { return float64(n.batch * (n.time - n.burnIn)) }

// statsOn is statsGPU of adopted tensors, nothing on the CPU.
func (n *norm) statsOn(mean, variance *tensor.Dense) (gpuBody, error) {
	if n.b.device == nil {
		return nil, nil
	}
	m, err := n.b.device.find(mean)
	if err != nil {
		return nil, err
	}
	v, err := n.b.device.find(variance)
	if err != nil {
		return nil, err
	}
	return n.statsGPU(m, v)
}

// statsGPU gives the statistics and moves the running ones, whose buffers they are.
func (n *norm) statsGPU(mean, variance *driver.Buffer[float32]) (gpuBody, error) {
	rows := n.batch * n.time
	if !n.b.train {
		return func(_ []operand, out *driver.Buffer[float32]) error {
			return n.b.device.each("norm_running", n.channels, mean, variance, out, uint32(n.channels), float64(normEpsilon))
		}, nil
	}
	return n.b.sums(rows, n.channels, func(in []operand, out *driver.Buffer[float32]) error {
		d := n.b.device
		shape := []any{uint32(rows), uint32(n.channels), uint32(n.time), uint32(n.burnIn), n.count(), float32(normMomentum)}
		if err := d.launch("norm_mean", sumBlocks(rows, n.channels), append([]any{in[0].buf, d.partial, d.counter, out, mean}, shape...)...); err != nil {
			return err
		}
		return d.launch("norm_variance", sumBlocks(rows, n.channels),
			append(append([]any{in[0].buf, d.partial, d.counter, out, variance}, shape...), float64(normEpsilon))...)
	})
}

// gpu takes x, gamma, beta and stats.
func (n *norm) gpu(in []operand, out *driver.Buffer[float32]) error {
	return n.b.device.each("norm", out.Len(), in[0].buf, in[3].buf, in[1].buf, in[2].buf, out, uint32(out.Len()), uint32(n.channels))
}

// sumsGPU takes x, stats and dy.
func (n *norm) sumsGPU() (gpuBody, error) {
	rows := n.batch * n.time
	return n.b.sums(rows, 2*n.channels, func(in []operand, out *driver.Buffer[float32]) error {
		d := n.b.device
		return d.launch("norm_sums", sumBlocks(rows, 2*n.channels), in[0].buf, in[1].buf, in[2].buf, d.partial, d.counter, out,
			uint32(rows), uint32(n.channels))
	})
}

// gradGPU takes x, stats, gamma, dy and the sums.
func (n *norm) gradGPU(in []operand, out *driver.Buffer[float32]) error {
	return n.b.device.each("norm_grad", out.Len(), in[0].buf, in[1].buf, in[2].buf, in[3].buf, in[4].buf, out,
		uint32(out.Len()), uint32(n.channels), uint32(n.time), uint32(n.burnIn), float32(n.count()))
}
