package cuda

import (
	"fmt"
	"math"

	"neq/cuda/kernels/cells"
	"neq/cuda/kernels/trees"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// checkTree says what is wrong with a cell's tables, in words of the tables.
func (p *Program) checkTree() error {
	t := p.Tree
	n := len(t.Parent)
	switch {
	case p.Kernel != "" || len(p.Params) > 0 || len(p.Receptors) > 0 || len(p.Initial) > 0:
		return fmt.Errorf("cuda: program: a tree has neither kernel, parameters, receptors nor initial values of its own")
	case !(p.Dt > 0) || math.IsInf(p.Dt, 0):
		return fmt.Errorf("cuda: program: dt %v ms: want a positive number", p.Dt)
	case p.Solver < Euler || p.Solver > TwoStage:
		return fmt.Errorf("cuda: program: %v: want euler, staggered or two-stage", p.Solver)
	case n == 0 || n > math.MaxInt32/8:
		return fmt.Errorf("cuda: tree: %d nodes: want 1 to %d", n, math.MaxInt32/8)
	case len(t.Axial) != n || len(t.Capacity) != n || len(t.Area) != n:
		return fmt.Errorf("cuda: tree: %d parents, %d axial conductances, %d capacities, %d areas: want one of each a node", n,
			len(t.Axial), len(t.Capacity), len(t.Area))
	case t.Parent[0] != -1:
		return fmt.Errorf("cuda: tree: parent of node 0 is %d: want -1, it is the root", t.Parent[0])
	case !finite(t.Voltage) || !finite(p.Threshold):
		return fmt.Errorf("cuda: tree: initial voltage %v and threshold %v mV: want numbers", t.Voltage, p.Threshold)
	case len(t.Sites) != len(p.States):
		return fmt.Errorf("cuda: tree: %d sites and %d names of states: want one each", len(t.Sites), len(p.States))
	case len(t.Receptors) > math.MaxUint16+1:
		return fmt.Errorf("cuda: tree: %d receptors, at most %d", len(t.Receptors), math.MaxUint16+1)
	}
	for i := range n {
		switch {
		case i > 0 && (t.Parent[i] < 0 || int(t.Parent[i]) >= i):
			return fmt.Errorf("cuda: tree: parent of node %d is %d: want a node before it", i, t.Parent[i])
		case i > 0 && (!(t.Axial[i] > 0) || !finite(t.Axial[i])):
			return fmt.Errorf("cuda: tree: axial conductance of node %d is %v uS: want a positive number", i, t.Axial[i])
		case i > 0 && p.Solver == TwoStage && t.Axial[i] < 1e-30:
			return fmt.Errorf("cuda: tree: axial conductance of node %d is %v uS: the two-stage solver wants 1e-30 or more", i, t.Axial[i])
		case !(t.Capacity[i] >= 0) || !finite(t.Capacity[i]) || !(t.Area[i] >= 0) || !finite(t.Area[i]):
			return fmt.Errorf("cuda: tree: node %d has %v nF and %v um2: want numbers from 0 up", i, t.Capacity[i], t.Area[i])
		}
	}
	if err := t.checkInstances(); err != nil {
		return err
	}
	known := trees.Mechanisms()
	for r, drives := range t.Receptors {
		for _, d := range drives {
			if d.Instance < 0 || int(d.Instance) >= len(t.Instances) || !finite(d.Scale) {
				return fmt.Errorf("cuda: tree: receptor %d drives instance %d of %d by %v: want an instance and a number", r,
					d.Instance, len(t.Instances), d.Scale)
			}
			name := t.Instances[d.Instance].Mechanism
			if c := known[name].Class; c != trees.Synapse && c != trees.Blocked {
				return fmt.Errorf("cuda: tree: receptor %d drives instance %d, %s: want a synapse", r, d.Instance, name)
			}
		}
	}
	for i, s := range t.Sites {
		if _, err := t.site(s); err != nil {
			return fmt.Errorf("cuda: tree: site %d (%s): %w", i, p.States[i], err)
		}
	}
	return nil
}

// checkInstances checks the mechanisms and whether any node without membrane holds one.
func (t *Tree) checkInstances() error {
	known, params := trees.Mechanisms(), map[string][]TreeParam{}
	for _, m := range TreeMechanisms() {
		params[m.Name] = m.Params
	}
	last, held := int32(0), map[string]bool{}
	for i, in := range t.Instances {
		m, ok := known[in.Mechanism]
		switch {
		case !ok:
			return fmt.Errorf("cuda: tree: instance %d: no mechanism %q", i, in.Mechanism)
		case in.Node < 0 || int(in.Node) >= len(t.Parent):
			return fmt.Errorf("cuda: tree: instance %d (%s) is on node %d of %d", i, in.Mechanism, in.Node, len(t.Parent))
		case in.Node < last:
			return fmt.Errorf("cuda: tree: instance %d (%s) is on node %d, the one before it on %d: want them in the order of nodes",
				i, in.Mechanism, in.Node, last)
		case len(in.Params) != m.Params:
			return fmt.Errorf("cuda: tree: instance %d: %s takes %d parameters, got %d", i, in.Mechanism, m.Params, len(in.Params))
		}
		for k, x := range in.Params {
			if !finite(x) {
				return fmt.Errorf("cuda: tree: instance %d: %s of %s is %v", i, params[in.Mechanism][k].Name, in.Mechanism, x)
			}
			switch name := params[in.Mechanism][k].Name; name {
			case "decay", "depth", "area", "outside", "initial", "scale", "fall", "duration":
				if x <= 0 {
					return fmt.Errorf("cuda: tree: instance %d: %s of %s is %v: want a positive number", i, name, in.Mechanism, x)
				}
			case "rise":
				if x < 0 {
					return fmt.Errorf("cuda: tree: instance %d: %s of %s is %v: want 0 or more", i, name, in.Mechanism, x)
				}
			}
		}
		if in.Node != last {
			clear(held)
		}
		if synapse := m.Class == trees.Synapse || m.Class == trees.Blocked; held[in.Mechanism] && !synapse {
			return fmt.Errorf("cuda: tree: node %d holds %s twice: add their conductances up", in.Node, in.Mechanism)
		}
		held[in.Mechanism], last = true, in.Node
	}
	return nil
}

// site finds a recordable variable.
func (t *Tree) site(s Site) (trees.Site, error) {
	if s.Instance == -1 {
		if s.Node < 0 || int(s.Node) >= len(t.Parent) {
			return trees.Site{}, fmt.Errorf("node %d of %d", s.Node, len(t.Parent))
		}
		return trees.Site{Node: s.Node, Instance: -1}, nil
	}
	if s.Instance < 0 || int(s.Instance) >= len(t.Instances) {
		return trees.Site{}, fmt.Errorf("instance %d of %d", s.Instance, len(t.Instances))
	}
	name := t.Instances[s.Instance].Mechanism
	for _, m := range TreeMechanisms() {
		if m.Name != name {
			continue
		}
		for k, x := range m.States {
			if x.Name == s.State {
				return trees.Site{Node: s.Node, Instance: s.Instance, State: int32(k)}, nil
			}
		}
	}
	return trees.Site{}, fmt.Errorf("%s has no state %q", name, s.State)
}

// checkTree says what is wrong with a batch of cells with dendrites, after check.
func (b *Batch) checkTree(p *Program) error {
	for i, c := range b.Current {
		if c.Node < 0 || int(c.Node) >= len(p.Tree.Parent) {
			return fmt.Errorf("cuda: batch: current %d goes into node %d of %d", i, c.Node, len(p.Tree.Parent))
		}
		for l, x := range c.Amp {
			if !finite(float64(x)) {
				return fmt.Errorf("cuda: batch: current %d of lane %d is %v nA", i, l, x)
			}
		}
	}
	return nil
}

// cell turns a checked program into what the kernels take.
func (p *Program) cell(b *Batch) (*trees.Cell, error) {
	t := p.Tree
	c := &trees.Cell{Wide: p.Precision == Float64, Staggered: p.Solver != Euler, TwoStage: p.Solver == TwoStage, Dt: p.Dt, Threshold: p.Threshold,
		Voltage: t.Voltage, Parent: t.Parent, Axial: t.Axial, Capacity: t.Capacity, Every: b.Every}
	if t.Peak {
		c.PeakEvery = max(1, int(math.Floor(0.125/p.Dt+1e-9)))
	}
	for _, in := range t.Instances {
		c.Instances = append(c.Instances, trees.Instance{Mechanism: in.Mechanism, Node: in.Node, Params: in.Params})
	}
	for _, r := range t.Receptors {
		drives := make([]trees.Drive, len(r))
		for i, d := range r {
			drives[i] = trees.Drive{Instance: d.Instance, Scale: d.Scale}
		}
		c.Receptors = append(c.Receptors, drives)
	}
	for _, r := range b.Record {
		s, err := t.site(t.Sites[r])
		if err != nil {
			return nil, fmt.Errorf("cuda: tree: %w", err)
		}
		c.Record = append(c.Record, s)
	}
	return c, nil
}

// treeEvents are the events of a batch as the kernels take them.
func treeEvents(b *Batch) cells.Events {
	return cells.Events{Step: b.Events.Step, Receptor: b.Events.Receptor, Weight: b.Events.Weight}
}
