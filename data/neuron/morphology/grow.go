package morphology

import (
	"math"

	"neq/internal/philox"
)

// The statistics of the tree that Grow grows: those of the reconstructed layer-5b pyramidal cell 1 of Hay et al. 2011
// (PLoS Comput Biol 7:e1002107), under one segment and two more for every 40 um of a section. Lengths are um.
const (
	basalStems     = 8
	basalTips      = 46 // 84 sections
	basalLength    = 5133
	basalSegments  = 262
	obliqueStems   = 12
	obliqueTips    = 33
	tuftTips       = 22 // 109 apical sections with the 13 of the trunk
	trunkLength    = 690
	tuftLength     = 3440
	apicalLength   = 7441
	apicalSegments = 377
	farthestTip    = 1303 // from the beginning of the soma
)

// GrownSeed is the seed of the built-in morphology.
const GrownSeed = 7

// Grow grows a pyramidal cell like those of cortical layer 5: a soma, 8 basal trees, an apical trunk that bears
// oblique branches up to 700 um and a tuft beyond. The same seed gives the same cell; every seed gives 84 basal and
// 109 apical sections, 262 and 377 segments where Division is left at its defaults, and diameters that conserve the sum
// of a power where branches part. It has no axon: see StubAxon.
func Grow(seed uint64) *Morphology {
	g := &grower{Stream: philox.New(seed, 0, philox.StreamGrowth)}
	basal := g.basal()
	apical := g.apical()
	fit(basal, basalSegments)
	fit(apical, apicalSegments)
	m := &Morphology{Name: "the built-in morphology", Sections: []Section{{Region: Soma, Parent: -1, Points: grownSoma()}}}
	for _, t := range []struct {
		region   string
		branches []*branch
	}{{Basal, basal}, {Apical, apical}} {
		from := len(m.Sections)
		for i, b := range t.branches {
			b.thicken()
			s := Section{Region: t.region, Index: i, Parent: 0, ParentX: 0.5}
			if b.parent != nil {
				s.Parent, s.ParentX = from+b.parent.index, 1
			}
			b.index = i
			s.Points = g.trace(b)
			m.Sections = append(m.Sections, s)
		}
	}
	return m
}

// branch is a section on its way to be one.
type branch struct {
	parent   *branch
	children []*branch
	index    int
	length   float64 // um
	tip      float64 // diameter where it ends, if nothing hangs there (um)
	from, to float64 // diameters; 0 before they are known
	part     part
	way      vector // where it begins to grow
	last     Point  // where it ends
}

type part int

const (
	basalPart part = iota
	trunkPart
	obliquePart
	tuftPart
)

type grower struct {
	*philox.Stream
	stems int // basal trees begun
}

func (g *grower) between(lo, hi float64) float64 { return lo + (hi-lo)*g.Float64() }

// bifurcate hangs a tree with so many tips on a branch (nil: on the soma) and appends it in preorder.
func (g *grower) bifurcate(to []*branch, parent *branch, tips int, p part) []*branch {
	b := &branch{parent: parent, part: p}
	if parent != nil {
		parent.children = append(parent.children, b)
	}
	to = append(to, b)
	if tips == 1 {
		return to
	}
	left := 1 + g.Intn(tips-1)
	to = g.bifurcate(to, b, left, p)
	return g.bifurcate(to, b, tips-left, p)
}

// shares splits a number of tips among stems, at least one each.
func (g *grower) shares(tips, stems int) []int {
	n := make([]int, stems)
	for i := range n {
		n[i] = 1
	}
	for range tips - stems {
		n[g.Intn(stems)]++
	}
	return n
}

// draw gives each branch a length: those that part again are shorter, exponentially distributed, those that end are
// normally distributed.
func (g *grower) draw(branches []*branch, inner, tip, deviation float64) {
	for _, b := range branches {
		if len(b.children) > 0 {
			b.length = 4 - (inner-4)*math.Log(g.Float64())
		} else {
			b.length = math.Max(tip/5, tip+deviation*g.Normal())
		}
	}
}

func (g *grower) basal() []*branch {
	var all []*branch
	for _, tips := range g.shares(basalTips, basalStems) {
		all = g.bifurcate(all, nil, tips, basalPart)
	}
	g.draw(all, 26, 90, 50)
	scale(all, basalLength)
	for _, b := range all {
		b.tip = 0.42 * math.Exp(0.1*g.Normal())
	}
	return all
}

