package cuda

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"neq/cuda/kernels/cells"
	"neq/internal/team"
)

// CPUOptions say how the CPU device works; the zero value uses the whole machine.
type CPUOptions struct {
	Threads int    // 0: as many as Go uses (GOMAXPROCS)
	ISA     string // "avx512", "avx2" or "portable"; "" is the best the machine has
}

type cpuDevice struct {
	threads int
	isa     cells.ISA
}

// NewCPU returns the CPU device.
func NewCPU(o CPUOptions) (Device, error) {
	if o.Threads < 0 {
		return nil, fmt.Errorf("cuda: %d threads: want 1 or more, or 0 for all", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = team.Cores()
	}
	isa, err := cells.FindISA(o.ISA)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return &cpuDevice{o.Threads, isa}, nil
}

// CPUISAs names the builds of the kernels that this machine can run, the best first.
func CPUISAs() []string {
	var names []string
	for _, s := range cells.ISAs() {
		names = append(names, s.Name)
	}
	return names
}

func (d *cpuDevice) Name() string {
	if d.threads == 1 {
		return fmt.Sprintf("cpu %s, 1 thread", d.isa.Name)
	}
	return fmt.Sprintf("cpu %s, %d threads", d.isa.Name, d.threads)
}

func (d *cpuDevice) Close() error { return nil }

// LaneError is a failure of one lane: its cell left the numbers, or fired beyond reason.
type LaneError struct {
	Lane int
	Msg  string
}

func (e *LaneError) Error() string { return fmt.Sprintf("cuda: lane %d: %s", e.Lane, e.Msg) }

// chunkSteps is how many steps a block runs between two looks at the context: some 0.1 ms of work.
const chunkSteps = 1024

// Run integrates the batch: blocks of 128 lanes, a goroutine a thread.
func (d *cpuDevice) Run(ctx context.Context, p *Program, b *Batch) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := b.check(p); err != nil {
		return err
	}
	if b.Inputs != nil {
		return fmt.Errorf("cuda: batch: the CPU takes events and draws no inputs")
	}
	if p.Tree != nil {
		return d.runTree(ctx, p, b)
	}
	prog, err := cellsProgram(p, b)
	if err != nil {
		return err
	}
	records := b.Steps / b.Every
	b.allocate(records)
	blocks := (b.Lanes + cells.Lanes - 1) / cells.Lanes
	spikes := make([][]cells.Spike, blocks)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		next  atomic.Int64
		mu    sync.Mutex
		first = blocks // the lowest block that failed, so that the error is always the same one
		fail  error
	)
	for range min(d.threads, blocks) {
		wg.Go(func() {
			blk, err := cells.NewBlock(prog, d.isa, chunkSteps)
			if err != nil {
				mu.Lock()
				if first > 0 {
					first, fail = 0, err
				}
				mu.Unlock()
				cancel()
				return
			}
			defer blk.Free()
			w := &worker{blk: blk, current: make([]float32, cells.Lanes)}
			for {
				i := int(next.Add(1)) - 1
				if i >= blocks {
					return
				}
				mu.Lock()
				skip := i > first
				mu.Unlock()
				if skip {
					return
				}
				s, err := w.run(ctx, p, b, i, records)
				if err != nil {
					mu.Lock()
					if i < first {
						first, fail = i, err
					}
					mu.Unlock()
					continue
				}
				spikes[i] = s
			}
		})
	}
	wg.Wait()
	if fail != nil {
		return fail
	}
	b.gatherSpikes(spikes, cells.Lanes)
	return nil
}

// worker is what one thread reuses from block to block.
type worker struct {
	blk     *cells.Block
	current []float32
	spikes  []cells.Spike
}

// run integrates one block and returns its spikes, lane by lane.
func (w *worker) run(ctx context.Context, p *Program, b *Batch, i, records int) ([]cells.Spike, error) {
	lane0 := i * cells.Lanes
	lanes := min(cells.Lanes, b.Lanes-lane0)
	offset := b.Events.Offset[lane0 : lane0+lanes+1]
	ev := cells.Events{Step: b.Events.Step, Receptor: b.Events.Receptor, Weight: b.Events.Weight}
	w.blk.Reset(offset)
	w.spikes = w.spikes[:0]
	perLane := make([]int, cells.Lanes)
	most := int(math.Ceil(float64(b.Steps) * p.Dt))
	for s, record := 0, 0; s < b.Steps; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := b.injected(w.current, lane0, lanes, s, min(s+chunkSteps, b.Steps))
		done, n, err := w.blk.Run(s, to, offset, ev, w.current)
		if err != nil {
			return nil, err
		}
		n = min(n, records-record)
		for v := range b.Record {
			if !w.blk.Records(v, s, to, n, lanes, b.Trace[v][lane0*records+record:], records) {
				if err := b.notNumbers(p, v, lane0, lanes, record, record+n, records); err != nil {
					return nil, err
				}
			}
		}
		record += n
		for _, sp := range w.blk.Spikes() {
			if int(sp.Lane) >= lanes {
				continue
			}
			if perLane[sp.Lane]++; perLane[sp.Lane] > most {
				return nil, &LaneError{lane0 + int(sp.Lane), fmt.Sprintf("%d spikes by %.4g ms, more than one per ms: "+
					"lower its drive or set a refractory period", perLane[sp.Lane], sp.Time)}
			}
			w.spikes = append(w.spikes, sp)
		}
		s = done
	}
	return byLane(w.spikes, lanes), nil
}

// notNumbers returns an error for the first lane of a block that has a record, among those from first to last, that
// is not a finite number.
func (b *Batch) notNumbers(p *Program, v, lane0, lanes, first, last, records int) error {
	for l := lane0; l < lane0+lanes; l++ {
		for k := first; k < last; k++ {
			if x := b.Trace[v][l*records+k]; x-x != 0 {
				return &LaneError{l, fmt.Sprintf("%s is %v at %.4g ms: reduce dt or the drive", p.States[b.Record[v]], x,
					float64(k*b.Every)*p.Dt)}
			}
		}
	}
	return nil // in the padding
}

// byLane sorts a block's spikes by lane, those of a lane in their own order.
func byLane(spikes []cells.Spike, lanes int) []cells.Spike {
	start := make([]int, lanes+1)
	for _, s := range spikes {
		start[s.Lane+1]++
	}
	for l := range lanes {
		start[l+1] += start[l]
	}
	out := make([]cells.Spike, len(spikes))
	for _, s := range spikes {
		out[start[s.Lane]] = s
		start[s.Lane]++
	}
	return out
}
