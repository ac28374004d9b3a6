package cuda

import (
	"errors"
	"fmt"
	"slices"

	"neq/cuda/driver"
	"neq/cuda/kernels/trees"
)

// TreeKernel is how a GPU integrates cells with dendrites.
type TreeKernel int

// TreeByMorphology chooses by the rule in gpu_tree_rule.go; the others are for tests and measurements.
const (
	TreeByMorphology TreeKernel = iota
	TreeThread                  // a thread a cell
	TreeBlock                   // a block a cell, its state in shared memory
	TreeBlockFar                // a block a cell, its state in device memory
)

func (k TreeKernel) String() string {
	return [...]string{"by morphology", "a thread a cell", "a block a cell", "a block a cell, its state far"}[k]
}

// treeSteps is how many steps of a cell with dendrites a chunk has at most: some tens of ms.
const treeSteps = 512

// treeGPU runs cells with dendrites.
type treeGPU struct {
	g       *trees.GPU
	which   TreeKernel
	sources []source
	base    uint64 // of its tables, once they are there
}

// newTreeGPU compiles a checked program for a batch.
func (d *gpuDevice) newTreeGPU(p *Program, b *Batch) (*treeGPU, error) {
	cell, err := p.cell(b)
	if err != nil {
		return nil, err
	}
	g, err := trees.NewGPU(cell)
	if err != nil {
		return nil, fmt.Errorf("cuda: program: %w", err)
	}
	t := &treeGPU{g: g, which: d.trees, sources: b.sources()}
	if t.which == TreeByMorphology || g.Groups == 0 {
		t.which = chooseTree(g, d.c.Info())
	}
	return t, nil
}

func (t *treeGPU) kernel() (module, name string) {
	module, name = "trees", map[TreeKernel]string{TreeThread: "trees_thread", TreeBlock: "trees_block", TreeBlockFar: "trees_block_far"}[t.which]
	if t.g.Wide {
		return module + "_f64", name + "_f64"
	}
	return module, name + "_f32"
}

func (t *treeGPU) like(other gpuProgram) bool {
	o, ok := other.(*treeGPU)
	return ok && t.which == o.which && t.g.Same(o.g) && slices.EqualFunc(t.sources, o.sources, func(x, y source) bool { return x.node == y.node && slices.Equal(x.current, y.current) })
}

func (t *treeGPU) size() gpuSize {
	x := gpuSize{width: 4, state: t.g.Slots, other: t.g.Nodes + 2, into: len(t.sources), tables: len(t.g.Words), steps: treeSteps}
	if t.which == TreeThread {
		x.other = 3*t.g.Nodes + 2
	}
	if t.g.Wide {
		x.width = 8
	}
	for _, s := range t.sources {
		if t.which == TreeThread {
			x.nodes = append(x.nodes, s.node)
		} else {
			x.nodes = append(x.nodes, t.g.Place[s.node])
		}
	}
	return x
}

func (t *treeGPU) injected(current []float32, b *Batch, lane, lanes, s int) {
	clear(current)
	for k, src := range t.sources {
		for _, i := range src.current {
			if c := &b.Current[i]; int(c.From) <= s && s < int(c.To) {
				for l := range lanes {
					current[k*lanes+l] += c.Amp[lane+l]
				}
			}
		}
	}
}

func (t *treeGPU) upload(room *gpuRoom) error {
	t.base = room.tables.Addr()
	return errors.Join(write(room.compute, room.tables, t.g.Words), write(room.compute, room.into, t.size().nodes))
}

func (t *treeGPU) launch(s *driver.Stream, r *gpuRun, c gpuChunk, segment, from, to int) error {
	room, plan, i := r.d.room, r.plan, c.which
	n, into := plan.lanes, len(t.sources)
	x := trees.Launch{
		Solver: room.other.Addr(), State: room.state.Addr(), Peak: room.other.Addr() + uint64(plan.size.width*(plan.size.other-2)*n),
		Cursor: room.cursor.Addr(), Count: room.count.Addr(), Offset: room.offset.Addr(), Step: room.step.Addr(), Receptor: room.receptor.Addr(),
		Weight: room.weight.Addr(), Into: room.into.Addr(), Current: room.current.Addr() + uint64(4*segment*n*into), Record: room.record[i].Addr(),
		Spikes: room.number[i].Addr(), SpikeTime: room.spikeTime[i].Addr(), SpikeLane: room.spikeLane[i].Addr(),
		Plane: int64(c.count) * int64(n), From: int32(from), To: int32(to), Lanes: int32(n), FirstRecord: int32(c.first),
		Recorded: int32(r.records * plan.every), Capacity: uint32(plan.capacity), Currents: int32(into),
	}
	launch := driver.ByValue(&x, append(r.holds(i), room.tables, room.into)...)
	if t.which == TreeThread {
		program, tables := t.g.Thread(t.base)
		return r.kernel.Launch(s, driver.Threads(n, min(trees.ThreadThreads, r.block())), driver.ByValue(&program), driver.ByValue(&tables), launch)
	}
	program, tables := t.g.Block(t.base)
	shape := driver.Shape{Grid: [3]int{n}, Block: [3]int{trees.BlockThreads}, Shared: t.g.Shared(t.which == TreeBlock)}
	return r.kernel.Launch(s, shape, driver.ByValue(&program), driver.ByValue(&tables), launch)
}
