package morphology

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"neq/internal/plot"
)

// Drawing says how Draw draws.
type Drawing struct {
	Title  string
	Width  float64        // pixels; 0 is 560
	Height float64        // pixels; 0 is 760
	Values []float64      // of each segment, drawn as its colour; nil: colours say the region. NaN is grey.
	Label  string         // what Values are, with their unit
	Log    bool           // colours follow the logarithm of Values; what is not above 0 is grey
	Marks  map[int]string // segments to point out, with words
	Alone  bool           // a file of its own, not an element of a page
}

// shades of the colour bar; they are classes of the drawing's own style.
const shades = 9

const drawingStyle = `<style>svg.plot .cell path{stroke:currentColor;fill:none;stroke-linecap:round;stroke-linejoin:round}` +
	`svg.plot .cell .soma{fill:currentColor;stroke-width:1}svg.plot .none{color:var(--line)}svg.plot .body{color:var(--ink)}` +
	`svg.plot .h0{color:#e8b37f}svg.plot .h1{color:#e99f6e}svg.plot .h2{color:#e98d70}svg.plot .h3{color:#e16d60}svg.plot .h4{color:#cd4c66}` +
	`svg.plot .h5{color:#ac3a6d}svg.plot .h6{color:#873171}svg.plot .h7{color:#652b6e}svg.plot .h8{color:#432260}` +
	`@media screen and (prefers-color-scheme:dark){svg.plot .h0{color:#6b4f93}svg.plot .h1{color:#7f4c8a}svg.plot .h2{color:#984b80}` +
	`svg.plot .h3{color:#ba5379}svg.plot .h4{color:#d8666d}svg.plot .h5{color:#eb8369}svg.plot .h6{color:#f3a478}svg.plot .h7{color:#f8c592}` +
	`svg.plot .h8{color:#fee6bb}}</style>`

// Draw is an SVG of the cable seen along z, y upwards, which reads in light and in dark. Lines are as wide as the
// dendrites on the scale of the drawing, the thinnest as wide as can be seen.
func Draw(c *Cable, o Drawing) (string, error) {
	if o.Values != nil && len(o.Values) != len(c.Segments) {
		return "", fmt.Errorf("drawing of %s: %d values for %d segments", c.Morphology.Name, len(o.Values), len(c.Segments))
	}
	for i := range o.Marks {
		if i < 0 || i >= len(c.Segments) {
			return "", fmt.Errorf("drawing of %s: a mark on segment %d of %d", c.Morphology.Name, i, len(c.Segments))
		}
	}
	v := newView(c, o)
	v.d.WriteString(drawingStyle)
	if o.Title != "" {
		v.d.Text("strong", "start", 20, 28, o.Title)
	}
	v.cell()
	v.scaleBar()
	if o.Values != nil {
		v.colourBar()
	} else {
		v.legend()
	}
	v.marks()
	words := plot.Plural(len(c.Segments), "segment") + " of " + plot.Plural(len(c.Morphology.Sections), "section")
	if o.Title != "" {
		words = o.Title + ": " + words
	}
	return v.d.Finish(words, o.Alone), nil
}

// view is a drawing under construction.
type view struct {
	*Cable
	Drawing
	d      *plot.Drawing
	px     float64 // pixels per um
	x0, y0 float64 // um at the corner of the drawing
	scale  shading
}

func newView(c *Cable, o Drawing) *view {
	v := &view{Cable: c, Drawing: o, d: &plot.Drawing{W: o.Width, H: o.Height}}
	if v.d.W <= 0 {
		v.d.W = 560
	}
	if v.d.H <= 0 {
		v.d.H = 760
	}
	left, right, low, high := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := range c.Morphology.Sections {
		for _, p := range c.Morphology.Sections[i].Points {
			left, right = math.Min(left, p.X-p.Diam/2), math.Max(right, p.X+p.Diam/2)
			low, high = math.Min(low, p.Y-p.Diam/2), math.Max(high, p.Y+p.Diam/2)
		}
	}
	const legend, margin = 160, 20
	top := 20.0
	if o.Title != "" {
		top = 44
	}
	v.px = math.Min((v.d.W-legend-2*margin)/(right-left), (v.d.H-top-margin)/(high-low))
	v.px = math.Max(v.px, 1e-6)
	v.x0 = left - ((v.d.W-legend)/v.px-(right-left))/2
	v.y0 = high + top/v.px
	v.scale = newShading(o.Values, o.Log)
	return v
}

func (v *view) at(p Point) (x, y float64) { return (p.X - v.x0) * v.px, (v.y0 - p.Y) * v.px }

// class is the colour of a segment.
func (v *view) class(i int) string {
	if v.Values != nil {
		return v.scale.class(v.Values[i])
	}
	return regionClass(v.Segments[i].Region)
}

func regionClass(region string) string {
	switch region {
	case Soma:
		return "body"
	case Axon:
		return "f3"
	case Basal:
		return "f1"
	case Apical:
		return "f0"
	}
	return "f2"
}

// cell draws the segments, the soma on top. Neighbours of one colour and width are one line.
func (v *view) cell() {
	v.d.Open("cell")
	for i := 0; i < len(v.Segments); {
		s := &v.Segments[i]
		j := i + 1
		for j < len(v.Segments) && v.Segments[j].Of == s.Of && v.class(j) == v.class(i) && v.width(j) == v.width(i) {
			j++
		}
		if s.Region != Soma {
			v.line(i, j)
		}
		i = j
	}
	for i := range v.Segments {
		if v.Segments[i].Region == Soma && v.Segments[i].Index == 0 {
			v.soma(i)
		}
	}
	v.d.End()
}

