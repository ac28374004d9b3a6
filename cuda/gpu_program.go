package cuda

import (
	"neq/cuda/driver"
	"neq/cuda/kernels/cells"
)

// gpuProgram is a program as the GPU runs it: cells of one voltage (here) or with dendrites (gpu_trees.go).
type gpuProgram interface {
	// kernel names the kernel and the PTX that it is in.
	kernel() (module, name string)
	// like says whether batches of this program and another can be one.
	like(other gpuProgram) bool
	size() gpuSize
	// injected fills in [into][lanes] what flows into lanes from lane on at step s.
	injected(current []float32, b *Batch, lane, lanes, s int)
	// upload brings what the kernel needs beside the batch to the GPU, before the first launch.
	upload(room *gpuRoom) error
	// launch queues steps from <= s < to, in which the current is that of a segment, of a chunk.
	launch(s *driver.Stream, r *gpuRun, c gpuChunk, segment, from, to int) error
}

// gpuSize is what a program takes of the GPU.
type gpuSize struct {
	width        int     // bytes of a number
	state, other int     // numbers of a lane: of the buffers state and other
	into         int     // currents of a lane
	tables       int     // of 8 bytes, for all lanes
	steps        int     // of a chunk, at most
	nodes        []int32 // that the currents flow into, where there are several
}

// cellsGPU runs cells of one voltage, a thread each.
type cellsGPU struct{ prog *cells.Program }

func (g cellsGPU) kernel() (module, name string) {
	name = g.prog.GPUKernel()
	if g.prog.Wide() {
		return "cells_f64", name
	}
	return "cells", name
}

func (g cellsGPU) like(other gpuProgram) bool {
	o, ok := other.(cellsGPU)
	return ok && g.prog.GPUKernel() == o.prog.GPUKernel() && g.prog.Table() == o.prog.Table()
}

func (g cellsGPU) size() gpuSize {
	x := gpuSize{width: 4, state: g.prog.States(), other: 2 * g.prog.Receptors(), into: 1, steps: gpuSteps}
	if g.prog.Wide() {
		x.width = 8
	}
	return x
}

func (g cellsGPU) injected(current []float32, b *Batch, lane, lanes, s int) {
	b.injected(current, lane, lanes, s, s+1)
}

func (g cellsGPU) upload(*gpuRoom) error { return nil }

func (g cellsGPU) launch(s *driver.Stream, r *gpuRun, c gpuChunk, segment, from, to int) error {
	room, plan, i := r.d.room, r.plan, c.which
	table := g.prog.Table()
	x := cells.Launch{
		State: room.state.Addr(), Receptors: room.other.Addr(), Cursor: room.cursor.Addr(), Count: room.count.Addr(),
		Offset: room.offset.Addr(), Step: room.step.Addr(), Receptor: room.receptor.Addr(), Weight: room.weight.Addr(),
		Current: room.current.Addr() + uint64(4*segment*plan.lanes), Record: room.record[i].Addr(),
		Spikes: room.number[i].Addr(), SpikeTime: room.spikeTime[i].Addr(), SpikeLane: room.spikeLane[i].Addr(),
		Plane: int64(c.count) * int64(plan.lanes), From: int32(from), To: int32(to), Lanes: int32(plan.lanes),
		FirstRecord: int32(c.first), Recorded: int32(r.records * plan.every), Capacity: uint32(plan.capacity),
	}
	return r.kernel.Launch(s, driver.Threads(plan.lanes, r.block()), driver.ByValue(&table), driver.ByValue(&x, r.holds(i)...))
}

// holds are the buffers that a launch of a chunk in that half of the room uses.
func (r *gpuRun) holds(i int) []driver.Memory {
	x := r.d.room
	return []driver.Memory{x.state, x.other, x.cursor, x.count, x.offset, x.step, x.receptor, x.weight, x.current, x.record[i],
		x.number[i], x.spikeTime[i], x.spikeLane[i]}
}

// block is the number of threads of a block: fewer where there would be fewer blocks than multiprocessors.
func (r *gpuRun) block() int {
	n := min(128, r.kernel.MaxThreads)
	for n > 32 && (r.plan.lanes+n-1)/n < r.d.c.Info().Multiprocessors {
		n /= 2
	}
	return max(1, n)
}
