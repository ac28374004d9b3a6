package morphology

// Division says how to divide sections into segments, and what resists the current along them.
type Division struct {
	SegmentLength float64            // um; a section of length L has 1+2*int(L/SegmentLength) segments; 0 is 40
	Segments      map[string]int     // number of segments of a section ("apic[50]") or of each section of a region ("soma")
	Ra            float64            // axial resistivity, Ohm cm; 0 is 100
	RegionRa      map[string]float64 // the same of a region
}

// Cable is a morphology divided into segments, and the tree of nodes that an integrator solves.
type Cable struct {
	Morphology *Morphology
	Segments   []Segment // in the order of the sections, from 0 to 1 in each
	Nodes      []Node    // Nodes[0] is the middle of the soma; a parent comes before its children
}

// Segment is an isopotential compartment. Its figures are NEURON's: integrals of the frusta between a section's points.
type Segment struct {
	Region  string
	Section int     // number of the section within its region: apic[50](0.9) has 50
	Index   int     // number of the segment within the section
	X       float64 // its middle along the section, 0..1

	Parent  int     // the segment it joins, -1 of the first of the root section. It may be above the segment's own index.
	AttachX float64 // where its section joins the parent's, 0..1, if it is the section's first; -1 of the root's

	Length       float64 // um
	Diam         float64 // mean over the length, um
	Area         float64 // um2, the taper included
	Ri           float64 // MOhm from the middle of the parent, or from the node of a section's end or beginning, to its own
	RiEnd        float64 // MOhm from its middle to the end of the section, if it is the last; else 0
	PathDistance float64 // um along the tree from the beginning of the soma to its middle

	Of   int // index into Morphology.Sections
	Node int // index into Cable.Nodes
}

// Node is a segment, or a point without membrane where sections end and meet.
type Node struct {
	Parent  int     // index into Cable.Nodes, -1 of the first
	Ri      float64 // MOhm to the parent node, 0 of the first
	Segment int     // index into Cable.Segments; -1 without membrane
}
