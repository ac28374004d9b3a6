package neuron

import (
	"cmp"
	"math"
	"slices"

	"neq/cuda"
	"neq/data/neuron/morphology"
)

const (
	defaultTemperature = 6.3 // C, NEURON's
	defaultInitial     = -65 // mV, NEURON's
	defaultThreshold   = -20 // mV, of a spike
)

// compileTree makes the program of a cell with dendrites.
func compileTree(m *Model, cfg Config, o Options) (*Cell, error) {
	p, err := m.values(cfg.Set, cfg.Parameters)
	if err != nil {
		return nil, err
	}
	whole, err := m.describe(cfg, p)
	if err != nil {
		return nil, err
	}
	d := &whole.Description
	if err := d.checkScalars(); err != nil {
		return nil, err
	}
	cable, err := d.geometry(o.Dir)
	if err != nil {
		return nil, err
	}
	list := cuda.TreeMechanisms()
	on, err := d.place(cable, list)
	if err != nil {
		return nil, err
	}
	net, err := connect(whole.Synapses, cable, o.Seed)
	if err != nil {
		return nil, err
	}
	whole.Synapses = net.groups
	t := treeTables(d, cable, list, on, net)
	dt, err := treeDt(m, d, o, net)
	if err != nil {
		return nil, err
	}
	cell := &Cell{Config: whole, Synapses: net.synapses, Cable: cable, CurrentUnit: m.CurrentUnit, CurrentScale: 1, ConductanceUnit: m.ConductanceUnit,
		Program: cuda.Program{Precision: o.Precision, Solver: o.Solver, Dt: dt, Threshold: t.threshold, Tree: &t.Tree}}
	if err := cell.record(t, o.Record); err != nil {
		return nil, err
	}
	return cell, nil
}

// checkScalars checks the temperature, the initial voltage and the rule of spikes.
func (d *Description) checkScalars() error {
	if v := d.Temperature; v != nil && !(*v >= -50 && *v <= 100) {
		return keyError("neuron.temperature_c", "%v: want -50 to 100", *v)
	}
	if v := d.Initial; v != nil && !(*v >= -200 && *v <= 100) {
		return keyError("neuron.initial_mv", "%v: want -200 to 100", *v)
	}
	if s := d.Spike; s != nil {
		if s.Rule != "" && s.Rule != "crossing" && s.Rule != "peak" {
			return keyError("neuron.spike.rule", "no rule %q%s: crossing or peak", s.Rule, suggest(s.Rule, []string{"crossing", "peak"}))
		}
		if v := s.Threshold; v != nil && !(*v >= -200 && *v <= 200) {
			return keyError("neuron.spike.threshold_mv", "%v: want -200 to 200", *v)
		}
	}
	return nil
}

// tables are a tree and what is needed to find one's way in it.
type tables struct {
	cuda.Tree
	threshold float64
	list      []cuda.TreeMechanism
	mechanism [][]int32 // [segment][mechanism of the list] index into Instances, -1
	synapse   []int32   // [connection.instances] index into Instances
	net       *connection
}

// treeTables lays a cell out by nodes.
func treeTables(d *Description, c *morphology.Cable, list []cuda.TreeMechanism, on [][]*placed, net *connection) *tables {
	n := len(c.Nodes)
	t := &tables{list: list, net: net, threshold: defaultThreshold, mechanism: make([][]int32, len(c.Segments)), synapse: make([]int32, len(net.instances))}
	t.Parent, t.Axial, t.Capacity, t.Area, t.Voltage = make([]int32, n), make([]float64, n), make([]float64, n), make([]float64, n), defaultInitial
	if d.Initial != nil {
		t.Voltage = *d.Initial
	}
	if s := d.Spike; s != nil {
		t.Peak = s.Rule == "peak"
		if s.Threshold != nil {
			t.threshold = *s.Threshold
		}
	}
	capacitance := map[string]float64{}
	for _, b := range d.Membrane {
		for _, r := range b.Regions {
			capacitance[canonical(r)] = b.Capacitance
		}
	}
	synapses := make([][]int, len(c.Segments)) // of a segment: indices into net.instances
	for i, s := range net.instances {
		synapses[s.segment] = append(synapses[s.segment], i)
	}
	for i, node := range c.Nodes {
		t.Parent[i] = int32(node.Parent)
		if node.Parent >= 0 {
			t.Axial[i] = 1 / node.Ri
		}
		if node.Segment < 0 {
			continue
		}
		s := &c.Segments[node.Segment]
		t.Area[i], t.Capacity[i] = s.Area, s.Area*capacitance[s.Region]*nFPerDensity
		row := make([]int32, len(list))
		for k, p := range on[node.Segment] {
			row[k] = -1
			if p != nil {
				row[k] = int32(len(t.Instances))
				t.Instances = append(t.Instances, cuda.Instance{Mechanism: list[k].Name, Node: int32(i), Params: p.params})
			}
		}
		t.mechanism[node.Segment] = row
		for _, k := range synapses[node.Segment] {
			t.synapse[k] = int32(len(t.Instances))
			name, params := net.instances[k].form.mechanism()
			t.Instances = append(t.Instances, cuda.Instance{Mechanism: name, Node: int32(i), Params: params})
		}
	}
	for _, r := range net.receptors {
		drives := make(cuda.Drives, len(r))
		for i, dr := range r {
			drives[i] = cuda.Drive{Instance: t.synapse[dr.Instance], Scale: dr.Scale}
		}
		t.Receptors = append(t.Receptors, drives)
	}
	return t
}

// stepLimits are the longest steps (ms) that cells of these mechanisms have been compared with NEURON at
// (bench/results/l5pc-accuracy.txt; of dcaap, more than half its fastest time constant): cnexp gates stay stable beyond, but
// nobody has looked at the action potentials.
var stepLimits = map[string]float64{"hh": 0.1, "nats2": 0.1, "nata": 0.1, "skv3_1": 0.1, "dcaap": 0.25}

// slowLimit is the longest step of a cell without fast channels.
const slowLimit = 1

// treeDt checks a time step against what channels and synapses bear.
func treeDt(m *Model, d *Description, o Options, net *connection) (float64, error) {
	dt := o.Dt
	type bound struct {
		what string
		ms   float64
	}
	all := []bound{{"a step of a passive cell", slowLimit}}
	for _, e := range d.Mechanisms {
		if l, ok := stepLimits[e.Mechanism]; ok {
			all = append(all, bound{"what the gates of " + e.Mechanism + " bear", l})
		}
	}
	for _, s := range net.instances {
		all = append(all, bound{"decay_ms of " + s.form.kind, s.form.params[1]})
		if s.form.params[0] > 0 {
			all = append(all, bound{"rise_ms of " + s.form.kind, s.form.params[0]})
		}
	}
	least := slices.MinFunc(all, func(a, b bound) int { return cmp.Compare(a.ms, b.ms) })
	if dt == 0 {
		for dt = m.DefaultDt; dt > least.ms && dt > 1e-3; dt /= 2 {
		}
	}
	switch {
	case !(dt > 0) || math.IsInf(dt, 0):
		return 0, keyError("dt_ms", "%v: want a time above 0", dt)
	case dt > least.ms*(1+1e-9):
		return 0, keyError("dt_ms", "%v ms is above %s, %.4g ms: take a smaller step", dt, least.what, least.ms)
	}
	return dt, nil
}
