package morphology

import (
	"math"
	"slices"
)

// contourSoma makes the soma of its outlines as NEURON's Import3d does: one outline becomes 21 points along its
// principal axis, as wide as the outline is there; a stack of outlines becomes one circle each.
func contourSoma(name string, contours []contour) (traced, error) {
	if len(contours) == 0 {
		return traced{}, fault(name, 1, `no soma: a contour named "CellBody" is needed`)
	}
	first := contours[0]
	soma := traced{kind: typeSoma, parent: -1, parentX: 1, line: first.line}
	if len(contours) == 1 {
		points := alongAxis(first.points)
		if points == nil {
			return traced{}, fault(name, first.line, "the contour of the soma encloses no area")
		}
		soma.points = points
		return soma, nil
	}
	for i, c := range contours {
		if i > 0 && !overlap(contours[i-1].points, c.points) {
			return traced{}, fault(name, c.line, "a second soma: its contour is apart from the one on line %d", contours[i-1].line)
		}
		p := circle(c.points)
		if !(p.Diam > 0) {
			return traced{}, fault(name, c.line, "the contour of the soma encloses no area")
		}
		soma.points = append(soma.points, p.single())
	}
	if length(soma.points) == 0 {
		return traced{}, fault(name, first.line, "the contours of the soma lie at one place")
	}
	return soma, nil
}

// overlap tells whether the boxes around two outlines, seen along z, have a place in common.
func overlap(a, b []Point) bool {
	x := func(p Point) float64 { return p.X }
	y := func(p Point) float64 { return p.Y }
	for _, f := range []func(Point) float64{x, y} {
		alo, ahi := extent(a, f)
		blo, bhi := extent(b, f)
		if alo > bhi || blo > ahi {
			return false
		}
	}
	return true
}

func extent(points []Point, f func(Point) float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range points {
		lo, hi = math.Min(lo, f(p)), math.Max(hi, f(p))
	}
	return lo, hi
}

// resample gives 101 points at equal distances (seen along z) along an outline from its first point to its last, and
// their mean.
func resample(outline []Point) ([]Point, Point) {
	at := make([]float64, len(outline))
	for i := 1; i < len(outline); i++ {
		p, q := outline[i-1], outline[i]
		at[i] = at[i-1] + math.Hypot(q.X-p.X, q.Y-p.Y)
	}
	step := at[len(at)-1] / 100
	out := make([]Point, 101)
	var mean Point
	for i := range out {
		d := step * float64(i)
		x := &out[i]
		x.X = interpolate(d, at, func(k int) float64 { return outline[k].X })
		x.Y = interpolate(d, at, func(k int) float64 { return outline[k].Y })
		x.Z = interpolate(d, at, func(k int) float64 { return outline[k].Z })
		mean.X += x.X / 101
		mean.Y += x.Y / 101
		mean.Z += x.Z / 101
	}
	return out, mean
}

// interpolate is the linear interpolation of y(k) at at[k], constant beyond the ends.
func interpolate(x float64, at []float64, y func(int) float64) float64 {
	last := len(at) - 1
	if x <= at[0] {
		return y(0)
	} else if x >= at[last] {
		return y(last)
	}
	k, _ := slices.BinarySearch(at, x)
	f := (x - at[k-1]) / (at[k] - at[k-1])
	return (1-f)*y(k-1) + f*y(k)
}

// circle is the centre of an outline and the mean of two diameters: of its perimeter, and twice its mean radius.
func circle(outline []Point) Point {
	perimeter := 0.0
	for i, p := range outline {
		q := outline[(i+1)%len(outline)]
		perimeter += norm(q.X-p.X, q.Y-p.Y, q.Z-p.Z)
	}
	points, mean := resample(outline)
	radius := 0.0
	for _, p := range points {
		radius += norm(p.X-mean.X, p.Y-mean.Y, p.Z-mean.Z) / float64(len(points))
	}
	mean.Diam = radius + perimeter/(2*math.Pi)
	return mean
}

