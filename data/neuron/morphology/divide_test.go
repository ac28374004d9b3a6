package morphology

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"neq/internal/philox"
)

// However finely a cable is divided, its length, its area and its resistance are the same: they are integrals.
// A node in the midst of a frustum adds rounding alone.
func TestDivisionKeepsTheWhole(t *testing.T) {
	for _, name := range []string{"testdata/tree.asc", "testdata/cylinder.swc", "testdata/odd.swc", "testdata/stack.asc"} {
		m, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []RegionFigures
		var resistance float64
		for _, um := range []float64{1e6, 40, 7, 0.9} {
			c, err := m.Divide(Division{SegmentLength: um})
			if err != nil {
				t.Fatal(err)
			}
			checkCable(t, c)
			got, r := c.Regions(), 0.0
			for _, s := range c.Segments {
				r += s.Ri + s.RiEnd
			}
			if want == nil {
				want, resistance = got, r
			}
			for i := range got {
				if g, w := got[i], want[i]; !close9(g.Area, w.Area) || !close9(g.Length, w.Length) || !close9(g.Diam, w.Diam) || !close9(g.Farthest, w.Farthest) {
					t.Errorf("%s, segments of %g um: %+v, want %+v", name, um, g, w)
				}
			}
			if !close9(r, resistance) {
				t.Errorf("%s, segments of %g um: %g MOhm in all, want %g", name, um, r, resistance)
			}
		}
	}
}

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// A cylinder and a cone, by hand: 100 um long, Ra 150 Ohm cm.
func TestFrustaByHand(t *testing.T) {
	cylinder := frusta([]Point{{0, 0, 0, 2}, {100, 0, 0, 2}}, 5, 150)
	for _, f := range cylinder {
		// Ra l / (pi d^2/4): 150 Ohm cm * 10 um / (pi um2) = 150e-2 * 10 / pi MOhm... a half segment
		if want := 150e-2 * 10 / math.Pi / 1; !close9(f.left, want) || !close9(f.right, want) || !close9(f.area, math.Pi*2*20) || !close9(f.diam, 2) {
			t.Errorf("%+v, want %g MOhm", f, want)
		}
	}
	cone := frusta([]Point{{0, 0, 0, 4}, {0, 0, 100, 1}}, 1, 150)[0]
	// halves: 4 to 2.5 and 2.5 to 1 over 50 um each
	if want := 4e-2 * 150 * 50 / (math.Pi * 4 * 2.5); !close9(cone.left, want) {
		t.Errorf("left half %g MOhm, want %g", cone.left, want)
	}
	if want := 4e-2 * 150 * 50 / (math.Pi * 2.5); !close9(cone.right, want) {
		t.Errorf("right half %g MOhm, want %g", cone.right, want)
	}
	if want := math.Pi * (4 + 1) / 2 * math.Hypot(100, 1.5); !close9(cone.area, want) {
		t.Errorf("area %g, want %g", cone.area, want)
	}
}

// Numbers of segments and resistivities by region and by section.
func TestDivision(t *testing.T) {
	m, err := Read("testdata/tree.asc")
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Divide(Division{Segments: map[string]int{"dend": 2, "dend[1]": 5, "soma": 4}, RegionRa: map[string]float64{Apical: 200}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := m.Divide(Division{Segments: map[string]int{"dend": 2, "dend[1]": 5, "soma": 4}})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for i, s := range c.Segments {
		count[m.Sections[s.Of].Name()]++
		if r := s.Ri / plain.Segments[i].Ri; s.Region == Apical && !close9(r, 2) || s.Region != Apical && r != 1 {
			t.Errorf("%s: resistance times %g", c.Name(i), r)
		}
	}
	if count["soma[0]"] != 4 || count["dend[0]"] != 2 || count["dend[1]"] != 5 || count["dend[2]"] != 2 {
		t.Errorf("segments %v", count)
	}
	checkCable(t, c)
	// children on the middle of a soma of 4 segments hang on the third, whose node is the first
	if s := c.Segments[4]; c.Nodes[0].Segment != 2 || s.Parent != 2 || s.AttachX != 0.5 {
		t.Errorf("node 0 is segment %d, and the axon hangs on segment %d", c.Nodes[0].Segment, s.Parent)
	}
}

func TestDivisionRefuses(t *testing.T) {
	m := Grow(1)
	for _, c := range []struct {
		d    Division
		want string
	}{
		{Division{SegmentLength: -1}, "segment length of -1"}, {Division{SegmentLength: math.NaN()}, "segment length"},
		{Division{SegmentLength: 1e-9}, "more than 1000000 segments"}, {Division{Ra: -5}, "resistivity of -5"}, {Division{Ra: math.Inf(1)}, "resistivity"},
		{Division{Segments: map[string]int{"soma": 0}}, `0 segments for "soma"`}, {Division{Segments: map[string]int{"tail": 1}}, "no such section or region"},
		{Division{Segments: map[string]int{"soma": math.MaxInt}}, "more than 1000000 segments"},
		{Division{RegionRa: map[string]float64{"tail": 1}}, "no such region"}, {Division{RegionRa: map[string]float64{"soma": 0}}, "resistivity of 0"},
	} {
		if _, err := m.Divide(c.d); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.d, err, c.want)
		}
	}
}

