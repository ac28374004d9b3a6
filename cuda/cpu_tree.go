package cuda

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"neq/cuda/kernels/cells"
	"neq/cuda/kernels/trees"
)

// treeChunk is how many node-steps a block of a tree runs between two looks at the context: some milliseconds of work.
const treeChunk = 1 << 17

// treeCache is how many bytes of state a block may have: two thirds of a second-level cache of 2 MB, where it stays for its
// whole time loop.
const treeCache = 1_400_000

// runTree integrates a batch of cells with dendrites: a goroutine a thread, each with a block of lanes at a time.
func (d *cpuDevice) runTree(ctx context.Context, p *Program, b *Batch) error {
	cell, err := p.cell(b)
	if err != nil {
		return err
	}
	prog, err := trees.NewProgram(cell, d.isa)
	if err != nil {
		return fmt.Errorf("cuda: program: %w", err)
	}
	defer prog.Free()
	vectors := treeVectors(prog, b.Lanes, d.threads)
	lanes := vectors * prog.Vector()
	records := b.Steps / b.Every
	b.allocate(records)
	blocks := (b.Lanes + lanes - 1) / lanes
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
	failed := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if i < first {
			first, fail = i, err
		}
	}
	for range min(d.threads, blocks) {
		wg.Go(func() {
			chunk := min(b.Steps, max(1, treeChunk/len(cell.Parent)))
			blk, err := trees.NewBlock(prog, vectors, chunk)
			if err != nil {
				failed(0, err)
				cancel()
				return
			}
			defer blk.Free()
			w := &treeWorker{p: p, b: b, blk: blk, chunk: chunk, records: records, sources: b.sources()}
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
				if spikes[i], err = w.run(ctx, i*lanes); err != nil {
					failed(i, err)
				}
			}
		})
	}
	wg.Wait()
	if fail != nil {
		return fail
	}
	b.gatherSpikes(spikes, lanes)
	return nil
}

// treeVectors is how many vectors a block has: as many as the cache holds, and no more than leave a block for each thread.
func treeVectors(p *trees.Program, lanes, threads int) int {
	vectors := 1
	for vectors < 4 && 2*vectors*p.Vector()*p.Bytes() <= treeCache && 2*vectors*p.Vector()*threads < lanes+p.Vector()*threads {
		vectors *= 2
	}
	return vectors
}

// source is a node's currents, those of it among the batch's.
type source struct {
	node    int32
	current []int
}

// sources are the batch's currents by falling node.
func (b *Batch) sources() []source {
	at := map[int32]int{}
	var s []source
	for i, c := range b.Current {
		k, ok := at[c.Node]
		if !ok {
			k = len(s)
			at[c.Node] = k
			s = append(s, source{node: c.Node})
		}
		s[k].current = append(s[k].current, i)
	}
	for i := range s { // insertion: few
		for j := i; j > 0 && s[j].node > s[j-1].node; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s
}

// treeWorker is what one thread reuses from block to block.
type treeWorker struct {
	p       *Program
	b       *Batch
	blk     *trees.Block
	chunk   int
	records int
	sources []source
	current []trees.Current
	spikes  []cells.Spike
}

// inject fills in the currents of each lane from step s on and returns the step, at most to, up to which they hold.
func (w *treeWorker) inject(lane0, lanes, s, to int) int {
	w.current = w.current[:0]
	for _, src := range w.sources {
		c := trees.Current{Node: src.node}
		any := false
		for _, i := range src.current {
			x := &w.b.Current[i]
			from, end := int(x.From), int(x.To)
			if s < from {
				to = min(to, from)
			}
			if s >= from && s < end {
				to = min(to, end)
				any = true
				for l := range lanes {
					c.Amp[l] += x.Amp[lane0+l]
				}
			}
		}
		if any {
			w.current = append(w.current, c)
		}
	}
	w.current = append(w.current, trees.Current{Node: -1})
	return to
}

// run integrates the block that begins at lane0 and returns its spikes, lane by lane.
func (w *treeWorker) run(ctx context.Context, lane0 int) ([]cells.Spike, error) {
	p, b := w.p, w.b
	lanes := min(w.blk.Lanes, b.Lanes-lane0)
	offset := b.Events.Offset[lane0 : lane0+lanes+1]
	w.blk.Reset(offset)
	w.spikes = w.spikes[:0]
	perLane := make([]int, w.blk.Lanes)
	most := int(math.Ceil(float64(b.Steps) * p.Dt))
	for s, record := 0, 0; s < b.Steps; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := w.inject(lane0, lanes, s, min(s+w.chunk, b.Steps))
		done, n, err := w.blk.Run(s, to, offset, treeEvents(b), w.current)
		if err != nil {
			return nil, fmt.Errorf("cuda: %w", err)
		}
		n = min(n, w.records-record)
		for v := range b.Record {
			if !w.blk.Records(v, s, to, n, lanes, b.Trace[v][lane0*w.records+record:], w.records) {
				if err := b.notNumbers(p, v, lane0, lanes, record, record+n, w.records); err != nil {
					return nil, err
				}
			}
		}
		if l := w.blk.NotFinite(lanes); l >= 0 {
			return nil, &LaneError{lane0 + l, fmt.Sprintf("the voltage is no number by %.4g ms: reduce dt, the drive or the weights", float64(done)*p.Dt)}
		}
		record += n
		for _, sp := range w.blk.Spikes() {
			if int(sp.Lane) >= lanes {
				continue
			}
			if perLane[sp.Lane]++; perLane[sp.Lane] > most {
				return nil, &LaneError{lane0 + int(sp.Lane), fmt.Sprintf("%d spikes by %.4g ms, more than one per ms: lower its drive", perLane[sp.Lane], sp.Time)}
			}
			w.spikes = append(w.spikes, cells.Spike(sp))
		}
		s = done
	}
	return byLane(w.spikes, lanes), nil
}