// apical grows the trunk, its obliques and the tuft, in preorder.
func (g *grower) apical() []*branch {
	var all, trunk, obliques, tuft []*branch
	var up *branch
	for _, tips := range g.shares(obliqueTips, obliqueStems) {
		b := &branch{parent: up, part: trunkPart}
		if up != nil {
			up.children = append(up.children, b)
		}
		trunk, all = append(trunk, b), append(all, b)
		from := len(all)
		all = g.bifurcate(all, b, tips, obliquePart)
		obliques = append(obliques, all[from:]...)
		up = b
	}
	b := &branch{parent: up, part: trunkPart}
	up.children = append(up.children, b)
	trunk, all = append(trunk, b), append(all, b)
	from := len(all)
	left := tuftTips/2 - 3 + g.Intn(7)
	all = g.bifurcate(all, b, left, tuftPart)
	all = g.bifurcate(all, b, tuftTips-left, tuftPart)
	tuft = append(tuft, all[from:]...)

	for i, b := range trunk {
		b.length = 10 - 40*math.Log(g.Float64())
		if i == len(trunk)-1 {
			b.length += 150 // few obliques leave the upper trunk
		}
	}
	scale(trunk, trunkLength)
	g.tuft(tuft)
	g.draw(obliques, 30, 85, 35)
	scale(obliques, apicalLength-trunkLength-sum(tuft))
	for _, b := range all {
		b.tip = 0.5 * math.Exp(0.1*g.Normal())
		if b.part == tuftPart {
			b.tip = 0.45 * math.Exp(0.1*g.Normal())
		}
	}
	return all
}

// tuft gives the tuft its lengths: every tip ends between 78 % and 100 % of the farthest path, and the inner branches are
// as long as it takes for the whole to have its length (the longer they are, the more the tips share).
func (g *grower) tuft(tuft []*branch) {
	inner := make([]float64, len(tuft))
	end := make([]float64, len(tuft))
	farthest := 0
	for i, b := range tuft {
		inner[i] = 0.2 - math.Log(g.Float64())
		end[i] = g.between(0.78, 1) * farthestTip
		if len(b.children) == 0 && (len(tuft[farthest].children) > 0 || end[i] > end[farthest]) {
			farthest = i
		}
	}
	end[farthest] = farthestTip
	begin := map[*branch]float64{}
	lay := func(scale float64) float64 {
		total := 0.0
		for i, b := range tuft {
			at, inside := begin[b.parent]
			if !inside {
				at = somaLength/2 + trunkLength
			}
			if len(b.children) > 0 {
				b.length = math.Min(scale*inner[i], math.Max(5, (0.9*farthestTip-at)/2))
			} else {
				b.length = math.Max(20, end[i]-at)
			}
			begin[b] = at + b.length
			total += b.length
		}
		return total
	}
	lo, hi := 1.0, 1000.0
	for range 60 {
		if mid := (lo + hi) / 2; lay(mid) > tuftLength {
			lo = mid
		} else {
			hi = mid
		}
	}
	lay(hi)
}

func sum(branches []*branch) float64 {
	total := 0.0
	for _, b := range branches {
		total += b.length
	}
	return total
}

func scale(branches []*branch, total float64) {
	f := total / sum(branches)
	for _, b := range branches {
		b.length *= f
	}
}

// fit makes the branches have exactly so many segments of the default division: it moves the lengths that are
// nearest to a multiple of 40 um across it, to a twentieth of a micrometre beyond.
func fit(branches []*branch, segments int) {
	const each, beyond = 40, 0.05
	for _, b := range branches { // none so near to a multiple that rounding decides
		if r := math.Remainder(b.length, each); math.Abs(r) < beyond && b.length > each/2 {
			b.length += math.Copysign(beyond, r) - r
		}
	}
	for {
		n := 0
		var down, up *branch
		for _, b := range branches {
			n += 1 + 2*int(b.length/each)
			over := math.Mod(b.length, each)
			if b.length > each && (down == nil || over < math.Mod(down.length, each)) {
				down = b
			}
			if up == nil || over > math.Mod(up.length, each) {
				up = b
			}
		}
		switch {
		case n > segments:
			down.length -= math.Mod(down.length, each) + beyond
		case n < segments:
			up.length += each - math.Mod(up.length, each) + beyond
		default:
			return
		}
	}
}
