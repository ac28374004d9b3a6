package cuda

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"neq/cuda/driver"
	"neq/cuda/kernels/cells"
	"neq/cuda/kernels/ptx"
	"neq/internal/team"
)

// GPUOptions say which GPU to use and how; the zero value uses the first one, and all its free memory.
type GPUOptions struct {
	Index   int
	Threads int   // of the host, to lay traces out; 0: as many as Go uses (GOMAXPROCS)
	Memory  int64 // bytes of device memory to use at most; 0: nine tenths of what is free
	Trees   TreeKernel
}

// gpuDevice is a GPU. Batches that wait for their turn run together where they are alike: see gpu_join.go.
type gpuDevice struct {
	c       *driver.Context
	threads int
	memory  int64
	trees   TreeKernel

	mu    sync.Mutex
	queue []*gpuJob

	turn    chan struct{} // holds one, of whoever uses what is below
	kernels map[string]*driver.Kernel
	modules map[string]*driver.Module
	room    *gpuRoom
}

// NewGPU opens a GPU as a Device. The error says in one sentence why there is none; its driver.Kind, for errors.Is,
// is NotBuilt where this program was built without GPU support.
//
// It has been tested on a fake driver that runs the kernels' text compiled for the CPU, and never yet on a GPU.
func NewGPU(ctx context.Context, o GPUOptions) (Device, error) {
	if o.Threads < 0 || o.Memory < 0 {
		return nil, fmt.Errorf("cuda: %d threads and %d bytes of GPU memory: want 0 or more", o.Threads, o.Memory)
	}
	return openGPU(driver.Probe(ctx), o)
}

// openGPU opens a GPU of a machine that was probed.
func openGPU(s driver.Status, o GPUOptions) (Device, error) {
	c, err := s.Open(o.Index)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	if o.Threads == 0 {
		o.Threads = team.Cores()
	}
	d := &gpuDevice{c: c, threads: o.Threads, memory: o.Memory, trees: o.Trees, kernels: map[string]*driver.Kernel{}, modules: map[string]*driver.Module{}, turn: make(chan struct{}, 1)}
	if d.room, err = newGPURoom(c); err != nil {
		return nil, errors.Join(fmt.Errorf("cuda: %w", err), c.Close())
	}
	return d, nil
}

func (d *gpuDevice) Name() string { return d.c.Name() }

// Close waits for a batch under way and gives the GPU's memory back.
func (d *gpuDevice) Close() error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	if err := errors.Join(d.room.freePinned(), d.c.Close()); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}

// kernel finds a kernel, which the driver's compiler makes of its PTX at the first use of a module.
func (d *gpuDevice) kernel(module, name string) (*driver.Kernel, error) {
	if k := d.kernels[name]; k != nil {
		return k, nil
	}
	m := d.modules[module]
	if m == nil {
		var err error
		if m, err = d.c.Load(module+".ptx", ptx.Text(module)); err != nil {
			return nil, err
		}
		d.modules[module] = m
	}
	k, err := m.Kernel(name)
	if err == nil {
		d.kernels[name] = k
	}
	return k, err
}

// Run integrates the batch: as many lanes at a time as the GPU's memory holds. A GPU needs many lanes
// (see Fill) to be fast: where batches are small, run many from as many goroutines.
func (d *gpuDevice) Run(ctx context.Context, p *Program, b *Batch) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := b.check(p); err != nil {
		return err
	}
	prog, err := d.program(p, b)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.wait(&gpuJob{ctx: ctx, p: p, b: b, prog: prog, done: make(chan error, 1)})
}

// program compiles a checked program for a batch.
func (d *gpuDevice) program(p *Program, b *Batch) (gpuProgram, error) {
	if p.Tree != nil {
		return d.newTreeGPU(p, b)
	}
	prog, err := cellsProgram(p, b)
	return cellsGPU{prog}, err
}

