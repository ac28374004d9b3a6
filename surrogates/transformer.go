package surrogates

import "fmt"

// A transformer is small, causal and local (Vaswani et al. 2017): a window of the input events as the embedding of each
// ms, then depth times attention over the last ms and a dense block of two layers or a mixture of experts, each on the
// normalised channels and added to them, and a last normalisation.

func transformerStages(s Spec) ([]stage, error) {
	window, heads, hidden := max(1, s.Window), max(1, s.AttentionHeads), s.Hidden
	if hidden == 0 {
		hidden = 4 * s.Width
	}
	for _, c := range []struct {
		key       string
		v, lo, hi int
	}{{"width", s.Width, 1, 1 << 13}, {"depth", s.Depth, 1, 64}, {"span_ms", s.Span, 1, 1 << 12}, {"attention_heads", s.AttentionHeads, 0, 1 << 10},
		{"window_ms", s.Window, 0, 1 << 12}, {"hidden", hidden, 1, 1 << 15}} {
		if err := between(c.key, c.v, c.lo, c.hi); err != nil {
			return nil, err
		}
	}
	list := []stage{&layer{first: true, taps: window, dilation: 1, width: s.Width}}
	for range s.Depth {
		list = append(list, &residual{inner: []stage{&layerNorm{}, &attention{heads: heads, span: s.Span}}})
		m, err := s.newMixture(hidden)
		if err != nil {
			return nil, err
		}
		block := []stage{&layerNorm{}, &layer{taps: 1, dilation: 1, width: hidden, activation: s.activation()}, &layer{taps: 1, dilation: 1, width: s.Width}}
		if m != nil {
			block = []stage{&layerNorm{}, m}
		}
		list = append(list, &residual{inner: block})
	}
	return append(list, &layerNorm{}), nil
}

func transformerTitle(s Spec) string {
	t := fmt.Sprintf("transformer-%dx%d-%dms", s.Depth, s.Width, s.Span)
	if s.AttentionHeads > 1 {
		t += fmt.Sprintf("-a%d", s.AttentionHeads)
	}
	if s.Hidden > 0 {
		t += fmt.Sprintf("-h%d", s.Hidden)
	}
	if s.Window > 1 {
		t += fmt.Sprintf("-w%d", s.Window)
	}
	return t
}
