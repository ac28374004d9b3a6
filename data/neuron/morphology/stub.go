package morphology

import "slices"

// StubAxon is the morphology with its axon replaced by two cylinders in a row, 30 um long and 1 um thick, on the
// middle of the soma, as the models of Hay et al. 2011 (PLoS Comput Biol 7:e1002107) do. What hung on the axon hangs
// where the axon did, or on the soma. A morphology that Divide refuses is left as it is.
func (m *Morphology) StubAxon() *Morphology {
	out := &Morphology{Name: m.Name}
	if m.check() != nil {
		out.Sections = slices.Clone(m.Sections)
		return out
	}
	at := make([]int, len(m.Sections))
	keep := func(axon bool) {
		for i, s := range m.Sections {
			if s.Region == Soma == axon && s.Region != Axon {
				at[i] = len(out.Sections)
				out.Sections = append(out.Sections, s)
			}
		}
	}
	keep(true)
	soma := m.soma()
	above := map[int]bool{} // the soma and what it hangs on
	for i := soma; i >= 0; i = m.Sections[i].Parent {
		above[i] = true
	}
	points := m.Sections[soma].Points
	middle := points[len(points)/2]
	for k := range 2 {
		stub := Section{Region: Axon, Index: k, Parent: at[soma], ParentX: 0.5}
		if k == 1 {
			stub.Parent, stub.ParentX = len(out.Sections)-1, 1
		}
		for j := range 2 {
			stub.Points = append(stub.Points, Point{middle.X, middle.Y - 30*float64(k+j), middle.Z, 1})
		}
		out.Sections = append(out.Sections, stub)
	}
	keep(false)
	for i := range m.Sections {
		if m.Sections[i].Region == Axon {
			continue
		}
		s := &out.Sections[at[i]]
		for s.Parent >= 0 && m.Sections[s.Parent].Region == Axon {
			s.Parent, s.ParentX = m.Sections[s.Parent].Parent, m.Sections[s.Parent].ParentX
		}
		switch {
		case s.Parent >= 0:
			s.Parent = at[s.Parent]
		case m.Sections[i].Parent >= 0 && !above[i]: // the axon was the root
			s.Parent, s.ParentX = at[soma], 0.5
		}
	}
	return out
}
