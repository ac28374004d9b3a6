package morphology

import (
	"io"
	"strings"
)

// ReadASC reads a Neurolucida V3 file as NEURON's Import3d does: contours named CellBody (or "Cell Body", Soma) make
// the soma, trees hang on its middle, a branch begins at the last point of the branch it left. Markers, spines, texts
// and other contours are skipped. name is for messages.
func ReadASC(r io.Reader, name string) (*Morphology, error) {
	return readASC(r, name, maxPoints)
}

func readASC(r io.Reader, name string, limit int) (*Morphology, error) {
	a := &ascReader{lexer: newLexer(r, name), limit: limit}
	if err := a.next(); err != nil {
		return nil, err
	}
	for a.kind != end {
		if a.kind != open {
			return nil, a.unexpected("an object, which begins with (")
		}
		if err := a.object(); err != nil {
			return nil, err
		}
	}
	soma, err := contourSoma(name, a.contours)
	if err != nil {
		return nil, err
	}
	for i := range a.sections {
		s := &a.sections[i]
		if s.parent++; s.parent == 0 {
			s.parentX = 0.5
		} else if from := a.sections[s.parent-1].points; !samePlace(from[len(from)-1], s.points[0]) {
			first := from[len(from)-1]
			first.Diam = s.points[0].Diam
			s.points = append([]Point{first}, s.points...)
		}
	}
	return assemble(name, append([]traced{soma}, a.sections...))
}

func samePlace(p, q Point) bool {
	p.Diam = q.Diam
	return p == q
}

// contour is a closed outline of the soma.
type contour struct {
	points []Point
	line   int
}

type ascReader struct {
	*lexer
	contours []contour
	sections []traced // without the soma: parent counts from 0 here, -1 hangs on the soma
	points   int
	limit    int // of points
	sets     int // open Sets
}

func (a *ascReader) unexpected(want string) error {
	got := a.kind.String()
	if a.kind == word || a.kind == text || a.kind == number {
		got += " (" + a.textOf() + ")"
	}
	return fault(a.name, a.line, "found %s instead of %s", got, want)
}

func (a *ascReader) textOf() string {
	if len(a.text) > 40 {
		return a.text[:40] + "..."
	}
	return a.text
}

// object reads what begins with the current parenthesis: a contour, a tree, a text, a set, or a list to skip.
func (a *ascReader) object() error {
	from := a.line
	if err := a.next(); err != nil {
		return err
	}
	switch {
	case a.kind == text:
		return a.outline(from)
	case a.kind == word && strings.EqualFold(a.text, "set"):
		return a.set(from)
	case a.kind == open:
		return a.tree(from)
	case a.kind == end:
		return fault(a.name, from, "a parenthesis opened here is never closed: the file ends early")
	}
	return a.skip(from, 1)
}

// set reads the objects of a set, which are as those outside it.
func (a *ascReader) set(from int) error {
	if a.sets++; a.sets > 100 {
		return fault(a.name, from, "more than 100 sets within one another")
	}
	defer func() { a.sets-- }()
	for {
		if err := a.next(); err != nil {
			return err
		}
		for a.kind == open {
			if err := a.object(); err != nil {
				return err
			}
		}
		switch a.kind {
		case close_:
			return a.next()
		case end:
			return fault(a.name, from, "a set opened here is never closed: the file ends early")
		}
	}
}

// skip goes past the parenthesis that closes a list that is depth parentheses deep at the current token.
func (a *ascReader) skip(from, depth int) error {
	for {
		switch a.kind {
		case open:
			depth++
		case close_:
			if depth--; depth == 0 {
				return a.next()
			}
		case end:
			return fault(a.name, from, "a parenthesis opened here is never closed: the file ends early")
		}
		if err := a.next(); err != nil {
			return err
		}
	}
}

// outline reads a contour from its name on, and keeps it if it is of a soma.
func (a *ascReader) outline(from int) error {
	keep := a.text == "CellBody" || a.text == "Cell Body" || a.text == "Soma"
	c := contour{line: from}
	if err := a.next(); err != nil {
		return err
	}
	for {
		switch a.kind {
		case close_:
			if keep && len(c.points) < 3 {
				return fault(a.name, from, "a contour of a soma has %d points: it needs 3", len(c.points))
			} else if keep {
				a.contours = append(a.contours, c)
			}
			return a.next()
		case open:
			open := a.line
			if err := a.next(); err != nil {
				return err
			}
			if a.kind != number {
				keep = keep || a.kind == word && a.text == "CellBody"
				if err := a.skip(open, 1); err != nil {
					return err
				}
				continue
			}
			p, err := a.point()
			if err != nil {
				return err
			}
			if !keep {
				continue
			}
			p.Diam = 1 // an outline has no width
			if err := p.check(); err != nil {
				return fault(a.name, open, "a point %w", err)
			}
			c.points = append(c.points, p)
		case end:
			return fault(a.name, from, "a contour opened here is never closed: the file ends early")
		default:
			if err := a.next(); err != nil {
				return err
			}
		}
	}
}

