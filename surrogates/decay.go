package surrogates

import "strings"

// decaying are the tensors that weight decay takes from, by the last part of their names: connections, as is usual with
// PyTorch, not biases, norms, time constants and what a state space's poles are made of.
var decaying = map[string]bool{
	"weight": true, "router": true, "re": true, "im": true, // re, im: what a state space reads from its states
	"bias": false, "gamma": false, "beta": false, "tau": false, "lag": false, "log_a": false, "imag_a": false, "log_dt": false, "d": false,
}

// Decays says whether weight decay takes from the tensor.
func (w *Weight) Decays() bool {
	return w.Trainable && decaying[w.Name[strings.LastIndexByte(w.Name, '.')+1:]]
}
