package surrogates

import "fmt"

// A filter is the perceptron over time: one temporal filter over all inputs and a bias, then a spike head and a
// voltage head of one weight and one bias each (Beniaguev, Segev & London 2021, figure 1).

func filterStages(s Spec) ([]stage, error) {
	if err := between("window_ms", s.Window, 1, 1<<16); err != nil {
		return nil, err
	}
	return []stage{&layer{first: true, taps: s.Window, dilation: 1, width: 1, zeroBias: true}}, nil
}

func filterTitle(s Spec) string { return fmt.Sprintf("filter-%dms", s.Window) }
