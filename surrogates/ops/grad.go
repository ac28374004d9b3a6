package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Grad gives the gradients of a loss, a scalar node, with respect to nodes that it depends on. It is gorgonia's Grad for
// graphs of this package's ops, but that where several ops read one node their gradients are added by Add, on the
// graph's own device and cores.
func (b *Builder) Grad(loss *G.Node, wrt ...*G.Node) (G.Nodes, error) {
	if !loss.IsScalar() {
		return nil, fmt.Errorf("ops: gradient of %v: want a scalar", loss.Shape())
	}
	one := G.NewScalar(loss.Graph(), G.Float32, G.WithName("one"), G.WithValue(float32(1)))
	return b.back(loss, one, wrt)
}

// back propagates y's gradient dy back to the nodes wrt (reverse mode).
func (b *Builder) back(y, dy *G.Node, wrt G.Nodes) (G.Nodes, error) {
	wanted := map[*G.Node]bool{} // nodes that a gradient is to pass through; all that were visited are there
	var order G.Nodes            // inputs first
	var visit func(n *G.Node) bool
	visit = func(n *G.Node) bool {
		if _, seen := wanted[n]; seen {
			return wanted[n]
		}
		for _, w := range wrt {
			wanted[n] = wanted[n] || w == n
		}
		if o, ok := n.Op().(*op); ok {
			for i, in := range o.inputs {
				if passes := visit(in); passes && o.wrt[i] {
					wanted[n] = true
				}
			}
		}
		order = append(order, n)
		return wanted[n]
	}
	visit(y)
	grads := map[*G.Node]*G.Node{y: dy}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		o, ok := n.Op().(*op)
		if !ok || !wanted[n] || grads[n] == nil {
			continue
		}
		passed := false
		for j, in := range o.inputs {
			passed = passed || o.wrt[j] && wanted[in]
		}
		if !passed {
			continue
		}
		ds, err := o.SymDiff(o.inputs, n, grads[n])
		if err != nil {
			return nil, err
		}
		for j, in := range o.inputs {
			if !o.wrt[j] || !wanted[in] || j >= len(ds) || ds[j] == nil {
				continue
			}
			if grads[in] == nil {
				grads[in] = ds[j]
			} else if grads[in], err = b.Add(grads[in], ds[j]); err != nil {
				return nil, err
			}
		}
	}
	out := make(G.Nodes, len(wrt))
	for i, w := range wrt {
		if out[i] = grads[w]; out[i] == nil {
			return nil, fmt.Errorf("ops: gradient: %v does not depend on %v", y, w)
		}
	}
	return out, nil
}
