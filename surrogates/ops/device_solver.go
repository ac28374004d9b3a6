package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/kernels/nets"
)

// deviceSolver is a solver's state on a GPU: a step is one launch over all parameters, two with a clip norm, whose
// result stays there too.
type deviceSolver struct {
	d       *Device
	m, v    []*driver.Buffer[float32]
	sums    []*driver.Buffer[float32] // of gradients, from the first add
	decays  func(i int) bool
	table   *driver.Buffer[uint64] // nets_piece
	pieces  int
	partial *driver.Buffer[float64]
	counter *driver.Buffer[uint32]

	status  *driver.Buffer[uint64] // nets_status
	report  *driver.Pinned[uint64]
	done    *driver.Event
	waiting bool    // a report is under way
	base    float64 // of norms: what was there when it was put here
	failed  error   // a gradient was not finite: nothing changed from then on
}

const (
	devicePiece = 1 << 13 // elements of a piece, one block's work
	pieceWords  = 7       // of nets_piece
	statusWords = 4       // of nets_status: norm, norms, bad_step, clip and bad_parameter
	reportEvery = 16      // steps between looks at it
)

// newDeviceSolver copies a solver's moments to the device.
func newDeviceSolver(d *Device, m, v []*tensor.Dense) (g *deviceSolver, err error) {
	g = &deviceSolver{d: d}
	defer func() {
		if err != nil {
			g.close()
			g = nil
		}
	}()
	for i := range m {
		for _, x := range []struct {
			host *tensor.Dense
			to   *[]*driver.Buffer[float32]
		}{{m[i], &g.m}, {v[i], &g.v}} {
			b, err := driver.Alloc[float32](d.c, x.host.Shape().TotalSize())
			if err != nil {
				return g, err
			}
			*x.to = append(*x.to, b)
			if err := b.Write(d.queue, floats(x.host)); err != nil {
				return g, err
			}
		}
	}
	if g.counter, err = driver.Alloc[uint32](d.c, 1); err != nil {
		return g, err
	}
	if g.status, err = driver.Alloc[uint64](d.c, statusWords); err != nil {
		return g, err
	}
	if g.report, err = driver.Pin[uint64](d.c, statusWords); err != nil {
		return g, err
	}
	if g.done, err = d.c.NewEvent(); err != nil {
		return g, err
	}
	if err = g.counter.Zero(d.queue); err != nil {
		return g, err
	}
	return g, g.status.Zero(d.queue)
}

// cut lists the pieces of the parameters for the kernels.
func (g *deviceSolver) cut(params, grads []*tensor.Dense) error {
	var words []uint64
	for i := range params {
		w, err := g.d.find(params[i])
		if err != nil {
			return err
		}
		x, err := g.d.find(grads[i])
		if err != nil {
			return err
		}
		for from := 0; from < w.Len(); from += devicePiece {
			n, at := min(devicePiece, w.Len()-from), uint64(4*from)
			grad, source, decays := x.Addr()+at, uint64(0), uint64(0)
			if g.sums != nil {
				grad, source = g.sums[i].Addr()+at, grad
			}
			if g.decays(i) {
				decays = 1
			}
			words = append(words, w.Addr()+at, grad, g.m[i].Addr()+at, g.v[i].Addr()+at, source, uint64(n)|uint64(i)<<32, decays)
		}
	}
	if err := g.uncut(); err != nil {
		return err
	}
	g.pieces = len(words) / pieceWords
	var err error
	if g.partial, err = driver.Alloc[float64](g.d.c, g.pieces); err != nil {
		return err
	}
	table, err := driver.Alloc[uint64](g.d.c, len(words))
	if err != nil {
		return err
	}
	g.table = table
	return table.Write(g.d.queue, words)
}

func (g *deviceSolver) uncut() (err error) {
	if g.table != nil {
		err = g.table.Free()
	}
	if g.partial != nil {
		if e := g.partial.Free(); err == nil {
			err = e
		}
	}
	g.table, g.partial = nil, nil
	return err
}

// add queues the addition of a batch's gradients to their sums; first begins them.
func (g *deviceSolver) add(first bool, params, grads []*tensor.Dense) error {
	if g.sums == nil {
		for _, m := range g.m {
			b, err := driver.Alloc[float32](g.d.c, m.Len())
			if err != nil {
				g.freeSums()
				return err
			}
			g.sums = append(g.sums, b)
		}
		if err := g.cut(params, grads); err != nil {
			g.freeSums()
			return err
		}
	}
	begins := int32(0)
	if first {
		begins = 1
	}
	return g.d.burst(func() error { return g.d.launch("add_gradients", g.pieces, g.table, begins) })
}

