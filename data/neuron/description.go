package neuron

// Description is a cell with dendrites: the keys of the `neuron:` section beside model, set, parameters and synapses.
// With a built-in cell a key that is given replaces the model's own as a whole; with model "cell" there is nothing
// to replace.
//
// Regions are soma, axon, dend (or basal) and apic (or apical) of a morphology from a file, and those named by the
// sections of one that is written out. A segment is named as in NEURON: apic[50](0.9) is the segment that holds the
// point 0.9 of the way along section 50 (from 0) of the region apic.
type Description struct {
	Morphology  string      `yaml:"morphology,omitempty" json:"morphology,omitempty"` // a file, .swc or .asc, or grown, grown:SEED
	Axon        string      `yaml:"axon,omitempty" json:"axon,omitempty"`             // of a morphology: keep (default), stub (two cylinders of 30 um by 1 um)
	Sections    []Section   `yaml:"sections,omitempty" json:"sections,omitempty"`     // instead of a morphology
	Segments    *Segments   `yaml:"segments,omitempty" json:"segments,omitempty"`
	Temperature *float64    `yaml:"temperature_c,omitempty" json:"temperature_c,omitempty"` // default 6.3
	Initial     *float64    `yaml:"initial_mv,omitempty" json:"initial_mv,omitempty"`       // voltage at the start, where gates are steady; default -65
	Spike       *SpikeRule  `yaml:"spike,omitempty" json:"spike,omitempty"`
	Membrane    []Membrane  `yaml:"membrane,omitempty" json:"membrane,omitempty"`
	Mechanisms  []Mechanism `yaml:"mechanisms,omitempty" json:"mechanisms,omitempty"`
}

// Section is an unbranched cable. The first is the soma, to whose middle segment current is injected and whose voltage
// is the cell's.
type Section struct {
	Name     string   `yaml:"name" json:"name"`
	Region   string   `yaml:"region,omitempty" json:"region,omitempty"` // default: the name
	Parent   string   `yaml:"parent,omitempty" json:"parent,omitempty"` // name of a section further up; only the first has none
	At       *float64 `yaml:"at,omitempty" json:"at,omitempty"`         // where on the parent, 0..1; default 1
	Length   float64  `yaml:"length_um" json:"length_um"`
	Diameter float64  `yaml:"diameter_um" json:"diameter_um"`
	Taper    *float64 `yaml:"end_diameter_um,omitempty" json:"end_diameter_um,omitempty"` // default: diameter_um
	Segments int      `yaml:"segments,omitempty" json:"segments,omitempty"`               // default: by the cell's rule
}

// Segments is how sections are divided: NEURON's rule of an odd number, 1 + 2 int(length / length_um).
type Segments struct {
	Length float64 `yaml:"length_um,omitempty" json:"length_um,omitempty"` // default 40
	Count  int     `yaml:"count,omitempty" json:"count,omitempty"`         // or so many in every section
}

// SpikeRule is what counts as a spike of the soma.
type SpikeRule struct {
	Rule      string   `yaml:"rule,omitempty" json:"rule,omitempty"` // crossing (default): an upward one; peak: a local maximum above the threshold at 8 samples per ms
	Threshold *float64 `yaml:"threshold_mv,omitempty" json:"threshold_mv,omitempty"`
}

// Membrane is the capacitance and the resistance of the cytoplasm of regions.
type Membrane struct {
	Regions     []string `yaml:"regions" json:"regions"`
	Capacitance float64  `yaml:"capacitance_uf_cm2" json:"capacitance_uf_cm2"`
	Resistivity float64  `yaml:"resistivity_ohm_cm" json:"resistivity_ohm_cm"`
}

// Mechanism puts a mechanism on regions or segments. Its parameters are those that `neq models NAME` lists for it, those
// in uS given as densities in S/cm2. Where two of one mechanism meet on a segment, the later one holds.
type Mechanism struct {
	Mechanism  string             `yaml:"mechanism" json:"mechanism"`
	Regions    []string           `yaml:"regions,omitempty" json:"regions,omitempty"`
	At         []string           `yaml:"at,omitempty" json:"at,omitempty"` // segments by name, instead of regions
	Parameters map[string]float64 `yaml:"parameters,omitempty" json:"parameters,omitempty"`
	Distance   *Distance          `yaml:"distance,omitempty" json:"distance,omitempty"` // multiplies the densities
}

