package surrogates

// Size is the number of weights of the spec's layers over so many inputs, biases and heads not counted: what a
// network takes at least, known before anything is allocated.
func (s Spec) Size(inputs int) (int64, error) {
	ls, err := s.layers(inputs)
	if err != nil {
		return 0, err
	}
	var total int64
	for in, i := inputs, 0; i < len(ls); in, i = ls[i].width, i+1 {
		total += int64(in) * int64(ls[i].taps) * int64(ls[i].width)
	}
	return total, nil
}