// alongAxis makes an outline a row of 21 points along its major axis, each as wide as the outline along the minor
// axis there. It is nil where the outline has no width.
func alongAxis(outline []Point) []Point {
	points, mean := resample(outline)
	var m [3][3]float64
	for i := range points {
		p := &points[i]
		p.X, p.Y, p.Z = p.X-mean.X, p.Y-mean.Y, p.Z-mean.Z
		v := [3]float64{p.X, p.Y, p.Z}
		for j := range v {
			for k := range v {
				m[j][k] += v[j] * v[k]
			}
		}
	}
	axes, spread := principalAxes(m)
	if !(spread[1] > 1e-9*spread[0]) {
		return nil // a line
	}
	major, minor := axes[0], axes[1]
	width := math.Hypot(minor[0], minor[1])
	if width < 1e-9 {
		return nil
	}
	minor = [3]float64{minor[0] / width, minor[1] / width, 0}
	along := make([]float64, len(points)) // place along the major axis
	aside := make([]float64, len(points))
	for i, p := range points {
		along[i] = p.X*major[0] + p.Y*major[1] + p.Z*major[2]
		aside[i] = p.X*minor[0] + p.Y*minor[1]
	}
	// from the end with the largest place around: one side down to the smallest, the other back up
	turn(along, aside, argmax(along))
	low := argmin(along)
	if low == 0 {
		return nil
	}
	one, oneAside := slices.Clone(along[:low]), slices.Clone(aside[:low])
	slices.Reverse(one)
	slices.Reverse(oneAside)
	two, twoAside := slices.Clone(along[low:]), slices.Clone(aside[low:])
	one, oneAside = rising(one, oneAside)
	two, twoAside = rising(two, twoAside)
	places := append(slices.Clone(one), two...)
	slices.Sort(places)
	if len(places) < 4 {
		return nil
	}
	from, to := places[1], places[len(places)-2]
	if !(to > from) {
		return nil
	}
	out := make([]Point, 21)
	for i := range out {
		d := from + (to-from)/20*float64(i)
		a := interpolate(d, one, func(k int) float64 { return oneAside[k] })
		b := interpolate(d, two, func(k int) float64 { return twoAside[k] })
		out[i] = Point{mean.X + d*major[0], mean.Y + d*major[1], mean.Z + d*major[2], math.Abs(a - b)}
	}
	// the ends of an outline have no width
	out[0].Diam = (out[0].Diam + out[1].Diam) / 2
	out[20].Diam = (out[20].Diam + out[19].Diam) / 2
	for i := range out {
		if out[i] = out[i].single(); out[i].Diam < 1e-6 {
			return nil
		}
	}
	return out
}

// turn rotates both so that index at comes first.
func turn(a, b []float64, at int) {
	for _, x := range [][]float64{a, b} {
		copy(x, append(slices.Clone(x[at:]), x[:at]...))
	}
}

// rising drops, from the end on, the places that do not lie above the one before, so that the side is convex.
func rising(at, y []float64) ([]float64, []float64) {
	const same = 1e-11
	for j := len(at) - 1; j > 0; j-- {
		for j < len(at) && at[j] <= at[j-1]+same {
			at, y = slices.Delete(at, j, j+1), slices.Delete(y, j, j+1)
		}
	}
	return at, y
}

func argmax(x []float64) int {
	k := 0
	for i := range x {
		if x[i] > x[k] {
			k = i
		}
	}
	return k
}

func argmin(x []float64) int {
	k := 0
	for i := range x {
		if x[i] < x[k] {
			k = i
		}
	}
	return k
}

// principalAxes gives the eigenvectors of a symmetric matrix and the eigenvalues, the largest first, by Jacobi's
// rotations. The largest component of each vector is positive, as NEURON 8 has it where the outline is level. Where it is
// not, NEURON may have the axis the other way around, on which an outline that is not convex depends.
func principalAxes(m [3][3]float64) (axes [3][3]float64, values [3]float64) {
	v := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} // columns
	for range 50 {
		for _, pq := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
			p, q := pq[0], pq[1]
			if m[p][q] == 0 {
				continue
			}
			theta := math.Atan2(2*m[p][q], m[q][q]-m[p][p]) / 2
			s, c := math.Sincos(theta)
			for k := range 3 {
				m[k][p], m[k][q] = c*m[k][p]-s*m[k][q], s*m[k][p]+c*m[k][q]
			}
			for k := range 3 {
				m[p][k], m[q][k] = c*m[p][k]-s*m[q][k], s*m[p][k]+c*m[q][k]
			}
			for k := range 3 {
				v[k][p], v[k][q] = c*v[k][p]-s*v[k][q], s*v[k][p]+c*v[k][q]
			}
		}
	}
	order := []int{0, 1, 2}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case m[a][a] > m[b][b]:
			return -1
		case m[a][a] < m[b][b]:
			return 1
		}
		return 0
	})
	for i, k := range order {
		values[i] = m[k][k]
		axes[i] = [3]float64{v[0][k], v[1][k], v[2][k]}
		largest := 0
		for j := range 3 {
			if math.Abs(axes[i][j]) > math.Abs(axes[i][largest]) {
				largest = j
			}
		}
		if axes[i][largest] < 0 {
			for j := range 3 {
				axes[i][j] = -axes[i][j]
			}
		}
	}
	return axes, values
}
