package surrogates

// Size is the number of trainable weights of the spec's stages over so many inputs, heads not counted: what a network
// takes at least, known before anything is allocated.
func (s Spec) Size(inputs int) (int64, error) {
	stages, _, err := s.stages(inputs)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, st := range stages {
		synaptic, core := st.parameters()
		total += int64(synaptic) + int64(core)
	}
	return total, nil
}
