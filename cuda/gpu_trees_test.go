//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package cuda

import (
	"fmt"
	"neq/cuda/driver"
	"neq/cuda/kernels/ptx"
	"neq/cuda/kernels/trees"
	"reflect"
	"strings"
	"sync"
	"time"

	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// treeKernels are the kernels that a GPU may take for a cell with dendrites.
var treeKernels = []TreeKernel{TreeThread, TreeBlock, TreeBlockFar}

// treeTolerance is how far voltages of the GPU's kernels may be from the CPU's after some hundred steps on a random tree
// with every mechanism. float64: both round to 1e-16, records are float32 (8e-6 mV at 100 mV), and a dendritic spike's
// upstroke multiplies what came before; nothing is seen. float32: 6e-8 of 100 mV a step, multiplied likewise; 1.1e-3 mV
// was seen.
var treeTolerance = map[Precision]float64{Float32: 0.01, Float64: 2e-5}

// TestGPUTrees: every kernel, solver and precision against the CPU's plainest build on random trees: all voltages, or the
// states of every instance, at every record, and spikes.
func TestGPUTrees(t *testing.T) {
	for _, which := range treeKernels {
		t.Run(which.String(), func(t *testing.T) {
			if !onFakeGPU(t, "") {
				return
			}
			d := fakeGPU(t, GPUOptions{Trees: which, Threads: 1})
			for seed := range uint64(8) {
				r := rand.New(rand.NewPCG(seed, 9))
				p := randomTree(r, []int{1, 2, 40, 9, 17, 25, 33, 70}[seed], seed == 3)
				p.Solver, p.Tree.Peak = Solver(seed%3), seed%4 >= 2
				if seed >= 5 {
					p.recordStates()
				}
				for _, precision := range []Precision{Float64, Float32} {
					p.Precision = precision
					want := randomBatch(r, p, 5, 700) // more steps than a chunk, and than a period of the synapses
					got := *want
					got.Record = want.Record
					runOn(t, portable, *p, want)
					mustRun(t, d, *p, &got)
					worst, at := 0.0, 0
					for v := range want.Trace {
						for i, x := range want.Trace[v] {
							if off := math.Abs(float64(got.Trace[v][i] - x)); !(off <= worst) {
								worst, at = off, v
							}
						}
					}
					if !(worst <= treeTolerance[precision]) || !slices.Equal(got.SpikeStart, want.SpikeStart) {
						t.Errorf("seed %d, float%d: %s is off by %.3g; %d spikes, want %d", seed, 32+32*precision, p.States[want.Record[at]], worst, len(got.SpikeTime), len(want.SpikeTime))
					}
					for i, x := range want.SpikeTime {
						if off := math.Abs(got.SpikeTime[i] - x); !(off <= treeTolerance[precision]) {
							t.Errorf("seed %d, float%d: spike %d is %.3g ms off", seed, 32+32*precision, i, off)
						}
					}
					t.Logf("seed %d, float%d: %d nodes, off by %.2g at most, %d spikes", seed, 32+32*precision, len(p.Tree.Parent), worst, len(want.SpikeTime))
				}
			}
		})
	}
}

// recordStates makes the sites of a program every state of every instance that has any.
func (p *Program) recordStates() {
	p.States, p.Tree.Sites = p.States[:1], p.Tree.Sites[:1]
	for i, in := range p.Tree.Instances {
		for _, m := range TreeMechanisms() {
			if m.Name != in.Mechanism {
				continue
			}
			for _, s := range m.States {
				p.States = append(p.States, in.Mechanism+"."+s.Name)
				p.Tree.Sites = append(p.Tree.Sites, Site{in.Node, int32(i), s.Name})
			}
		}
	}
}

// The work between two barriers of a block may be done in any order: in the opposite one all bits are the same.
func TestGPUTreeBarriers(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	r := rand.New(rand.NewPCG(3, 3))
	p := randomTree(r, 60, false)
	p.Solver = TwoStage
	for _, which := range []TreeKernel{TreeBlock, TreeBlockFar} {
		d := fakeGPU(t, GPUOptions{Trees: which})
		b := randomBatch(r, p, 3, 200)
		back := *b
		mustRun(t, d, *p, b)
		t.Setenv("TREES_TWIN_ORDER", "reverse")
		mustRun(t, d, *p, &back)
		t.Setenv("TREES_TWIN_ORDER", "forward")
		if !reflect.DeepEqual(b.Trace, back.Trace) || !slices.Equal(b.SpikeTime, back.SpikeTime) {
			t.Errorf("%v: a barrier is missing", which)
		}
	}
}

// A batch that does not fit, or waits for others like it, gives each lane the bytes it has alone.
func TestGPUTreeLanesAreAlone(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	r := rand.New(rand.NewPCG(5, 3))
	p := randomTree(r, 30, false)
	for _, which := range []TreeKernel{TreeThread, TreeBlock} {
		whole := randomBatch(r, p, 23, 600)
		small := *whole
		mustRun(t, fakeGPU(t, GPUOptions{Trees: which}), *p, whole)
		d := fakeGPU(t, GPUOptions{Trees: which, Memory: 500_000}).(*gpuDevice)
		mustRun(t, d, *p, &small)
		if !reflect.DeepEqual(whole.Trace, small.Trace) || !slices.Equal(whole.SpikeTime, small.SpikeTime) || !slices.Equal(whole.SpikeStart, small.SpikeStart) {
			t.Errorf("%v: in parts of %d lanes the results differ", which, d.room.cursor.Len())
		}
		if n := d.room.cursor.Len(); n > 12 {
			t.Errorf("%v: %d lanes fit in 500 kB", which, n)
		}
		d = fakeGPU(t, GPUOptions{Trees: which}).(*gpuDevice)
		d.turn <- struct{}{} // so that they run together
		var wg sync.WaitGroup
		parts := make([]*Batch, 3)
		for i := range parts {
			parts[i] = whole.lanesOf(8*i, min(8*i+8, 23))
			wg.Go(func() {
				if err := d.Run(t.Context(), p, parts[i]); err != nil {
					t.Error(err)
				}
			})
		}
		for range 1000 {
			d.mu.Lock()
			n := len(d.queue)
			d.mu.Unlock()
			if n == len(parts) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		<-d.turn
		wg.Wait()
		if n := d.room.cursor.Len(); n != 23 {
			t.Errorf("%v: %d lanes ran together", which, n)
		}
		records := whole.Steps / whole.Every
		for i, b := range parts {
			for v := range b.Trace {
				if !slices.Equal(b.Trace[v], whole.Trace[v][8*i*records:(8*i+b.Lanes)*records]) {
					t.Fatalf("%v: batch %d of three differs from its part of one", which, i)
				}
			}
		}
	}
}

// lanesOf is a batch of some of the lanes of another.
func (b *Batch) lanesOf(from, to int) *Batch {
	c := &Batch{Lanes: to - from, Steps: b.Steps, Every: b.Every, Record: b.Record}
	first, last := b.Events.Offset[from], b.Events.Offset[to]
	for _, o := range b.Events.Offset[from : to+1] {
		c.Events.Offset = append(c.Events.Offset, o-first)
	}
	c.Events.Step, c.Events.Receptor, c.Events.Weight = b.Events.Step[first:last], b.Events.Receptor[first:last], b.Events.Weight[first:last]
	for _, x := range b.Current {
		x.Amp = x.Amp[from:to]
		c.Current = append(c.Current, x)
	}
	return c
}

// The rule: a tree of a few nodes takes a thread, one whose state fits on the chip and that is wide a block, one that is
// larger a block with its state in memory, or a thread; the estimates are finite whatever the tree.
func TestTreeRule(t *testing.T) {
	info := driver.DeviceInfo{Multiprocessors: 132, SharedOptIn: 227 << 10}
	for nodes, want := range map[int]TreeKernel{1: TreeThread, 2: TreeThread, 300: TreeBlock, 4000: TreeBlockFar, 40_000: TreeThread} {
		p := randomTree(rand.New(rand.NewPCG(1, 1)), nodes, nodes > 1e4)
		cell, err := p.cell(&Batch{Every: 1})
		if err != nil {
			t.Fatal(err)
		}
		g, err := trees.NewGPU(cell)
		if err != nil {
			t.Fatal(err)
		}
		thread, block, far := treeEstimate(g, info)
		if got := chooseTree(g, info); got != want || !(thread > 0) || thread > 1e15 || block > 1e15 || far > 1e15 {
			t.Errorf("%d nodes: %v, want %v: %.3g, %.3g, %.3g cell-steps/s", nodes, got, want, thread, block, far)
		}
		if small := (driver.DeviceInfo{Multiprocessors: 132, SharedOptIn: 1 << 10}); nodes > 200 && chooseTree(g, small) != TreeThread {
			t.Errorf("%d nodes take a block where there is no shared memory", nodes)
		}
		t.Logf("%d nodes, %d operations, %d groups, %d rounds, depth %d, %d bytes a step, %d of shared memory: %.3g, %.3g, %.3g cell-steps/s",
			nodes, g.Operations, g.Groups, len(g.Rounds), g.Depth, g.Traffic(), g.Shared(true), thread, block, far)
	}
}

// Every kernel of trees is in the PTX and takes what the host passes.
func TestTreeKernelsAreInThePTX(t *testing.T) {
	p := randomTree(rand.New(rand.NewPCG(1, 1)), 9, false)
	for _, precision := range []Precision{Float32, Float64} {
		p.Precision = precision
		b := &Batch{Every: 1}
		cell, err := p.cell(b)
		if err != nil {
			t.Fatal(err)
		}
		g, err := trees.NewGPU(cell)
		if err != nil {
			t.Fatal(err)
		}
		for _, which := range treeKernels {
			module, name := (&treeGPU{g: g, which: which}).kernel()
			sizes := []int{trees.CellBytes, trees.ThreadBytes}
			if which != TreeThread {
				sizes[1] = trees.BlockBytes
			}
			entry := fmt.Sprintf(".visible .entry %[1]s(\n\t.param .align 8 .b8 %[1]s_param_0[%[2]d],\n\t.param .align 8 .b8 %[1]s_param_1[%[3]d],\n\t.param .align 8 .b8 %[1]s_param_2[%[4]d]\n)",
				name, sizes[0], sizes[1], reflect.TypeFor[trees.Launch]().Size())
			if !strings.Contains(ptx.Text(module), entry) {
				t.Errorf("%s.ptx has no\n%s", module, entry)
			}
		}
	}
}

// How many cells keep a device busy follows from the kernel that it takes.
func TestFillFor(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	small, large := randomTree(rand.New(rand.NewPCG(1, 1)), 2, false), randomTree(rand.New(rand.NewPCG(1, 1)), 300, false)
	hh := programs()["hh"]
	d := fakeGPU(t, GPUOptions{})
	for want, p := range map[int]*Program{132 * 1024: &hh, 132 * 512: small, 132 * 16: large} {
		if got := FillFor(d, p); got != want {
			t.Errorf("%d lanes, want %d", got, want)
		}
	}
}
