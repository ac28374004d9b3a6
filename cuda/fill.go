package cuda

import "neq/cuda/kernels/trees"

// FillFor is Fill for a program. Of cells with dendrites a core integrates a vector at a time, or a few; a GPU, as many as its
// multiprocessors hold threads or blocks for, in a few waves.
func FillFor(d Device, p *Program) int {
	if p.Tree == nil {
		return Fill(d)
	}
	switch d := d.(type) {
	case *cpuDevice:
		return d.threads * widestVector
	case *gpuDevice:
		if p.check() != nil { // which a run says
			return Fill(d)
		}
		t, err := d.newTreeGPU(p, &Batch{Every: 1})
		if err != nil {
			return Fill(d)
		}
		each := 4 // waves
		if t.which == TreeThread {
			each = trees.ThreadThreads
		}
		return d.c.Info().Multiprocessors * ruleBlocks * each
	}
	return Fill(d)
}

// widestVector is the float32 lanes of an AVX-512 register.
const widestVector = 16
