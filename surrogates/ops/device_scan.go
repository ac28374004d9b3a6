package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
)

// The scans on a GPU: one kernel a pass through all ms, in float32 whatever a graph's precision is. States are kept for all
// ms there, and the weights' gradient is a product of our own.

// Of recurrent.cuh: windows of a block, units at most.
const (
	recurRows  = 4
	recurUnits = 512
)

// hold is device memory of an op's own.
func (b *Builder) hold(n int) (*driver.Buffer[float32], error) {
	r, err := b.device.tensor(tensor.Shape{n})
	if err != nil {
		return nil, err
	}
	b.held = append(b.held, r)
	return r.buf, nil
}

// recurrentGPU is a recurrent layer's memory on the device, nil where nothing is kept.
type recurrentGPU struct{ states, cells, dz *driver.Buffer[float32] }

func (r *recurrent) onDevice() (err error) {
	b, rows := r.b, r.batch*r.time
	if b.device == nil {
		return nil
	}
	if r.units > recurUnits {
		return fmt.Errorf("%d units: on a GPU at most %d: make it narrower, or train it with --device cpu", r.units, recurUnits)
	}
	if !b.train {
		return nil
	}
	if r.gpu.states, err = b.hold(rows * 4 * r.units); err != nil {
		return err
	}
	if r.gates == 4 {
		r.gpu.cells, err = b.hold(rows * r.units)
	} else {
		r.gpu.dz, err = b.hold(rows * 3 * r.units)
	}
	if err != nil {
		return err
	}
	return b.device.forProducts(r.splits() * r.units * r.gates * r.units) // and transposed weights, which are no more
}

// with is the kernels' arguments.
func (r *recurrent) with(args ...any) []any {
	return append(args, int32(r.batch), int32(r.time), int32(r.units))
}

func (r *recurrent) scanGPU(name string, args ...any) error {
	return r.b.device.launch(name, (r.batch+recurRows-1)/recurRows, args...)
}

// backGPU is the transposed weights, in scratch.
func (r *recurrent) backGPU(wh *driver.Buffer[float32]) (*driver.Buffer[float32], error) {
	d, n := r.b.device, r.units*r.gates*r.units
	return d.space, d.each("transpose", n, wh, d.space, uint32(n), uint32(r.gates*r.units))
}

func (r *recurrent) lstmGPU(in []operand, out *driver.Buffer[float32]) error {
	states, cells, kept := r.gpu.states, r.gpu.cells, int32(1)
	if states == nil {
		states, cells, kept = out, out, 0
	}
	return r.scanGPU("lstm", append(r.with(in[0].buf, in[1].buf, out, states, cells), kept)...)
}

func (r *recurrent) lstmGradGPU(in []operand, out *driver.Buffer[float32]) error {
	back, err := r.backGPU(in[1].buf)
	if err != nil {
		return err
	}
	return r.scanGPU("lstm_grad", r.with(in[3].buf, back, r.gpu.states, r.gpu.cells, out)...)
}

func (r *recurrent) gruGPU(in []operand, out *driver.Buffer[float32]) error {
	states, kept := r.gpu.states, int32(1)
	if states == nil {
		states, kept = out, 0
	}
	return r.scanGPU("gru", append(r.with(in[0].buf, in[1].buf, in[2].buf, out, states), kept)...)
}

func (r *recurrent) gruGradGPU(in []operand, out *driver.Buffer[float32]) error {
	back, err := r.backGPU(in[1].buf)
	if err != nil {
		return err
	}
	return r.scanGPU("gru_grad", r.with(in[4].buf, back, r.gpu.states, in[3].buf, out, r.gpu.dz)...)
}

// gruBiasGPU needs scratch for sums over rows.
func (r *recurrent) gruBiasGPU() (gpuBody, error) {
	rows := r.batch * r.time
	return r.b.sums(rows, r.units, func(_ []operand, out *driver.Buffer[float32]) error {
		d := r.b.device
		return d.launch("gru_db", sumBlocks(rows, r.units), r.gpu.dz, d.partial, d.counter, out, uint32(rows), uint32(r.units))
	})
}

// splits is over how many stretches of rows the weights' gradient is summed apart; fixed by the shape.
func (r *recurrent) splits() int {
	return max(1, min(busyTiles/tiles(r.units, r.gates*r.units), r.batch*r.time/splitRows))
}

func (r *recurrent) dwGPU(in []operand, out *driver.Buffer[float32]) error {
	d, n, m := r.b.device, r.splits(), r.gates*r.units
	dz, to := r.gpu.dz, out
	if dz == nil {
		dz = in[1].buf
	}
	if n > 1 {
		to = d.space
	}
	err := d.launch("delayed_dw", tiles(r.units, m)*n, in[0].buf, dz, to, uint32(r.batch*r.time), uint32(r.time), uint32(r.units), uint32(m), uint32(n))
	if err != nil || n == 1 {
		return err
	}
	return d.each("sum_parts", out.Len(), d.space, out, uint32(out.Len()), int32(n))
}

// Of ssm.cuh: ms between marks.
const ssmMark = 64

// ssmGPU is a state space's memory on the device; marks and sums in training only.
type ssmGPU struct{ coef, marks, sums *driver.Buffer[float32] }

func (s *ssm) onDevice() (err error) {
	if s.b.device == nil {
		return nil
	}
	n := s.p.Channels * s.p.States
	if s.gpu.coef, err = s.b.hold(4 * n); err != nil || !s.b.train {
		return err
	}
	if s.gpu.marks, err = s.b.hold(s.batch * ((s.time + ssmMark - 1) / ssmMark) * 2 * n); err != nil {
		return err
	}
	s.gpu.sums, err = s.b.hold(s.batch * (4*n + s.p.Channels))
	return err
}

func (s *ssm) with(args ...any) []any {
	return append(args, int32(s.batch), int32(s.time), int32(s.p.Channels), int32(s.p.States))
}

func (s *ssm) warps() int {
	const warps = blockThreads / 32
	return (s.batch*s.p.Channels + warps - 1) / warps
}

func (s *ssm) forwardGPU(in []operand, out *driver.Buffer[float32]) error {
	d, n := s.b.device, s.p.Channels*s.p.States
	if err := d.each("ssm_coefficients", n, in[1].buf, in[2].buf, in[3].buf, in[4].buf, in[5].buf, s.gpu.coef, uint32(n), uint32(s.p.States)); err != nil {
		return err
	}
	marks, kept := s.gpu.marks, int32(1)
	if marks == nil {
		marks, kept = out, 0
	}
	return d.launch("ssm", s.warps(), append(s.with(in[0].buf, s.gpu.coef, in[6].buf, out, marks), kept)...)
}

func (s *ssm) backGPU(in []operand, out *driver.Buffer[float32]) error {
	return s.b.device.launch("ssm_grad", s.warps(), s.with(in[0].buf, s.gpu.coef, in[6].buf, s.gpu.marks, in[8].buf, out, s.gpu.sums)...)
}

// parameter is the gradient of a kind of parameter, counted as in s4d.h, from what backGPU left.
func (s *ssm) parameterGPU(kind int) gpuBody {
	return func(in []operand, out *driver.Buffer[float32]) error {
		return s.b.device.each("ssm_parameter", out.Len(), in[1].buf, in[2].buf, in[3].buf, in[4].buf, in[5].buf, s.gpu.sums, out,
			uint32(out.Len()), int32(kind), int32(s.batch), int32(s.p.Channels), int32(s.p.States))
	}
}
