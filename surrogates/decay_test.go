package surrogates

import (
	"strings"
	"testing"
)

// Every trainable tensor of every family is known to decay or not to, and what decays is no vector but synapses.
func TestDecays(t *testing.T) {
	for _, spec := range every {
		n, err := New(spec, testInputs(23), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		decays := 0
		for _, w := range n.Weights() {
			name := w.Name[strings.LastIndexByte(w.Name, '.')+1:]
			if _, known := decaying[name]; w.Trainable && !known {
				t.Errorf("%s: does %s decay? say so in decay.go", spec.Title(), w.Name)
			}
			if w.Decays() {
				decays++
				if !w.Trainable || w.Value.Dims() < 2 && !w.Synaptic {
					t.Errorf("%s: %s of %v decays", spec.Title(), w.Name, w.Value.Shape())
				}
			} else if w.Synaptic && w.Trainable {
				t.Errorf("%s: the synaptic weights %s do not decay", spec.Title(), w.Name)
			}
		}
		if decays < 2 {
			t.Errorf("%s: %d tensors decay", spec.Title(), decays)
		}
	}
}