// step queues a step.
func (g *deviceSolver) step(k nets.AdamStep, most float64, step uint64) error {
	clipped := int32(0)
	return g.d.burst(func() error {
		if most > 0 {
			clipped = 1
			if err := g.d.launch("gradient_norm", g.pieces, g.table, g.partial, g.counter, g.status, most, k.Clip, int64(step)); err != nil {
				return err
			}
		}
		if err := g.d.launch("adam", g.pieces, g.table, g.status, clipped, float32(k.Beta1), float32(1-k.Beta1), float32(k.Beta2),
			float32(1-k.Beta2), float32(k.Epsilon), float32(k.StepM), float32(k.StepG), float32(k.Denom), float32(k.Keep), float32(k.Clip)); err != nil {
			return err
		}
		if clipped == 0 || g.waiting || step%reportEvery != 0 {
			return nil
		}
		g.waiting = true
		if err := g.status.Fetch(g.d.s, g.report); err != nil {
			return err
		}
		return g.d.s.Record(g.done)
	})
}

// look takes in a report that has come, without waiting for one.
func (s *Solver) look() error {
	g := s.gpu
	if g.failed == nil && g.waiting {
		passed, err := g.done.Passed()
		if err != nil {
			return fmt.Errorf("ops: solver: %w", err)
		}
		if passed {
			g.waiting = false
			s.take(g.report.Slice())
		}
	}
	return g.failed
}

// take reads a nets_status.
func (s *Solver) take(words []uint64) {
	s.norm = math.Float64frombits(words[0])
	s.norms = s.gpu.base + math.Float64frombits(words[1])
	if words[2] != 0 {
		s.gpu.failed = s.notFinite(int(words[3]>>32), words[2])
		s.step = words[2] - 1
	}
}

// stepOnDevice is Step on the device.
func (s *Solver) stepOnDevice(lr float64) error {
	if s.gpu.failed != nil {
		return s.gpu.failed
	}
	if (s.step+1)%reportEvery == 0 {
		if err := s.look(); err != nil {
			return err
		}
	}
	step, product := s.step, s.product
	s.advance(lr)
	if err := s.gpu.step(s.do, s.o.ClipNorm, s.step); err != nil {
		s.step, s.product = step, product
		return fmt.Errorf("ops: solver: %w", err)
	}
	return nil
}

// report waits for the steps made on the device and takes in what they left.
func (s *Solver) report() error {
	g := s.gpu
	if s.o.ClipNorm == 0 {
		return nil
	}
	words := make([]uint64, statusWords)
	if err := g.status.Read(g.d.queue, words); err != nil {
		return fmt.Errorf("ops: solver: %w", err)
	}
	s.take(words)
	return g.failed
}

// ReadBack waits for the steps made on a device and copies the moments from there, for State; on the CPU it does
// nothing. It says where a gradient was not finite: from that step on nothing has changed. On an error State is that
// of the last ReadBack.
func (s *Solver) ReadBack() error {
	g := s.gpu
	if g == nil {
		return nil
	}
	if err := s.report(); err != nil {
		return err
	}
	fresh := make([][2][]float32, len(g.m))
	for i := range g.m {
		for j, b := range []*driver.Buffer[float32]{g.m[i], g.v[i]} {
			fresh[i][j] = make([]float32, b.Len())
			if err := b.Read(g.d.queue, fresh[i][j]); err != nil {
				return fmt.Errorf("ops: solver: %w", err)
			}
		}
	}
	for i, f := range fresh {
		copy(floats(s.m[i]), f[0])
		copy(floats(s.v[i]), f[1])
	}
	s.read = s.step
	return nil
}

func (g *deviceSolver) freeSums() {
	for _, b := range g.sums {
		_ = b.Free() // a lost device has freed all
	}
	g.sums = nil
}

func (g *deviceSolver) close() {
	for i := range g.m {
		_ = g.m[i].Free() // a lost device has freed all
	}
	for i := range g.v {
		_ = g.v[i].Free()
	}
	g.freeSums()
	_ = g.uncut()
	if g.counter != nil {
		_ = g.counter.Free()
	}
	if g.status != nil {
		_ = g.status.Free()
	}
	if g.report != nil {
		_ = g.report.Free()
	}
	if g.done != nil {
		_ = g.done.Free()
	}
}
