package probe

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"neq/internal/plot"
)

//go:embed style/page.html
var pageHTML string

type pageFigure struct {
	Heading, Words string
	Plot           template.HTML // drawn here, its words escaped there
}

// page is the report as one HTML file that needs no network.
func (r *Report) page() ([]byte, error) {
	p := struct {
		Version, Title, Headline, Device string
		Style                            template.CSS
		Sentences                        []string
		Tiles, Facts                     []Fact
		Figures                          []pageFigure
		Columns                          []string
		Rows                             [][]string
	}{
		Version: plot.Printable(r.Version), Title: r.title(), Headline: r.Headline, Device: plot.Printable(r.Subject.Device),
		Style: template.CSS(plot.PageCSS + plot.PlotCSS), Sentences: r.Sentences, Tiles: r.Tiles, Facts: r.facts(), Columns: r.Columns,
	}
	for _, f := range r.Figures {
		p.Figures = append(p.Figures, pageFigure{f.Heading, f.Words, template.HTML(f.Draw(false))})
	}
	for _, line := range r.Rows {
		var cells []string
		for _, v := range line {
			cells = append(cells, fmt.Sprint(v))
		}
		p.Rows = append(p.Rows, cells)
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return []byte(b.String()), nil
}

// title names the experiment and the subject.
func (r *Report) title() string {
	words := map[string]string{"fi": "Rate against current", "xor": "Two inputs, one cell: XOR", "pairs": "The order of inputs", "distance": "Synapses by distance"}
	return words[r.Experiment] + ": " + plot.Printable(r.Subject.Name)
}

// facts are what the experiment says of itself, after what the subject is.
func (r *Report) facts() []Fact {
	a := r.Subject
	var groups []string
	for _, g := range a.Groups {
		groups = append(groups, plot.Integer(g.Count)+" "+plot.Printable(g.Name)+" ("+plot.Printable(g.Kind)+")")
	}
	all := []Fact{{"Subject", a.Name + ": " + a.Words}}
	if len(groups) > 0 {
		all = append(all, Fact{"Synapses", strings.Join(groups, "; ")})
	}
	all = append(all, Fact{"Time step", plot.Figures(a.Dt, 4) + " ms"})
	all = append(all, a.Facts...)
	all = append(all, r.Facts...)
	for i := range all {
		all[i].Value = plot.Printable(all[i].Value)
	}
	return all
}
