package ops

import (
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/cuda/kernels/ptx"
)

// DeviceOptions are choices of how a device works.
type DeviceOptions struct {
	NoBLAS   bool // our own matrix product even where cuBLAS is installed
	NoGraphs bool // launch kernel by kernel, never a captured step
}

// Device is a GPU that graphs and solvers of one training run on: a queue of work, the kernels, and the tensors that
// live there. One goroutine uses it at a time; trainings side by side each open their own on one context. None of its
// kernels has run on a GPU yet unless bench/results/gpu says so; all are tested on the fake driver.
type Device struct {
	c       *driver.Context
	queue   *driver.Stream // all computation, in order
	uploads *driver.Stream // batches on their way, beside it
	s       *driver.Stream // the queue, or a burst of it
	module  *driver.Module
	kernels map[string]*driver.Kernel
	blas    *driver.BLAS // nil: our own product
	loose   bool         // no step is captured

	memory map[uintptr]*resident
	// Scratch of reductions and convolutions: work on the queue is in order, so all share it. In bfloat16 space is a
	// product's result, half and factor its factors.
	partial      *driver.Buffer[float64]
	counter      *driver.Buffer[uint32]
	space        *driver.Buffer[float32]
	half, factor *driver.Buffer[driver.BFloat16]
	age          int // of the scratch: a step that was captured before it grew is to be captured again

	launches int
}

// resident is a tensor on the device, found by its host memory if it stands for a tensor of the host, else by its
// device address.
type resident struct {
	host  *tensor.Dense
	value *tensor.Dense // over the device's addresses: not for the host to read
	buf   *driver.Buffer[float32]
	users int
	part  bool // of another's buffer, which is freed there
}

const blockThreads = 256 // BLOCK_THREADS of grid.h

// OpenDevice prepares an open GPU for graphs. The context stays the caller's to close, after the device.
func OpenDevice(c *driver.Context, o DeviceOptions) (d *Device, err error) {
	d = &Device{c: c, loose: o.NoGraphs, kernels: map[string]*driver.Kernel{}, memory: map[uintptr]*resident{}}
	defer func() {
		if err != nil {
			d.Close()
			d, err = nil, fmt.Errorf("ops: %w", err)
		}
	}()
	if d.queue, err = c.NewStream(); err != nil {
		return d, err
	}
	d.s = d.queue
	if d.uploads, err = c.NewStream(); err != nil {
		return d, err
	}
	if d.module, err = c.Load("nets.ptx", ptx.Text("nets")); err != nil {
		return d, err
	}
	for _, name := range d.module.Kernels() {
		if d.kernels[name], err = d.module.Kernel(name); err != nil {
			return d, err
		}
	}
	if !o.NoBLAS {
		d.blas, _ = c.NewBLAS() // absent: our own product
	}
	return d, nil
}

// Name is the GPU's, and what its products are made with.
func (d *Device) Name() string {
	if d.blas == nil {
		return d.c.Name() + ", own products"
	}
	return d.c.Name() + ", " + d.blas.Name()
}

// Close gives back what the device holds beside the tensors of graphs and solvers, which are to be closed before.
func (d *Device) Close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if d.partial != nil {
		keep(d.partial.Free())
	}
	if d.counter != nil {
		keep(d.counter.Free())
	}
	if d.space != nil {
		keep(d.space.Free())
	}
	for _, b := range []*driver.Buffer[driver.BFloat16]{d.half, d.factor} {
		if b != nil {
			keep(b.Free())
		}
	}
	if d.blas != nil {
		keep(d.blas.Free())
	}
	if d.module != nil {
		keep(d.module.Free())
	}
	for _, s := range []*driver.Stream{d.queue, d.uploads} {
		if s != nil {
			keep(s.Free())
		}
	}
	if d.c.Lost() != nil { // said before
		return nil
	}
	return first
}

// burst gathers what f launches and queues it in one visit to the driver.
func (d *Device) burst(f func() error) error {
	return d.queue.Burst(func(s *driver.Stream) error {
		d.s = s
		defer func() { d.s = d.queue }()
		return f()
	})
}

// Launches is how many kernels and products were queued so far, a captured step as one.
func (d *Device) Launches() int { return d.launches }

// launch queues a kernel on so many blocks.
func (d *Device) launch(kernel string, blocks int, args ...any) error {
	d.launches++
	return d.kernels["nets_"+kernel].Launch(d.s, driver.Shape{Grid: [3]int{blocks}, Block: [3]int{blockThreads}}, args...)
}

// multiply queues a product by cuBLAS.
func (d *Device) multiply(math driver.Math, a, b driver.Matrix, beta float32, c driver.Matrix) error {
	d.launches++
	return d.blas.Multiply(d.s, math, 1, 1, a, b, beta, c)
}

// each queues a kernel with a thread for each of n elements.
func (d *Device) each(kernel string, n int, args ...any) error {
	return d.launch(kernel, (n+blockThreads-1)/blockThreads, args...)
}

// Tiles of a sum over rows, as in nets.cu.
const (
	sumTile  = 32
	sumChunk = 64
)

func sumBlocks(rows, columns int) int {
	return (columns + sumTile - 1) / sumTile * ((rows + sumChunk - 1) / sumChunk)
}

// forSums makes the scratch large enough for sums over rows of so many columns.
func (d *Device) forSums(rows, columns int) error {
	if err := grow(d, &d.partial, (rows+sumChunk-1)/sumChunk*columns, false); err != nil {
		return err
	}
	return grow(d, &d.counter, (columns+sumTile-1)/sumTile, true)
}

// forProducts makes the scratch of products large enough.
func (d *Device) forProducts(n int) error { return grow(d, &d.space, n, false) }