// point reads "x y [z [diameter]] ..." to past its parenthesis; the current token is x.
func (a *ascReader) point() (Point, error) {
	from := a.line
	var v [4]float64
	n := 0
	for a.kind == number {
		if n == 4 {
			return Point{}, fault(a.name, a.line, "a point has more than 4 numbers")
		}
		v[n] = a.value
		n++
		if err := a.next(); err != nil {
			return Point{}, err
		}
	}
	if n < 2 {
		return Point{}, a.unexpected("the y of a point")
	}
	if a.kind == word && !isLetter(a.text[0]) { // "1.2.3"
		return Point{}, a.unexpected("a number or )")
	}
	if a.points++; a.points > a.limit {
		return Point{}, fault(a.name, a.line, "more than %d points", a.limit)
	}
	return Point{v[0], v[1], v[2], v[3]}, a.skip(from, 1)
}

// tree reads a tree from its second parenthesis on, which is current. Splits are kept on a stack, not on Go's.
func (a *ascReader) tree(from int) error {
	begin := len(a.sections)
	kind := typeOther
	isText := false
	grow := func(parent int) {
		a.sections = append(a.sections, traced{kind: kind, parent: parent, parentX: 1, line: a.line})
	}
	grow(-1)
	type branch struct {
		section int
		split   bool // a split has been read: no more points
	}
	stack := []branch{{section: begin}} // branches whose split is open; the last is the one being read
	closed := func() error {
		if s := &a.sections[stack[len(stack)-1].section]; len(s.points) == 0 {
			return fault(a.name, s.line, "a branch has no points")
		}
		return nil
	}
	for {
		here := &stack[len(stack)-1]
		s := &a.sections[here.section]
		switch a.kind {
		case end:
			return fault(a.name, from, "a tree opened here is never closed: the file ends early")
		case less:
			if err := a.spine(); err != nil {
				return err
			}
			continue
		case text:
			isText = true
		case bar:
			if len(stack) == 1 {
				return fault(a.name, a.line, "| stands outside a split")
			}
			if err := closed(); err != nil {
				return err
			}
			stack = stack[:len(stack)-1]
			grow(stack[len(stack)-1].section)
			stack = append(stack, branch{section: len(a.sections) - 1})
		case close_:
			if err := closed(); err != nil {
				return err
			}
			if stack = stack[:len(stack)-1]; len(stack) > 0 {
				break
			}
			if isText && len(a.sections) == begin+1 && len(s.points) == 1 {
				a.sections = a.sections[:begin]
			}
			return a.next()
		case open:
			line := a.line
			if err := a.next(); err != nil {
				return err
			}
			switch a.kind {
			case number:
				if here.split {
					return fault(a.name, line, "a point follows a split of the same branch")
				}
				p, err := a.point()
				if err == nil {
					if e := p.check(); e != nil {
						err = fault(a.name, line, "a point %w", e)
					}
				}
				if err != nil {
					return err
				}
				if len(s.points) == 0 {
					s.line = line
				}
				s.points = append(s.points, p.single())
			case open:
				if len(s.points) == 0 {
					return fault(a.name, line, "a branch splits before its first point")
				}
				if len(stack) == maxDepth {
					return fault(a.name, line, "more than %d splits within one another", maxDepth)
				}
				here.split = true
				grow(here.section)
				stack = append(stack, branch{section: len(a.sections) - 1})
			default:
				if k := treeKind(a.text); a.kind == word && k != typeOther && here.section == begin && len(s.points) == 0 {
					kind, s.kind = k, k
				}
				if err := a.skip(line, 1); err != nil {
					return err
				}
			}
			continue
		}
		if err := a.next(); err != nil {
			return err
		}
	}
}

func treeKind(property string) int {
	switch property {
	case "Axon":
		return typeAxon
	case "Dendrite":
		return typeBasal
	case "Apical":
		return typeApical
	}
	return typeOther
}

// spine goes past <...>.
func (a *ascReader) spine() error {
	from, depth := a.line, 0
	for {
		switch a.kind {
		case less:
			depth++
		case more:
			depth--
		case end:
			return fault(a.name, from, "a spine opened here is never closed: the file ends early")
		}
		if err := a.next(); err != nil || depth == 0 {
			return err
		}
	}
}