// Distance is a factor that depends on the path distance d of a segment from the soma. Measured by middle (default), d
// runs from the beginning of the soma to the middle of the segment. Measured by hoc, it is what the scripts of Hay et al.
// 2011 make of it: from the middle of the soma, and to the end of the section for its last segment, since hoc's
// for (x) ends at 1.
type Distance struct {
	Rule      string   `yaml:"rule" json:"rule"`                               // linear: offset + slope d; exponential: offset + amplitude exp(rate d); step
	Measure   string   `yaml:"measure,omitempty" json:"measure,omitempty"`     // middle or hoc
	Relative  bool     `yaml:"relative,omitempty" json:"relative,omitempty"`   // d is a fraction of the longest path in the regions, from the soma to a tip; else um
	Until     *float64 `yaml:"until,omitempty" json:"until,omitempty"`         // constant beyond
	Offset    *float64 `yaml:"offset,omitempty" json:"offset,omitempty"`       // linear, exponential
	Slope     *float64 `yaml:"slope,omitempty" json:"slope,omitempty"`         // linear
	Amplitude *float64 `yaml:"amplitude,omitempty" json:"amplitude,omitempty"` // exponential
	Rate      *float64 `yaml:"rate,omitempty" json:"rate,omitempty"`           // exponential
	From      *float64 `yaml:"from,omitempty" json:"from,omitempty"`           // step
	To        *float64 `yaml:"to,omitempty" json:"to,omitempty"`               // step
	Inside    *float64 `yaml:"inside,omitempty" json:"inside,omitempty"`       // step: factor where from < d < to
	Outside   *float64 `yaml:"outside,omitempty" json:"outside,omitempty"`     // step: factor elsewhere
}

// Placement is where a group's synapses are, on a cell with dendrites. With none of per_segment, per_um and
// segments the group's count of synapses is drawn, each place as likely as its length.
type Placement struct {
	Regions    []string `yaml:"regions,omitempty" json:"regions,omitempty"`
	From       *float64 `yaml:"from_um,omitempty" json:"from_um,omitempty"` // path distance of the segments' middles from the beginning of the soma
	To         *float64 `yaml:"to_um,omitempty" json:"to_um,omitempty"`
	PerSegment int      `yaml:"per_segment,omitempty" json:"per_segment,omitempty"` // so many on each segment
	PerUm      float64  `yaml:"per_um,omitempty" json:"per_um,omitempty"`           // density, evenly spaced
	Segments   []string `yaml:"segments,omitempty" json:"segments,omitempty"`       // one on each of these, by name
}

// described tells whether any key of a description is given.
func (d *Description) described() string {
	for _, k := range []struct {
		name  string
		given bool
	}{{"morphology", d.Morphology != ""}, {"axon", d.Axon != ""}, {"sections", d.Sections != nil}, {"segments", d.Segments != nil},
		{"temperature_c", d.Temperature != nil}, {"initial_mv", d.Initial != nil}, {"spike", d.Spike != nil},
		{"membrane", d.Membrane != nil}, {"mechanisms", d.Mechanisms != nil}} {
		if k.given {
			return k.name
		}
	}
	return ""
}

// over returns the base with what d gives instead. A morphology and sections exclude each other.
func (d Description) over(base Description) Description {
	if d.Morphology != "" {
		base.Morphology, base.Sections = d.Morphology, nil
	}
	if d.Sections != nil {
		base.Morphology, base.Axon, base.Sections = d.Morphology, "", d.Sections
	}
	if d.Axon != "" {
		base.Axon = d.Axon
	}
	if d.Segments != nil {
		base.Segments = d.Segments
	}
	if d.Temperature != nil {
		base.Temperature = d.Temperature
	}
	if d.Initial != nil {
		base.Initial = d.Initial
	}
	if d.Spike != nil {
		base.Spike = d.Spike
	}
	if d.Membrane != nil {
		base.Membrane = d.Membrane
	}
	if d.Mechanisms != nil {
		base.Mechanisms = d.Mechanisms
	}
	return base
}
