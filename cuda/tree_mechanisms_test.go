package cuda

import (
	"math"
	"os"
	"strings"
	"testing"

	"neq/cuda/kernels/mechanisms"
)

// The catalogue and the kernels' list name the same mechanisms, in one order, with as many parameters and states: but a
// synapse's second state, which no one records.
func TestTreeMechanismsAreTheKernels(t *testing.T) {
	catalog, list := TreeMechanisms(), mechanisms.All()
	if len(catalog) != len(list) {
		t.Fatalf("%d mechanisms described, list.h has %d", len(catalog), len(list))
	}
	for i, m := range catalog {
		l := list[i]
		states := len(m.States)
		if m.Synapse {
			states++
		}
		if m.Name != l.Name || len(m.Params) != l.Params || states != l.States || m.Synapse != (l.Class == mechanisms.Synapse || l.Class == mechanisms.Blocked) {
			t.Errorf("%s has %d parameters and %d states (synapse: %v), list.h says %+v", m.Name, len(m.Params), len(m.States), m.Synapse, l)
		}
		if m.Description == "" || m.Source == "" {
			t.Errorf("%s: no description or no source", m.Name)
		}
		for _, p := range m.Params {
			if p.Name == "" || math.IsNaN(p.Default) || p.Unit == "uS" && p.Default != 0 {
				t.Errorf("%s: parameter %+v", m.Name, p)
			}
		}
	}
}

// A header names its parameters in its comment, in the order of the catalogue.
func TestTreeMechanismsAreDocumentedWhereTheyAreWritten(t *testing.T) {
	for _, m := range TreeMechanisms() {
		text, err := os.ReadFile("kernels/mechanisms/" + m.Name + ".h")
		if err != nil {
			t.Fatal(err)
		}
		comment, _, _ := strings.Cut(string(text), "#ifndef")
		_, rest, ok := strings.Cut(comment, "Parameter")
		for _, p := range m.Params {
			before, after, found := strings.Cut(rest, p.Name)
			if !ok || !found {
				t.Errorf("%s.h: parameter %s is not where its comment says Parameters (%q)", m.Name, p.Name, before)
				break
			}
			rest = after
		}
	}
}