// Morphologies put together by hand may hold what no reader lets through.
func TestDivideRefusesMorphologies(t *testing.T) {
	ok := func() *Morphology {
		return &Morphology{Name: "hand", Sections: []Section{
			{Region: Soma, Parent: -1, Points: []Point{{0, 0, 0, 10}, {10, 0, 0, 10}}},
			{Region: Basal, Parent: 0, ParentX: 1, Points: []Point{{10, 0, 0, 1}, {50, 0, 0, 1}}},
		}}
	}
	if _, err := ok().Divide(Division{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Morphology)
		want  string
	}{
		"nothing":     {func(m *Morphology) { m.Sections = nil }, "hand: has no soma"},
		"no soma":     {func(m *Morphology) { m.Sections[0].Region = Axon }, "hand: has no soma"},
		"two roots":   {func(m *Morphology) { m.Sections[1].Parent = -1 }, "dend[0] has no parent, nor has soma[0]"},
		"a circle":    {func(m *Morphology) { m.Sections[0].Parent, m.Sections[1].Parent = 1, 0 }, "in a circle"},
		"far parent":  {func(m *Morphology) { m.Sections[1].Parent = 7 }, "hangs on section 7 of 2"},
		"off the end": {func(m *Morphology) { m.Sections[1].ParentX = 1.5 }, "hangs at 1.5"},
		"NaN":         {func(m *Morphology) { m.Sections[1].ParentX = math.NaN() }, "hangs at NaN"},
		"one point":   {func(m *Morphology) { m.Sections[1].Points = m.Sections[1].Points[:1] }, "dend[0] has no length"},
		"no points":   {func(m *Morphology) { m.Sections[1].Points = nil }, "dend[0] has no length"},
		"no diameter": {func(m *Morphology) { m.Sections[1].Points[1].Diam = 0 }, "dend[0] has a diameter of 0"},
	} {
		m := ok()
		c.spoil(m)
		if _, err := m.Divide(Division{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		m.StubAxon() // does not panic
	}
}

// The soma may be anywhere in the tree: nodes and distances go out from it.
func TestSomaWithinTheTree(t *testing.T) {
	m := &Morphology{Name: "hand", Sections: []Section{
		{Region: Soma, Parent: 2, ParentX: 1, Points: []Point{{0, 0, 0, 10}, {10, 0, 0, 10}}},
		{Region: Basal, Index: 0, Parent: 0, ParentX: 1, Points: []Point{{10, 0, 0, 1}, {30, 0, 0, 1}}},
		{Region: Basal, Index: 1, Parent: -1, Points: []Point{{-30, 0, 0, 1}, {0, 0, 0, 1}}},
		{Region: Basal, Index: 2, Parent: 2, ParentX: 0, Points: []Point{{-30, 0, 0, 1}, {-36, 0, 0, 1}}},
		{Region: Basal, Index: 3, Parent: 2, ParentX: 0.5, Points: []Point{{-15, 0, 0, 1}, {-15, 8, 0, 1}}},
	}}
	c, err := m.Divide(Division{})
	if err != nil {
		t.Fatal(err)
	}
	checkCable(t, c)
	for i, want := range []float64{5, 20, 15, 33, 19} {
		if got := c.Segments[i].PathDistance; got != want {
			t.Errorf("%s is %g um away, want %g", c.Name(i), got, want)
		}
	}
	if len(c.Nodes) != 8 { // 5 segments, the ends of soma and dend[1], the beginning of dend[1]
		t.Errorf("%d nodes: %+v", len(c.Nodes), c.Nodes)
	}
}

// The order of the lines of an SWC file, and how its points are numbered, change no figure of a section.
func TestOrderOfLinesDoesNotMatter(t *testing.T) {
	text, err := os.ReadFile("testdata/sphere.swc")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ReadSWC(strings.NewReader(string(text)), "sorted")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	random := philox.New(1, 0, 0)
	for range 20 {
		for i := len(lines) - 1; i > 0; i-- {
			j := random.Intn(i + 1)
			lines[i], lines[j] = lines[j], lines[i]
		}
		got, err := ReadSWC(strings.NewReader(strings.Join(lines, "\n")), "shuffled")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got.Sections, want.Sections, func(a, b Section) bool {
			return a.Name() == b.Name() && a.Parent == b.Parent && a.ParentX == b.ParentX && slices.Equal(a.Points, b.Points)
		}) {
			t.Fatal("shuffled lines give other sections")
		}
	}
	// numbered from the tips to the soma, so that every parent has a larger number than its child
	backwards := "9 1 0 0 0 5 -1\n8 3 7 0 0 1 9\n7 3 30 0 0 1 8\n6 3 50 9 0 1 7\n5 3 50 -9 0 1 7\n"
	m, err := ReadSWC(strings.NewReader(backwards), "backwards")
	if err != nil {
		t.Fatal(err)
	}
	if m.Count(Basal) != 3 || len(m.Sections[1].Points) != 2 || m.Sections[2].Parent != 1 || m.Sections[3].Parent != 1 {
		t.Errorf("%+v", m.Sections)
	}
}

func TestFind(t *testing.T) {
	c := grown(t)
	for _, k := range []struct{ name, want, err string }{
		{name: "soma", want: "soma(0.5)"}, {name: "soma[0](0.2)", want: "soma(0.5)"}, {name: "apic[0](0)", want: "apic[0](0.1)"},
		{name: "dend[3]", want: ""}, {name: "axon[1](1)", want: "axon[1](0.5)"},
		{name: "dend[84]", err: "has no dend[84]: it has dend[0] to dend[83]"}, {name: "basal", err: `has no region "basal"`},
		{name: "apic[5](1.2)", err: "not a place"}, {name: "apic[5](nan)", err: "not a place"}, {name: "apic[x]", err: "not the name"}, {name: "", err: "not the name"},
		{name: "apic[99999999999999999999]", err: "not the name"},
	} {
		i, err := c.Find(k.name)
		switch {
		case k.err != "":
			if err == nil || !strings.Contains(err.Error(), k.err) {
				t.Errorf("%q: %v, want %s", k.name, err, k.err)
			}
		case err != nil:
			t.Errorf("%q: %v", k.name, err)
		case k.want != "" && c.Name(i) != k.want:
			t.Errorf("%q is %s, want %s", k.name, c.Name(i), k.want)
		}
	}
}

// The stub replaces every axon; a dendrite on an axon goes where the axon was.
func TestStubAxon(t *testing.T) {
	m, err := ReadSWC(strings.NewReader("1 1 0 0 0 5 -1\n2 2 9 0 0 1 1\n3 2 30 0 0 1 2\n4 3 60 0 0 1 3\n5 3 90 0 0 1 4\n6 4 0 9 0 1 1\n7 4 0 90 0 1 6\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	before := len(m.Sections)
	s := m.StubAxon()
	var names []string
	for _, x := range s.Sections {
		names = append(names, x.Name())
	}
	if got := strings.Join(names, " "); got != "soma[0] axon[0] axon[1] dend[0] apic[0]" {
		t.Fatalf("sections %s", got)
	}
	if d := s.Sections[3]; d.Parent != 0 || d.ParentX != 0.5 {
		t.Errorf("the dendrite of the axon hangs on %d(%g)", d.Parent, d.ParentX)
	}
	c, err := s.Divide(Division{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		if g := c.Segments[i]; g.Length != 30 || g.Diam != 1 || !close9(g.Area, 30*math.Pi) {
			t.Errorf("%+v", g)
		}
	}
	if len(m.Sections) != before {
		t.Error("the morphology itself has changed")
	}
}