// grow replaces a buffer that is too small, when nothing is being gathered.
func grow[T driver.Element](d *Device, b **driver.Buffer[T], n int, zero bool) error {
	if *b != nil && (*b).Len() >= n {
		return nil
	}
	if *b != nil {
		old := *b
		*b = nil
		if err := old.Free(); err != nil {
			return err
		}
	}
	fresh, err := driver.Alloc[T](d.c, n)
	if err != nil {
		return err
	}
	*b = fresh
	d.age++
	if zero {
		return fresh.Zero(d.queue)
	}
	return nil
}

// maxElements is the most a tensor on the device may have: kernels count in 32 bits.
const maxElements = math.MaxInt32

// tensor makes a tensor of the shape on the device. It is not cleared.
func (d *Device) tensor(shape tensor.Shape) (*resident, error) {
	n := shape.TotalSize()
	if n < 1 || n > maxElements {
		return nil, fmt.Errorf("ops: a tensor of %v has %d elements: on a GPU at most %d: use a smaller batch or shorter windows", shape, n, maxElements)
	}
	buf, err := driver.Alloc[float32](d.c, n)
	if err != nil {
		return nil, err
	}
	r := d.over(buf, shape)
	d.memory[r.value.Uintptr()] = r
	return r, nil
}

// over is a tensor whose values are those of a buffer. gorgonia passes it on and never looks into it.
func (d *Device) over(buf *driver.Buffer[float32], shape tensor.Shape) *resident {
	address := uintptr(buf.Addr())
	values := unsafe.Slice(*(**float32)(unsafe.Pointer(&address)), shape.TotalSize())
	return &resident{buf: buf, value: tensor.New(tensor.WithShape(shape.Clone()...), tensor.WithBacking(values))}
}

// free gives a tensor's memory back.
func (d *Device) free(r *resident) {
	delete(d.memory, r.value.Uintptr())
	if !r.part {
		_ = r.buf.Free() // a lost device has freed it
	}
}

// Adopt gives tensors of the host a place on the device and copies them there, unless they have one. Each needs a Release.
func (d *Device) Adopt(hosts ...*tensor.Dense) error {
	for i, h := range hosts {
		r := d.memory[h.Uintptr()]
		if r == nil {
			buf, err := driver.Alloc[float32](d.c, h.Shape().TotalSize())
			if err == nil {
				if err = buf.Write(d.queue, floats(h)); err != nil {
					_ = buf.Free()
				}
			}
			if err != nil {
				d.Release(hosts[:i]...)
				return fmt.Errorf("ops: %w", err)
			}
			r = d.over(buf, h.Shape())
			r.host = h
			d.memory[h.Uintptr()] = r
			d.memory[r.value.Uintptr()] = r
		}
		r.users++
	}
	return nil
}

// Release takes an Adopt back. With the last one the values on the device are gone: read them back before.
func (d *Device) Release(hosts ...*tensor.Dense) {
	for _, h := range hosts {
		r := d.memory[h.Uintptr()]
		if r == nil {
			continue
		}
		if r.users--; r.users == 0 {
			delete(d.memory, h.Uintptr())
			d.free(r)
		}
	}
}

// Resident is an adopted tensor's value on the device, as a graph takes it; nil for others.
func (d *Device) Resident(host *tensor.Dense) *tensor.Dense {
	if r := d.memory[host.Uintptr()]; r != nil {
		return r.value
	}
	return nil
}

// find is the buffer of a tensor on the device, or of a host's tensor that was adopted.
func (d *Device) find(t *tensor.Dense) (*driver.Buffer[float32], error) {
	if r := d.memory[t.Uintptr()]; r != nil {
		return r.buf, nil
	}
	return nil, fmt.Errorf("ops: a tensor of %v is not on %s: make the graph there first", t.Shape(), d.c.Name())
}

// Upload copies adopted tensors to the device again.
func (d *Device) Upload(hosts ...*tensor.Dense) error {
	for _, h := range hosts {
		buf, err := d.find(h)
		if err != nil {
			return err
		}
		if err := buf.Write(d.queue, floats(h)); err != nil {
			return fmt.Errorf("ops: %w", err)
		}
	}
	return nil
}

// ReadBack copies adopted tensors from the device, after all that is queued. On an error all keep what they held.
func (d *Device) ReadBack(hosts ...*tensor.Dense) error {
	fresh := make([][]float32, len(hosts))
	for i, h := range hosts {
		var err error
		if fresh[i], err = d.Read(h); err != nil {
			return err
		}
	}
	for i, h := range hosts {
		copy(floats(h), fresh[i])
	}
	return nil
}

// Read is a copy of a tensor on the device, after all that is queued.
func (d *Device) Read(t *tensor.Dense) ([]float32, error) {
	buf, err := d.find(t)
	if err != nil {
		return nil, err
	}
	v := make([]float32, t.Shape().TotalSize())
	if buf, err = buf.Part(0, len(v)); err == nil { // inference shares buffers, which may be longer
		err = buf.Read(d.queue, v)
	}
	if err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	return v, nil
}

// Held is the device memory that is held in this device's context, in bytes, and in how many buffers.
func (d *Device) Held() (bytes int64, buffers int) { return d.c.Held() }

// Free is the device memory that is free now, in bytes.
func (d *Device) Free() (int64, error) {
	free, _, err := d.c.Memory()
	return free, err
}

// Wait waits until the device has done what is queued.
func (d *Device) Wait() error { return d.queue.Wait() }

// operand is what a GPU body takes: a tensor's buffer, or a number.
type operand struct {
	buf    *driver.Buffer[float32]
	number float32
}

// gpuBody queues an operation's kernels. It checks nothing: shapes are the op's, lengths the driver's to check.
type gpuBody func(in []operand, out *driver.Buffer[float32]) error
