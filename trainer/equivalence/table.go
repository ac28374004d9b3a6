package equivalence

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"neq/internal/plot"
)

// Table writes the surrogates and the answer for a terminal so many columns wide (0 is 100). ">" marks the
// answer and "*" the rest of the frontier. Columns that do not fit are left out from the right.
func Table(w io.Writer, s *Study, width int) error {
	metric, asked := s.question()
	all, err := Candidates(s.Rows, metric)
	if err != nil {
		return err
	}
	a := s.perSynapse(equivalent(all, metric, asked))
	if width <= 0 {
		width = 100
	}
	mark := map[int]string{}
	for _, c := range all {
		for _, i := range c.Rows {
			if isAnswer(c, a) {
				mark[i] = ">"
			} else if c.Frontier {
				mark[i] = "*"
			}
		}
	}
	head := []string{"", "surrogate", "parameters", "AUC", "95 % interval", "F1 2ms", "V RMSE", "expl. var.", "train time"}
	lines := [][]string{head}
	rows := sound(s.Rows)
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return rows[order[i]].Parameters < rows[order[j]].Parameters })
	for _, i := range order {
		r := rows[i]
		line := []string{mark[i], plot.Cut(r.Name, 32), plot.Integer(r.Parameters)}
		if r.Error != "" {
			lines = append(lines, append(line, "failed: "+plot.Printable(r.Error)))
			continue
		}
		lines = append(lines, append(append(line, tableFidelity(fidelityRow(r.Fidelity))...), duration(r.TrainSeconds)))
	}
	for _, b := range s.Baselines {
		lines = append(lines, append([]string{"", plot.Cut("("+b.Name+")", 32), "–"}, append(tableFidelity(fidelityRow(b.Fidelity)), "–")...))
	}
	writeColumns(w, lines, width)
	for _, t := range wrap(s.Headline(a)+" "+strings.Join(s.Sentences(a), " "), width) {
		if _, err := fmt.Fprintln(w, t); err != nil {
			return fmt.Errorf("equivalence: %w", err)
		}
	}
	return nil
}

// tableFidelity is AUC, its interval, F1 within 2 ms, voltage error and explained variance.
func tableFidelity(p pageRow) []string {
	f1 := p.F1
	if parts := strings.Split(p.F1, " / "); len(parts) == 3 {
		f1 = parts[1]
	}
	return []string{p.AUC, p.AUCInterval, f1, p.RMSE, p.Explained}
}

// writeColumns aligns names left and numbers right, as many columns as fit; a line with fewer cells ends in
// words, cut at the width.
func writeColumns(w io.Writer, lines [][]string, width int) {
	columns := len(lines[0])
	wide := make([]int, columns)
	for _, l := range lines {
		for i, c := range l {
			if len(l) == columns {
				wide[i] = max(wide[i], utf8.RuneCountInString(c))
			} else if i < 3 {
				wide[i] = max(wide[i], utf8.RuneCountInString(c))
			}
		}
	}
	total, fit := 0, 0
	for fit < columns && (fit < 4 || total+wide[fit]+2 <= width) {
		total += wide[fit] + 2
		fit++
	}
	for n, l := range lines {
		var b strings.Builder
		for i, c := range l[:min(len(l), fit)] {
			gap := strings.Repeat(" ", max(0, wide[i]-utf8.RuneCountInString(c)))
			switch {
			case i == 0:
				b.WriteString(c + gap + " ")
			case i == 1:
				b.WriteString(c + gap)
			case len(l) < columns && i == len(l)-1:
				b.WriteString("  " + plot.Cut(c, max(10, width-utf8.RuneCountInString(b.String())-2)))
			default:
				b.WriteString("  " + gap + c)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		if n == 0 {
			fmt.Fprintln(w, strings.Repeat("─", min(width, max(total-2, 0))))
		}
	}
	fmt.Fprintln(w)
}

// wrap breaks words into lines.
func wrap(s string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}