// width is the width of a segment's line in pixels, in steps of 0.2.
func (v *view) width(i int) float64 {
	thinnest := 0.8
	if v.Values != nil {
		thinnest = 1.2 // a pale colour needs it
	}
	return math.Max(thinnest, math.Round(5*v.Segments[i].Diam*v.px)/5)
}

// line draws the segments from i to before j, of one section.
func (v *view) line(i, j int) {
	points := v.Morphology.Sections[v.Segments[i].Of].Points
	at := arcs(points)
	each := v.Segments[i].Length
	from, to := float64(v.Segments[i].Index)*each, float64(v.Segments[j-1].Index+1)*each
	var xs, ys []float64
	put := func(p Point, always bool) {
		x, y := v.at(p)
		if n := len(xs); !always && n > 0 && math.Hypot(x-xs[n-1], y-ys[n-1]) < 1 {
			return
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	put(along(points, at, from), true)
	for k, p := range points {
		if at[k] > from && at[k] < to {
			put(p, false)
		}
	}
	put(along(points, at, to), true)
	fmt.Fprintf(v.d, `<path class="%s" stroke-width="%s" d="%s"/>`, v.class(i), plot.XY(v.width(i)), plot.Poly(xs, ys))
}

// along is the point at a distance along a section.
func along(points []Point, at []float64, d float64) Point {
	get := func(f func(Point) float64) float64 {
		return interpolate(d, at, func(k int) float64 { return f(points[k]) })
	}
	return Point{
		get(func(p Point) float64 { return p.X }), get(func(p Point) float64 { return p.Y }),
		get(func(p Point) float64 { return p.Z }), get(func(p Point) float64 { return p.Diam }),
	}
}

// soma draws a section of the soma as its outline, or as a disc where it is a sphere or stands on end.
func (v *view) soma(i int) {
	points := v.Morphology.Sections[v.Segments[i].Of].Points
	a, b := points[0], points[len(points)-1]
	flat := math.Hypot(b.X-a.X, b.Y-a.Y)
	if long := length(points); len(points) <= 3 && math.Abs(long/a.Diam-1) < 0.05 || flat < 0.5*long {
		widest := slices.MaxFunc(points, func(p, q Point) int { return int(math.Copysign(1, p.Diam-q.Diam)) })
		x, y := v.at(Point{X: (a.X + b.X) / 2, Y: (a.Y + b.Y) / 2})
		fmt.Fprintf(v.d, `<circle class="soma fill %s" cx="%s" cy="%s" r="%s"/>`, v.class(i), plot.XY(x), plot.XY(y), plot.XY(math.Max(1.5, widest.Diam/2*v.px)))
		return
	}
	ux, uy := (b.Y-a.Y)/flat, -(b.X-a.X)/flat // at right angles to the axis
	points = slices.Clone(points)
	var xs, ys []float64
	for _, side := range []float64{1, -1} {
		for _, p := range points {
			x, y := v.at(Point{X: p.X + side*p.Diam/2*ux, Y: p.Y + side*p.Diam/2*uy})
			xs, ys = append(xs, x), append(ys, y)
		}
		slices.Reverse(points)
	}
	fmt.Fprintf(v.d, `<path class="soma %s" d="%sZ"/>`, v.class(i), plot.Poly(xs, ys))
}

// marks points segments out by a ring and words.
func (v *view) marks() {
	order := make([]int, 0, len(v.Marks))
	for i := range v.Marks {
		order = append(order, i)
	}
	slices.Sort(order)
	for _, i := range order {
		s := &v.Segments[i]
		points := v.Morphology.Sections[s.Of].Points
		x, y := v.at(along(points, arcs(points), s.X*length(points)))
		fmt.Fprintf(v.d, `<circle class="ring" cx="%s" cy="%s" r="5"/>`, plot.XY(x), plot.XY(y))
		v.d.Text("small halo", "start", x+10, y+4, v.Marks[i])
	}
}

// scaleBar draws a round length at the lower right.
func (v *view) scaleBar() {
	long := 120 / v.px
	um := math.Pow(10, math.Floor(math.Log10(long)))
	for _, f := range []float64{5, 2} {
		if um*f <= long {
			um *= f
			break
		}
	}
	right, y := v.d.W-20, v.d.H-24
	v.d.Open("cell body")
	fmt.Fprintf(v.d, `<path stroke-width="2" d="%s"/>`, plot.Poly([]float64{right - um*v.px, right}, []float64{y, y}))
	v.d.End()
	v.d.Text("small soft", "end", right, y-8, plot.Figures(um, 3)+" µm")
}

// legend names the regions and how long they are.
func (v *view) legend() {
	y := 28.0
	for _, r := range v.Regions() {
		x := v.d.W - 20
		v.d.Open("cell " + regionClass(r.Region))
		fmt.Fprintf(v.d, `<path stroke-width="3" d="M%s %sh14"/>`, plot.XY(x-14), plot.XY(y-4))
		v.d.End()
		v.d.Text("small", "end", x-22, y, RegionWords(r.Region))
		words := plot.Figures(r.Length/1000, 2) + " mm, " + plot.Plural(r.Segments, "segment")
		if r.Region == Soma {
			words = plot.Figures(r.Area, 3) + " µm²"
		}
		v.d.Text("small soft", "end", x-22, y+16, words)
		y += 42
	}
}

// RegionWords says in words what NEURON's name of a region means.
func RegionWords(region string) string {
	switch region {
	case Basal:
		return "basal dendrites"
	case Apical:
		return "apical dendrites"
	}
	return strings.ReplaceAll(region, "_", " ")
}
