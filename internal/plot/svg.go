// Package plot draws SVG that reads in light and in dark, on a page or alone, and writes numbers as people read them.
package plot

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// PlotCSS styles a drawing, PageCSS the page it is on; both follow the reader's choice of light or dark.
var (
	//go:embed style/plot.css
	PlotCSS string
	//go:embed style/page.css
	PageCSS string
)

// Drawing is an SVG under construction. Text is escaped here and nowhere else.
type Drawing struct {
	strings.Builder
	W, H float64
}

// XY writes a coordinate to a tenth of a pixel; what is not finite goes to the origin.
func XY(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e6 {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

// Escape makes a user's words safe inside SVG and HTML.
func Escape(s string) string { return html.EscapeString(Printable(s)) }

// Finish returns the whole element; alone adds what a file of its own needs.
func (d *Drawing) Finish(label string, alone bool) string {
	style, space := "", ""
	if alone {
		space = ` xmlns="http://www.w3.org/2000/svg"`
		style = "<style>" + PlotCSS + `</style><rect class="card" width="100%" height="100%" rx="10"/>`
	}
	return fmt.Sprintf(`<svg%s class="plot" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">%s%s</svg>`,
		space, XY(d.W), XY(d.H), XY(d.W), XY(d.H), Escape(label), style, d.String())
}

// Line draws a straight line.
func (d *Drawing) Line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, XY(x1), XY(y1), XY(x2), XY(y2))
}

// Rect draws a rectangle with corners of radius r; title is shown when a pointer rests on it.
func (d *Drawing) Rect(class string, x, y, w, h, r float64, title string) {
	fmt.Fprintf(d, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"`, class, XY(x), XY(y), XY(max(w, 0)), XY(max(h, 0)), XY(r))
	if title != "" {
		fmt.Fprintf(d, `><title>%s</title></rect>`, Escape(title))
		return
	}
	d.WriteString("/>")
}

// Path draws path data, if there is any.
func (d *Drawing) Path(class, data string) {
	if data != "" {
		fmt.Fprintf(d, `<path class="%s" d="%s"/>`, class, data)
	}
}

// Text writes words at a place; anchor is start, middle or end.
func (d *Drawing) Text(class, anchor string, x, y float64, words string) {
	fmt.Fprintf(d, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, XY(x), XY(y), Escape(words))
}

// Open starts a group of that class.
func (d *Drawing) Open(class string) { fmt.Fprintf(d, `<g class="%s">`, class) }

// End ends what Open began.
func (d *Drawing) End() { d.WriteString("</g>") }

// Title is shown when a pointer rests on the group it opens.
func (d *Drawing) Title(s string) { fmt.Fprintf(d, `<title>%s</title>`, Escape(s)) }

// Mark draws family n's shape around a point.
func (d *Drawing) Mark(class string, n int, x, y, r float64) {
	switch n % 4 {
	case 0:
		fmt.Fprintf(d, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, class, XY(x), XY(y), XY(r))
	case 1:
		d.Rect(class, x-r*.9, y-r*.9, r*1.8, r*1.8, 1.5, "")
	case 2:
		d.Path(class, Poly([]float64{x, x + r*1.25, x, x - r*1.25}, []float64{y - r*1.25, y, y + r*1.25, y})+"Z")
	default:
		d.Path(class, Poly([]float64{x, x + r*1.2, x - r*1.2}, []float64{y - r*1.3, y + r*.9, y + r*.9})+"Z")
	}
}

// Poly is the path data of a line through points.
func Poly(x, y []float64) string {
	var b strings.Builder
	for i := range x {
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(XY(x[i]))
		b.WriteByte(' ')
		b.WriteString(XY(y[i]))
	}
	return b.String()
}

// Axis maps a range of values to a range of pixels.
type Axis struct{ From, To, A, B float64 }

// NewAxis maps from..to to the pixels a..b.
func NewAxis(from, to, a, b float64) Axis { return Axis{from, to, a, b} }

// At is the pixel of a value.
func (s Axis) At(v float64) float64 {
	if s.To == s.From {
		return s.A
	}
	return s.A + (v-s.From)/(s.To-s.From)*(s.B-s.A)
}

// Clamp is at, kept inside the range.
func (s Axis) Clamp(v float64) float64 { return s.At(math.Max(s.From, math.Min(s.To, v))) }

// Ticks are about n round values across the range.
func (s Axis) Ticks(n int) []float64 {
	span := math.Abs(s.To - s.From)
	if span == 0 || math.IsNaN(span) || math.IsInf(span, 0) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if span/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	var out []float64
	lo, hi := math.Min(s.From, s.To), math.Max(s.From, s.To)
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+step*1e-9 && len(out) <= 2*n; k++ {
		out = append(out, k*step+0) // +0 turns -0 into 0
	}
	return out
}

// Cut shortens a name to n runes.
func Cut(s string, n int) string {
	r := []rune(Printable(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:max(0, n-1)]) + "…"
}
