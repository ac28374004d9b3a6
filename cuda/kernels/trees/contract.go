package trees

// Away is the elimination of a node between its parent and at most one child (-1: none), of the tree as it is by then.
type Away struct{ Node, Parent, Child int16 }

// Stays is a node that the eliminations of a round change: that of its parent, or -1, and those of children.
type Stays struct {
	Node, Parent int16
	Children     []int16
}

// Round is a set of eliminations none of which touches another, so that all can be done at once.
type Round struct {
	Away  []Away
	Stays []Stays
}

// Contract orders the elimination of a tree's nodes, all but the root, into rounds: leaves, and nodes with one child, no
// two of them neighbours (Miller & Reif 1985). A tree of n nodes takes some log n rounds whatever its depth.
func Contract(parent []int32) []Round {
	n := len(parent)
	up := make([]int, n)
	children := make([][]int, n)
	for i, p := range parent {
		up[i] = int(p)
		if p >= 0 {
			children[p] = append(children[p], i)
		}
	}
	left := make([]int, 0, n) // ascending
	for i := range n {
		left = append(left, i)
	}
	var rounds []Round
	for len(left) > 1 {
		var r Round
		chosen := make(map[int]bool)
		for _, x := range left {
			if up[x] >= 0 && len(children[x]) == 0 { // its parent has a child, so is no leaf
				chosen[x] = true
				r.Away = append(r.Away, Away{int16(x), int16(up[x]), -1})
			}
		}
		for _, x := range left {
			if up[x] >= 0 && len(children[x]) == 1 && !chosen[up[x]] && !chosen[children[x][0]] {
				chosen[x] = true
				r.Away = append(r.Away, Away{int16(x), int16(up[x]), int16(children[x][0])})
			}
		}
		var stay []int
		for _, x := range left {
			if chosen[x] {
				continue
			}
			stay = append(stay, x)
			s := Stays{Node: int16(x), Parent: -1}
			if up[x] >= 0 && chosen[up[x]] {
				s.Parent = int16(up[x])
			}
			for _, c := range children[x] {
				if chosen[c] {
					s.Children = append(s.Children, int16(c))
				}
			}
			if s.Parent >= 0 || len(s.Children) > 0 {
				r.Stays = append(r.Stays, s)
			}
		}
		for _, a := range r.Away {
			x, p := int(a.Node), int(a.Parent)
			kept := children[p][:0]
			for _, c := range children[p] {
				if c != x {
					kept = append(kept, c)
				}
			}
			if a.Child >= 0 {
				kept = append(kept, int(a.Child))
				up[a.Child] = p
			}
			children[p] = kept
		}
		left = stay
		rounds = append(rounds, r)
	}
	return rounds
}

// Depth is the number of nodes on the longest way from the root.
func Depth(parent []int32) int {
	depth := make([]int, len(parent))
	most := 0
	for i, p := range parent {
		if depth[i] = 1; p >= 0 {
			depth[i] = depth[p] + 1
		}
		most = max(most, depth[i])
	}
	return most
}
