package surrogates

import "fmt"

// An fcn is fully connected: one hidden layer of Width units over a Window of all inputs, then the heads. Sliding
// it over time makes the hidden layer a causal convolution (Beniaguev, Segev & London 2021, figure 2).

func fcnStages(s Spec) ([]stage, error) {
	if err := between("window_ms", s.Window, 1, 1<<16); err != nil {
		return nil, err
	}
	if err := between("width", s.Width, 1, 1<<16); err != nil {
		return nil, err
	}
	return s.withMixture([]stage{&layer{first: true, taps: s.Window, dilation: 1, width: s.Width, activation: s.activation(), norm: s.BatchNorm}}, s.Width)
}

func fcnTitle(s Spec) string { return fmt.Sprintf("fcn-%dms-%d", s.Window, s.Width) }
