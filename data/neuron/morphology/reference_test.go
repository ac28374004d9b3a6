package morphology

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// reference opens a file of the reference data, which is not ours to commit.
func reference(t testing.TB, path string) string {
	t.Helper()
	for _, root := range []string{os.Getenv("NEQ_REFERENCE"), "../../../../shared/reference"} {
		if root == "" {
			continue
		}
		if full := filepath.Join(root, path); readable(full) {
			return full
		}
	}
	t.Skipf("reference data: set NEQ_REFERENCE to its folder (needs %s)", path)
	return ""
}

func readable(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// What NEURON 8.2.2 makes of the reconstructed layer-5 cell. Its figures have 9 digits; it computes with points in
// single precision, from which a division may differ in the last bit.
func TestReferenceSegments(t *testing.T) {
	m, err := Read(reference(t, "l5pc/cell1.asc"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.StubAxon().Divide(Division{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(reference(t, "l5pc/segments.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	rows = rows[1:]
	if len(c.Segments) != len(rows) || len(rows) != 642 {
		t.Fatalf("%d segments, want %d", len(c.Segments), len(rows))
	}
	if len(c.Nodes) != 735 {
		t.Errorf("%d nodes, want 735", len(c.Nodes))
	}
	regions := map[string]string{"soma": Soma, "axon": Axon, "basal": Basal, "apical": Apical}
	worst := map[string]float64{}
	for i, row := range rows {
		s := c.Segments[i]
		get := func(name string) float64 {
			v, err := strconv.ParseFloat(row[column[name]], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if s.Region != regions[row[column["region"]]] || s.Section != int(get("section")) || s.Index != int(get("segment")) ||
			s.Parent != int(get("parent_index")) || s.AttachX != get("attach_x") {
			t.Fatalf("segment %d is %+v, want %v", i, s, row)
		}
		for name, v := range map[string]float64{
			"x": s.X, "ri_end_mohm": s.RiEnd, "length_um": s.Length, "diam_um": s.Diam, "area_um2": s.Area, "ri_mohm": s.Ri,
			"path_distance_um": s.PathDistance,
		} {
			want := get(name)
			if diff := math.Abs(v - want); diff > 0 {
				worst[name] = math.Max(worst[name], diff/math.Abs(want))
			}
		}
	}
	for name, w := range worst {
		t.Logf("%s: largest relative difference %.2g", name, w)
		if w > 1e-7 {
			t.Errorf("%s is up to %.2g away from NEURON's", name, w)
		}
	}
}
