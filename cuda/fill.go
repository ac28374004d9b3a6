package cuda

// FillTree is Fill of a cell with dendrites. A core integrates a few such cells at a time, up to so many.
func FillTree(d Device) int {
	if c, ok := d.(*cpuDevice); ok {
		return c.threads * coreTrees
	}
	return Fill(d)
}

// coreTrees is the most lanes of a core's block of cells with dendrites: kernels/trees, MaxLanes.
const coreTrees = 64
