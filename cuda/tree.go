package cuda

// Tree is a cell with dendrites as flat tables: nodes joined by axial conductances, and on them instances of mechanisms.
// A node is a segment, or a point without membrane where sections end and meet. Units: mV, ms, nA, uS, nF, mM.
//
// One step, as NEURON's fixed step: the events due before its middle are delivered; every mechanism gives its current
// and its slope dI/dv at the old voltage and gates; the tree is solved for the new voltage (implicit Euler, or
// Crank-Nicolson by a half step with Staggered, two L-stable stages with TwoStage); synapses decay; gates advance at the
// new voltage (cnexp), a calcium pool with the calcium current of the start of the step.
type Tree struct {
	Parent    []int32   // [nodes] Parent[0] is -1; else Parent[i] < i
	Axial     []float64 // [nodes] conductance to the parent (uS); Axial[0] is not used
	Capacity  []float64 // [nodes] nF; 0 of a point without membrane
	Area      []float64 // [nodes] um2; 0 of a point without membrane
	Voltage   float64   // of every node at the start (mV); gates start at their steady state there
	Instances []Instance
	Receptors []Drives // what an event does, by Events.Receptor
	Sites     []Site   // what Program.States names, which Batch.Record chooses from; States[0] is v of node 0
	Peak      bool     // a spike is a local maximum above Program.Threshold of v at 8 samples per ms; else an upward crossing
}

// Instance is a mechanism on a node. A node holds at most one of each mechanism but synapses.
type Instance struct {
	Mechanism string    // name of one of TreeMechanisms
	Node      int32     // the instances are in the order of nodes
	Params    []float64 // in the order of the mechanism's own; conductances are absolute (uS)
}

// Drives is what an event at a receptor acts on: an event of weight w opens the synapse Instance to w*Scale (uS) at
// its peak.
type Drives []Drive

// Drive is one synapse that a receptor opens, as AMPA and NMDA are opened by one.
type Drive struct {
	Instance int32
	Scale    float64
}

// Site is a recordable variable: the voltage of a node, or a state of an instance.
type Site struct {
	Node     int32
	Instance int32  // -1: the voltage of the node
	State    string // of the instance's mechanism
}

// TreeMechanism describes a mechanism to those who compile cells.
type TreeMechanism struct {
	Name        string
	Description string
	Source      string // of its equations
	Synapse     bool   // driven by events
	Params      []TreeParam
	States      []TreeState
}

// TreeParam is a parameter of a mechanism. One in uS is a density (S/cm2) times the area of the segment, but for synapses.
type TreeParam struct {
	Name    string
	Unit    string // uS, mV, ms, mM, 1/mV, ...
	Default float64
}

// TreeState is a state variable of a mechanism.
type TreeState struct{ Name, Unit string }
