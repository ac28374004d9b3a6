package cuda

import (
	"neq/cuda/driver"
	"neq/cuda/kernels/trees"
)

// The rule by which a GPU takes a thread or a block for a cell with dendrites. It has not been measured: it compares two
// estimates of the steps of one cell per second when the GPU is full, from figures of an H100. It looks at the cell
// alone, not at the batch: the two kernels round differently, and a lane's bytes must not depend on its batch.
//
// A thread a cell is bound by memory: every state goes out and back in a step.
// A block a cell keeps its state on the chip; it is bound by how long a step takes, times how many blocks fit. A step is
// 3 barriers a round of the contraction, with a shared-memory look-up chain between them, and the mechanisms, which share
// the multiprocessor's 128 lanes with the other blocks.
const (
	ruleBandwidth = 3.35e12 // bytes per s: H100 SXM data sheet
	ruleClock     = 1.7e9   // Hz, under load
	ruleBarrier   = 80      // cycles of a barrier and the look-ups behind it
	ruleOperation = 35      // instructions of an operation: cell.h in the machine code for sm_90, their mean
	ruleLanes     = 128     // instructions a cycle of a multiprocessor
	ruleAlone     = 3       // times as long as its instructions take that a block of 4 warps takes alone
	ruleBlocks    = 4       // blocks at a time that the registers leave room for (launch.h)
	ruleReserved  = 1 << 10 // bytes of shared memory that a block takes for the driver
)

// treeEstimate is cell-steps per second of each kernel, 0 where the cell does not fit.
func treeEstimate(g *trees.GPU, info driver.DeviceInfo) (thread, block, far float64) {
	thread = ruleBandwidth / float64(g.Traffic())
	full := func(shared int) (rate float64) {
		if shared > info.SharedOptIn {
			return 0
		}
		blocks := float64(min(ruleBlocks, (info.SharedOptIn+ruleReserved)/(shared+ruleReserved)))
		latency := float64(ruleBarrier * (3*len(g.Rounds) + 4))
		// A node takes some 20 instructions beside its operations, and as many again in the solver.
		busy := float64(ruleOperation*g.Operations+40*g.Nodes) / ruleLanes
		return float64(info.Multiprocessors) * ruleClock * blocks / max(latency+ruleAlone*busy, blocks*busy)
	}
	block, far = full(g.Shared(true)), full(g.Shared(false))
	if far > 0 { // its states go by the second-level cache or memory
		far = min(far, ruleBandwidth/float64(2*g.Width()*g.Slots+1))
	}
	return thread, block, far
}

// chooseTree applies the rule.
func chooseTree(g *trees.GPU, info driver.DeviceInfo) TreeKernel {
	thread, block, far := treeEstimate(g, info)
	switch {
	case block > 0 && block >= thread && block >= far:
		return TreeBlock
	case far > thread:
		return TreeBlockFar
	}
	return TreeThread
}
