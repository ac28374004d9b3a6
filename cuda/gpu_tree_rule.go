package cuda

import (
	"fmt"

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
	ruleOperation = 55      // instructions of an operation for sm_90, as ptxas makes them: 20 a synapse, 48 NMDA, 56 ih, 96 nats2; on the L5 cell
	ruleLanes     = 128     // instructions a cycle of a multiprocessor
	ruleAlone     = 3       // times as long as its instructions take that a block of 4 warps takes alone
	ruleBlocks    = 4       // blocks at a time that the registers leave room for (launch.h)
	ruleReserved  = 1 << 10 // bytes of shared memory that a block takes for the driver
)

// treeEstimate is cell-steps per second of each kernel, 0 where the cell does not fit.
func treeEstimate(g *trees.GPU, info driver.DeviceInfo) (thread, block, far float64) {
	thread = ruleBandwidth / float64(g.Traffic())
	full := func(shared int) (rate float64) {
		if shared > info.SharedOptIn || g.Groups == 0 {
			return 0
		}
		blocks := float64(min(ruleBlocks, (info.SharedOptIn+ruleReserved)/(shared+ruleReserved)))
		latency := float64(ruleBarrier * (3*len(g.Rounds) + 4 + (g.Stages-1)*(2*len(g.Rounds)+2)))
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

// TreeCost is what a step of a cell with dendrites takes of a GPU, and what bounds it, estimated and not measured.
type TreeCost struct {
	Nodes, Operations int
	Traffic           int     // bytes to and from memory with a thread a cell
	Shared            int     // bytes of shared memory of a block with the cell's state in it
	Groups            int     // of nodes with the same operations
	Rounds, Depth     int     // of the elimination by contraction, of the tree
	Thread, Block     float64 // cell-steps per second of a full H100, 0 where a block does not hold the cell
	Chosen            TreeKernel
}

// CostOfTree gives the cost of a program on an H100 (132 multiprocessors, 227 KiB of shared memory a block).
func CostOfTree(p *Program) (TreeCost, error) {
	if p.Tree == nil {
		return TreeCost{}, fmt.Errorf("cuda: program: no tree")
	}
	if err := p.check(); err != nil {
		return TreeCost{}, err
	}
	cell, err := p.cell(&Batch{Every: 1})
	if err != nil {
		return TreeCost{}, err
	}
	g, err := trees.NewGPU(cell)
	if err != nil {
		return TreeCost{}, fmt.Errorf("cuda: program: %w", err)
	}
	h100 := driver.DeviceInfo{Multiprocessors: 132, SharedOptIn: 227 << 10}
	c := TreeCost{Nodes: g.Nodes, Operations: g.Operations, Traffic: g.Traffic(), Shared: g.Shared(true), Groups: g.Groups, Rounds: len(g.Rounds),
		Depth: g.Depth, Chosen: chooseTree(g, h100)}
	c.Thread, c.Block, _ = treeEstimate(g, h100)
	return c, nil
}
