package ops

import (
	G "gorgonia.org/gorgonia"
)

// Machine runs a graph of this package's ops: once on gorgonia's tape machine, and then the same ops in the same order,
// whose inputs and outputs do not move between runs. The tape machine starts a goroutine for every run and has the caller
// wait for it on another thread, which costs a small network's step a quarter of its time on two cores.
type Machine struct {
	b       *Builder
	tape    G.VM
	foreign bool  // gorgonia's own ops are among the graph's
	program []*op // as the tape ran them
}

// NewMachine is made when all the graph's ops are.
func (b *Builder) NewMachine(g *G.ExprGraph) *Machine {
	m := &Machine{b: b, tape: G.NewTapeMachine(g)}
	for _, n := range g.AllNodes() {
		if n.Op() == nil || n.Op().Arity() == 0 { // weights and constants
			continue
		}
		if _, ok := n.Op().(*op); !ok {
			m.foreign = true
		}
	}
	return m
}

// Run computes all nodes; on a device it queues that.
func (m *Machine) Run() error {
	if m.program == nil {
		var ran []*op
		m.b.ran = &ran
		err := m.tape.RunAll()
		m.b.ran = nil
		m.tape.Reset()
		if err == nil && !m.foreign {
			m.program = ran
		}
		return err
	}
	for _, o := range m.program {
		if err := o.compute(); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the tape machine's memory back.
func (m *Machine) Close() error { return m.tape.Close() }

// Number is the value of a scalar node of this package after a run.
func Number(n *G.Node) float32 { return n.Op().(*op).data[0] }
