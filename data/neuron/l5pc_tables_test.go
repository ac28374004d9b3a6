package neuron

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// referenceFile is the path of a file of the reference data, or skips.
func referenceFile(t testing.TB, path string) string {
	t.Helper()
	for _, root := range []string{os.Getenv("NEQ_REFERENCE"), "../../../shared/reference"} {
		if root == "" {
			continue
		}
		if full, err := filepath.Abs(filepath.Join(root, path)); err == nil {
			if _, err := os.Stat(full); err == nil {
				return full
			}
		}
	}
	t.Skipf("reference data: set NEQ_REFERENCE to the folder that holds %s", path)
	return ""
}

// l5pc is the cell with the reconstructed morphology.
func l5pc(t testing.TB, model string, o Options) *Cell {
	t.Helper()
	return compile(t, Config{Model: model, Description: Description{Morphology: referenceFile(t, "l5pc/cell1.asc")}}, o)
}

// table reads a CSV file by columns.
func table(t testing.TB, path string) map[string][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]string{}
	for _, r := range rows[1:] {
		for j, name := range rows[0] {
			m[name] = append(m[name], r[j])
		}
	}
	return m
}

// TestL5PCAgainstSegments compares the tables with what NEURON makes of the cell: conductances to 1e-6, geometry to
// 1e-4 (NEURON keeps points as float32).
func TestL5PCAgainstSegments(t *testing.T) {
	ref := table(t, referenceFile(t, "l5pc/segments.csv"))
	c := l5pc(t, "l5pc", Options{})
	tree := c.Program.Tree
	if len(c.Cable.Segments) != 642 || len(tree.Parent) != 735 {
		t.Fatalf("%d segments, %d nodes: NEURON has 642 and 735", len(c.Cable.Segments), len(tree.Parent))
	}
	density := map[string]map[int32]float64{} // [mechanism][node]
	for _, in := range tree.Instances {
		if density[in.Mechanism] == nil {
			density[in.Mechanism] = map[int32]float64{}
		}
		density[in.Mechanism][in.Node] = in.Params[0] / tree.Area[in.Node] / uSPerDensity
	}
	worst := map[string]float64{}
	near := func(column string, i int, got, tol float64) {
		t.Helper()
		want, err := strconv.ParseFloat(ref[column][i], 64)
		if err != nil {
			t.Fatal(err)
		}
		d := math.Abs(got - want)
		if want != 0 {
			d /= math.Abs(want)
		}
		if worst[column] = max(worst[column], d); d > tol {
			t.Errorf("segment %d, %s: %.9g, want %.9g", i, column, got, want)
		}
	}
	regions := map[string]string{"soma": "soma", "axon": "axon", "basal": "dend", "apical": "apic"}
	for i := range c.Cable.Segments {
		s := &c.Cable.Segments[i]
		node := int32(s.Node)
		if s.Region != regions[ref["region"][i]] {
			t.Fatalf("segment %d is in %s, want %s", i, s.Region, ref["region"][i])
		}
		near("area_um2", i, tree.Area[node], 1e-4)
		near("length_um", i, s.Length, 1e-4)
		near("path_distance_um", i, s.PathDistance, 1e-4)
		near("cm_uF_cm2", i, tree.Capacity[node]/tree.Area[node]/nFPerDensity, 1e-6)
		near("g_pas_S_cm2", i, density["pas"][node], 1e-6)
		near("g_Ih_S_cm2", i, density["ih"][node], 1e-6)
		near("g_CaLVA_S_cm2", i, density["ca_lva"][node], 1e-6)
		if node != 0 {
			near("ri_mohm", i, 1/tree.Axial[node], 1e-4)
		}
	}
	t.Logf("worst relative deviation: %v", worst)
}

// TestL5PCSynapses: 639 excitatory, then 639 inhibitory, basal then apical, as in the published data set.
func TestL5PCSynapses(t *testing.T) {
	ref := table(t, referenceFile(t, "l5pc/segments.csv"))
	for model, instances := range map[string]int{"l5pc": 3 * 639, "l5pc-ampa": 2 * 639, "l5pc-passive": 3 * 639} {
		c := l5pc(t, model, Options{})
		tree := c.Program.Tree
		if len(c.Synapses) != 1278 || len(tree.Receptors) != 1278 {
			t.Fatalf("%s: %d synapses, %d receptors: want 1278", model, len(c.Synapses), len(tree.Receptors))
		}
		n := 0
		for _, in := range tree.Instances {
			if in.Mechanism == "exp2" || in.Mechanism == "nmda" {
				n++
			}
		}
		if n != instances {
			t.Errorf("%s: %d synaptic states, want %d", model, n, instances)
		}
		for i, s := range c.Synapses {
			segment := 3 + i%639
			length, _ := strconv.ParseFloat(ref["length_um"][segment], 64)
			group := 2 * (i / 639)
			if ref["region"][segment] == "apical" {
				group++
			}
			if s.Segment != segment || s.Group != group || math.Abs(s.Share-length-10) > 1e-3 {
				t.Fatalf("%s: synapse %d is on segment %d of group %d with share %g: want %d, %d, %g", model, i, s.Segment, s.Group, s.Share, segment, group, length+10)
			}
			want := []string{"exp2", "nmda"}[:2-i/639]
			if model == "l5pc-ampa" {
				want = want[:1]
			}
			drives := tree.Receptors[s.Receptor]
			if len(drives) != len(want) {
				t.Fatalf("%s: synapse %d opens %d conductances, want %v", model, i, len(drives), want)
			}
			for k, d := range drives {
				in := tree.Instances[d.Instance]
				if in.Mechanism != want[k] || int(in.Node) != c.Cable.Segments[segment].Node || d.Scale != 1 {
					t.Fatalf("%s: synapse %d opens %s on node %d", model, i, in.Mechanism, in.Node)
				}
			}
			if w := []float64{0.4, 1}[i/639]; s.Weight != w || s.Device != float32(w*1e-3) {
				t.Fatalf("%s: synapse %d weighs %g nS, %g uS", model, i, s.Weight, s.Device)
			}
		}
	}
}
