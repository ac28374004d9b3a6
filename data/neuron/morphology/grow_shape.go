package morphology

import "math"

const somaLength = 23.1694 // um, as of the reconstructed cell

// grownSoma is a soma of the length and the area of the reconstructed cell's (23.17 um, 1131 um2): an ellipsoid along
// y about the origin, without its outermost caps.
func grownSoma() []Point {
	const widest = 16.99
	points := make([]Point, 21)
	for i := range points {
		u := float64(i-10) / 10
		points[i] = Point{0, u * somaLength / 2, 0, widest * math.Sqrt(1-0.9*u*u)}
	}
	return points
}

// power is that of the diameters whose sum branching conserves: Rall's 3/2 on basal dendrites. On the apical tree it is 2,
// which takes tips as thin as the reconstructed cell's to a trunk like its own (4 to 2.4 um thick, its own 3.1 to 1.8);
// under 3/2 it is thicker, and under the paper's input the cell fires 0.4 times a second, not 0.9 (the reconstruction: 1.1).
func (p part) power() float64 {
	if p == basalPart {
		return 1.5
	}
	return 2
}

// thicken sets the diameters of a branch and of all that hang on it. A branch ends as thick as those that leave it
// ask for, and begins 2 % thicker for every 100 um of its length.
func (b *branch) thicken() {
	if b.from > 0 {
		return
	}
	b.to = b.tip
	if len(b.children) > 0 {
		total := 0.0
		for _, c := range b.children {
			c.thicken()
			total += math.Pow(c.from, b.part.power())
		}
		b.to = math.Pow(total, 1/b.part.power())
	}
	b.from = b.to * (1 + 0.0002*b.length)
}

type vector [3]float64

func (v vector) plus(f float64, w vector) vector {
	return vector{v[0] + f*w[0], v[1] + f*w[1], v[2] + f*w[2]}
}

func (v vector) dot(w vector) float64 { return v[0]*w[0] + v[1]*w[1] + v[2]*w[2] }

func (v vector) unit() vector {
	n := norm(v[0], v[1], v[2])
	if n < 1e-12 {
		return vector{0, 1, 0}
	}
	return vector{v[0] / n, v[1] / n, v[2] / n}
}

func (g *grower) anyway() vector { return vector{g.Normal(), g.Normal(), g.Normal()}.unit() }

// across is a random direction at right angles to v.
func (g *grower) across(v vector) vector {
	w := g.anyway()
	return w.plus(-w.dot(v), v).unit()
}

// trace lays the points of a branch, a wavering way of equal steps, and gives its children their directions.
func (g *grower) trace(b *branch) []Point {
	g.begin(b)
	steps := max(2, int(b.length/8))
	step := b.length / float64(steps)
	points := make([]Point, 0, steps+1)
	at, way := b.last, b.way
	for i := range steps + 1 {
		at.Diam = b.from + (b.to-b.from)*float64(i)/float64(steps)
		points = append(points, at)
		way = way.plus(0.22, g.anyway()).plus(0.05, b.way).plus(0.06, b.pull(at)).unit()
		if i < steps {
			at.X, at.Y, at.Z = at.X+step*way[0], at.Y+step*way[1], at.Z+step*way[2]
		}
	}
	b.last, b.way = points[steps], way
	b.spread(g)
	return points
}

// pull is where a part of the tree tends to: trunk and tuft to the pia, the others away from the soma.
func (b *branch) pull(at Point) vector {
	switch b.part {
	case trunkPart:
		return vector{-at.X / 50, 3, -at.Z / 50}
	case tuftPart:
		return vector{at.X / 400, 1, at.Z / 400}
	case obliquePart:
		return vector{at.X, 0.3 * norm(at.X, 0, at.Z), at.Z}.unit()
	}
	return vector{at.X, at.Y, at.Z}.unit()
}

// begin puts a branch where it begins: stems on the surface of the soma.
func (g *grower) begin(b *branch) {
	if b.parent != nil {
		b.last = b.parent.last
		return
	}
	if b.part == trunkPart {
		b.way = vector{0, 1, 0}
		b.last = Point{Y: somaLength / 2}
		return
	}
	angle := 2 * math.Pi * (float64(g.stems) + g.between(0.1, 0.9)) / basalStems
	g.stems++
	lift := g.between(-1.1, 0.25)
	b.way = vector{math.Cos(angle) * math.Cos(lift), math.Sin(lift), math.Sin(angle) * math.Cos(lift)}
	b.last = Point{X: 6.5 * b.way[0], Y: 9 * b.way[1], Z: 6.5 * b.way[2]}
}

// spread turns the children of a branch away from its end: the trunk goes on, an oblique leaves it sideways, other
// branches part by 25 to 45 degrees each.
func (b *branch) spread(g *grower) {
	if len(b.children) != 2 {
		return
	}
	side := g.across(b.way)
	for i, c := range b.children {
		angle := g.between(25, 45) * math.Pi / 180
		switch {
		case c.part == trunkPart:
			angle = 0.05
		case c.part == obliquePart && b.part == trunkPart:
			angle = g.between(55, 85) * math.Pi / 180
		}
		sign := 1.0
		if i == 1 {
			sign = -1
		}
		c.way = b.way.plus(math.Cos(angle)-1, b.way).plus(sign*math.Sin(angle), side).unit()
	}
}
