package morphology

// join makes the nodes: one of each segment, one where sections hang on the end of a section or on the beginning of
// the root, and orders them outwards from the middle of the soma. first and counts are the segments of the sections.
func (c *Cable) join(first, counts []int) {
	m := c.Morphology
	type link struct {
		to int
		ri float64
	}
	links := make([][]link, len(c.Segments)) // of node k: segment k, then points without membrane
	tie := func(a, b int, ri float64) {
		links[a] = append(links[a], link{b, ri})
		links[b] = append(links[b], link{a, ri})
	}
	bare := func() int {
		links = append(links, nil)
		return len(links) - 1
	}
	ends := make([]int, len(m.Sections)) // node at the end of a section, 0 before it is needed
	base := make([]int, len(m.Sections)) // node that a section hangs on; -1 of the root before it is needed
	for _, i := range m.outwards() {
		s := &m.Sections[i]
		p := s.Parent
		switch {
		case p < 0:
			base[i] = -1
		case s.ParentX == 0:
			if base[p] < 0 {
				base[p] = bare()
				tie(first[p], base[p], c.Segments[first[p]].Ri)
			}
			base[i] = base[p]
		case s.ParentX == 1:
			if ends[p] == 0 {
				last := first[p] + counts[p] - 1
				ends[p] = bare()
				tie(last, ends[p], c.Segments[last].RiEnd)
			}
			base[i] = ends[p]
		default:
			base[i] = first[p] + segmentAt(s.ParentX, counts[p])
		}
		for k := first[i]; k < first[i]+counts[i]; k++ {
			if k > first[i] {
				tie(k-1, k, c.Segments[k].Ri)
			} else if p >= 0 {
				tie(base[i], k, c.Segments[k].Ri)
			}
		}
	}
	soma := m.soma()
	type visit struct {
		node, parent int // of links; of Cable.Nodes
		ri           float64
	}
	seen := make([]bool, len(links))
	stack := []visit{{first[soma] + counts[soma]/2, -1, 0}}
	c.Nodes = make([]Node, 0, len(links))
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		seen[v.node] = true
		here := len(c.Nodes)
		n := Node{Parent: v.parent, Ri: v.ri, Segment: -1}
		if v.node < len(c.Segments) {
			n.Segment = v.node
			c.Segments[v.node].Node = here
		}
		c.Nodes = append(c.Nodes, n)
		next := links[v.node]
		for k := len(next) - 1; k >= 0; k-- { // the first of them is visited first
			if !seen[next[k].to] {
				stack = append(stack, visit{next[k].to, here, next[k].ri})
			}
		}
	}
}
