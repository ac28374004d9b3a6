package cuda

// FillTree is Fill of a cell with dendrites: a core integrates a vector of such cells at a time, or a few vectors.
func FillTree(d Device) int {
	if c, ok := d.(*cpuDevice); ok {
		return c.threads * widestVector
	}
	return Fill(d)
}

// widestVector is the float32 lanes of an AVX-512 register.
const widestVector = 16