// Fill is how many lanes keep a device busy: with fewer some of it is idle.
func Fill(d Device) int {
	switch d := d.(type) {
	case *gpuDevice:
		return d.c.Info().Multiprocessors * 1024 // what 64 registers a thread leave room for
	case *cpuDevice:
		return d.threads * cells.Lanes
	}
	return cells.Lanes
}

// runBatch integrates a batch by itself. ended tells when to stop.
func (d *gpuDevice) runBatch(ended func() error, p *Program, b *Batch, prog gpuProgram) error {
	k, err := d.kernel(prog.kernel())
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	b.allocate(b.Steps / b.Every)
	var spikes laneSpikes
	var drawn laneInputs
	var more gpuMore
	for lane := 0; lane < b.Lanes; {
		plan, err := d.plan(prog, p.Dt, b, lane, more)
		if err == nil {
			r := gpuRun{d: d, p: p, b: b, plan: plan, kernel: k, prog: prog}
			err = r.run(ended, &spikes, &drawn)
		}
		var moreS *moreSpikes
		var moreE *moreEvents
		var bad *LaneError
		switch {
		case err == nil:
			lane += plan.lanes
		case errors.As(err, &moreS):
			more.spikes = moreS.perLane // and the part again
		case errors.As(err, &moreE):
			more.events = moreE.perLane
		case errors.As(err, &bad), ended() != nil && errors.Is(err, ended()):
			return err
		default:
			return fmt.Errorf("cuda: %w", err)
		}
	}
	spikes.into(b)
	drawn.into(b.Inputs)
	return nil
}

// plan plans the next part of a batch and makes room for it.
func (d *gpuDevice) plan(prog gpuProgram, dt float64, b *Batch, lane int, more gpuMore) (*gpuPlan, error) {
	budget, err := d.budget()
	if err != nil {
		return nil, err
	}
	for fresh := false; ; fresh = true {
		g := planGPU(prog, dt, b, lane, more, budget)
		if g.lanes == 0 {
			return nil, fmt.Errorf("%s has room for %s, one cell of this batch takes %s: use --device cpu, shorter samples or a lower input rate: %w",
				d.Name(), byteWords(budget), byteWords(g.least), driver.OutOfMemory)
		}
		err := d.room.fit(g, b.Inputs)
		if err == nil || !errors.Is(err, driver.OutOfMemory) || fresh && g.lanes == 1 {
			return g, err
		}
		// First without what earlier batches left; then others took memory, or the host has less to pin: half the lanes.
		if err := d.room.free(); err != nil {
			return nil, err
		}
		if fresh {
			budget = g.bytes / 2
		}
	}
}

// budget is the device memory a part of a batch may take: what is free or this device's already.
func (d *gpuDevice) budget() (int64, error) {
	if d.memory > 0 {
		return d.memory, nil
	}
	free, _, err := d.c.Memory()
	if err != nil {
		return 0, err
	}
	held, _ := d.c.Held()
	return (free + held) / 10 * 9, nil
}

// laneSpikes are the spikes of lanes, in the order of lanes.
type laneSpikes struct {
	count []int64 // of each lane so far
	time  []float64
}

// add takes the spikes of the next lanes, which lie in any order but that those of a lane ascend.
func (s *laneSpikes) add(lanes int, lane []int32, time []float64) {
	at := make([]int64, lanes+1)
	for _, l := range lane {
		at[l+1]++
	}
	s.count = append(s.count, at[1:]...)
	for l := range lanes {
		at[l+1] += at[l]
	}
	from := len(s.time)
	s.time = append(s.time, make([]float64, len(time))...)
	to := s.time[from:]
	for i, l := range lane {
		to[at[l]] = time[i]
		at[l]++
	}
}

// into writes them as a batch's result.
func (s *laneSpikes) into(b *Batch) {
	if len(b.SpikeStart) != b.Lanes+1 {
		b.SpikeStart = make([]int64, b.Lanes+1)
	}
	b.SpikeStart[0] = 0
	for l, n := range s.count {
		b.SpikeStart[l+1] = b.SpikeStart[l] + n
	}
	b.SpikeTime = append(b.SpikeTime[:0], s.time...)
}
