package ops

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Accumulate adds the gradients of a batch to a sum. The next Step, with those of the last batch, is made with the mean
// over them all: with as many windows in each, it is the step of one batch of all their windows, up to the rounding of
// sums. The sum is in no State.
func (s *Solver) Accumulate(params, grads []*tensor.Dense) error {
	if s.sums == nil && s.o.Device == nil {
		for _, p := range params {
			s.sums = append(s.sums, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(p.Shape().Clone()...)))
		}
		s.params = nil // to be cut anew
	}
	if err := s.prepare(params, grads); err != nil {
		return err
	}
	return s.add()
}

// add adds the gradients of the tensors in hand to their sums.
func (s *Solver) add() error {
	if s.gpu != nil {
		if err := s.gpu.add(s.summed == 0, s.params, s.grads); err != nil {
			return fmt.Errorf("ops: solver: %w", err)
		}
	} else if s.summed == 0 {
		s.run(begin)
	} else {
		s.run(accumulate)
	}
	s.summed++
	return nil
}
