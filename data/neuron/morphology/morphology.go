// Package morphology reads the shapes of reconstructed neurons (SWC, Neurolucida ASC), grows one of its own, divides
// them into segments as NEURON does, and draws them. It knows lengths, diameters and axial resistances; channels are
// put on by package neuron. Lengths are um, areas um2, resistances MOhm, axial resistivity Ohm cm.
package morphology

import "strconv"

// Regions that NEURON names by the type of an SWC point or of an ASC tree. Other types are "dend_5", "dend_6", ...
const (
	Soma   = "soma"
	Axon   = "axon"
	Basal  = "dend"
	Apical = "apic"
)

// Morphology is the shape of one neuron: unbranched sections joined to a tree, with one soma at least.
type Morphology struct {
	Name     string    // where it came from, for messages
	Sections []Section // NEURON's order: by region (soma, axon, dend, apic, others), within it as in the file
}

// Section is an unbranched cable, from 0 where it joins its parent to 1.
type Section struct {
	Region  string  // soma, axon, dend, apic, ...
	Index   int     // within the region: apic[50] has 50
	Parent  int     // index into Morphology.Sections; -1 of the root. It may be above the section's own index.
	ParentX float64 // where on the parent, 0..1
	Points  []Point // 2 or more
}

// Point is a sample of the centre line of a section: its place and the diameter there (um).
type Point struct{ X, Y, Z, Diam float64 }

// Name is NEURON's name of the section: "apic[50]".
func (s *Section) Name() string { return s.Region + "[" + strconv.Itoa(s.Index) + "]" }
