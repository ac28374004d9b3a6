package surrogates

import (
	"fmt"
	"strings"
)

// A tcn is temporally convolutional: Depth causal convolutions of Width channels, the first over the input events,
// each followed by its activation and, where asked, batch normalisation in that order (as in Beniaguev, Segev &
// London 2021, figure 2), then the heads. From the second layer on a separable one convolves each channel by itself and
// then mixes them, by a dense layer or by a mixture of experts; a residual one adds to its input.

func tcnStages(s Spec) ([]stage, error) {
	if err := between("depth", s.Depth, 1, 1024); err != nil {
		return nil, err
	}
	if err := between("width", s.Width, 1, 1<<16); err != nil {
		return nil, err
	}
	if len(s.Kernels) == 0 {
		return nil, fmt.Errorf("kernels: want the taps of each layer, or one number for all")
	}
	kernels, err := perLayer("kernels", s.Kernels, s.Depth)
	if err != nil {
		return nil, err
	}
	dilations, err := perLayer("dilations", s.Dilations, s.Depth)
	if err != nil {
		return nil, err
	}
	var list []stage
	for i := range s.Depth {
		l := &layer{first: i == 0, taps: kernels[i], dilation: dilations[i], width: s.Width, activation: s.activation(), norm: s.BatchNorm}
		block := []stage{l}
		if s.Separable && i > 0 {
			block = []stage{&depthwise{taps: l.taps, dilation: l.dilation}, l}
			l.taps, l.dilation = 1, 1
			m, err := s.newMixture(s.Width)
			if err != nil {
				return nil, err
			}
			if m != nil {
				block[1] = m
			}
		}
		if s.Residual && i > 0 {
			block = []stage{&residual{inner: block}}
		}
		list = append(list, block...)
	}
	if s.Separable {
		return list, nil
	}
	return s.withMixture(list, s.Width)
}

// perLayer spreads none (meaning 1), one or depth values over the layers.
func perLayer(key string, values []int, depth int) ([]int, error) {
	out := make([]int, depth)
	for i := range out {
		switch len(values) {
		case 0:
			out[i] = 1
		case 1:
			out[i] = values[0]
		case depth:
			out[i] = values[i]
		default:
			return nil, fmt.Errorf("%s has %d values: want one, or one for each of the %d layers", key, len(values), depth)
		}
		if err := between(key, out[i], 1, 1<<16); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func tcnTitle(s Spec) string {
	t := fmt.Sprintf("tcn-%dx%d", s.Depth, s.Width) + runs("k", s.Kernels)
	if len(s.Dilations) > 0 {
		t += runs("d", s.Dilations)
	}
	if s.Separable {
		t += "-separable"
	}
	if s.Residual {
		t += "-residual"
	}
	return t
}

// runs writes values run by run: "-k54-12x6".
func runs(prefix string, values []int) string {
	var b strings.Builder
	for i := 0; i < len(values); {
		j := i
		for j < len(values) && values[j] == values[i] {
			j++
		}
		fmt.Fprintf(&b, "-%s%d", prefix, values[i])
		if j-i > 1 && j-i < len(values) {
			fmt.Fprintf(&b, "x%d", j-i)
		}
		prefix, i = "", j
	}
	return b.String()
}
