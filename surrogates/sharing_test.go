package surrogates

import "testing"

// TestFeatures: what tells synapses apart is a feature, and nothing else.
func TestFeatures(t *testing.T) {
	plain := PlainInputs(6)
	kinds := PlainInputs(6)
	cable := PlainInputs(6)
	for i := range 6 {
		kinds[i].Group = i / 4
		cable[i] = Synapse{Group: i % 2, Segment: i / 2, Distance: float64(i / 2), Diameter: 2}
	}
	for _, c := range []struct {
		name string
		in   Inputs
		want int
	}{
		{"all alike", plain, 1},
		{"two kinds", kinds, 1},
		{"two kinds along one cable", cable, 2}, // kind and distance: the diameter, region and branch are the same
		{"a tree", testInputs(24), 1 + 2 + 1 + sharedCode},
	} {
		rows, known := c.in.describe()
		if known != c.want || len(rows) != len(c.in) {
			t.Errorf("%s: %d features of %d synapses, want %d", c.name, known, len(rows), c.want)
		}
		for i, f := range rows {
			if len(f) != known {
				t.Errorf("%s: synapse %d has %d features of %d", c.name, i, len(f), known)
			}
		}
	}
	if rows, _ := cable.describe(); rows[0][1] != rows[1][1] || rows[0][1] == rows[2][1] || rows[0][0] == rows[1][0] {
		t.Errorf("features of a cable: %v", rows)
	}
}
