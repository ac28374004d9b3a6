package compress

import (
	"fmt"
	"strings"

	"neq/internal/plot"
	"neq/trainer/fidelity"
)

// Score is what a level still predicts; nil where the neuron never spikes, or its voltage never moves.
type Score struct {
	AUC         *float64           `json:"auc"`
	AUCInterval *fidelity.Interval `json:"auc_interval,omitempty"`
	RMSE        *float64           `json:"voltage_rmse_mv"`
	Explained   *float64           `json:"explained_variance"`
}

func newScore(r fidelity.Result) *Score {
	s := &Score{}
	if r.SpikesUndefined == "" {
		s.AUC, s.AUCInterval = &r.AUC, r.AUCInterval
	}
	if r.VoltageUndefined == "" {
		s.RMSE, s.Explained = &r.RMSE, &r.ExplainedVariance
	}
	return s
}

// Row is a level: the original first, then every fraction kept, each followed by what it is rounded to.
type Row struct {
	Name   string  `json:"name"` // of its folder, but for the original
	Keep   float64 `json:"keep,omitempty"`
	Bits   int     `json:"bits_per_weight"`
	Size   Size    `json:"size"`
	Before *Score  `json:"before,omitempty"` // pruned, before fine-tuning; null where nothing was pruned since the row before
	After  *Score  `json:"score"`
}

// Report is what a compression found.
type Report struct {
	Version    string  `json:"version,omitempty"`
	Request    Request `json:"request"`
	Parameters int     `json:"parameters"` // of the architecture
	Rows       []Row   `json:"rows"`
	Answer     *Answer `json:"answer"` // null where no fidelity is defined
}

// Answer says how much was overhead: what a level of fewer bits in all does without, of those whose fidelity is the
// original's less a tolerance at least. Where there is none it is the original.
type Answer struct {
	Fidelity   string  `json:"fidelity"`
	Tolerance  float64 `json:"tolerance"`
	Fewest     string  `json:"fewest_parameters"` // names of levels
	Smallest   string  `json:"fewest_bits"`
	Parameters float64 `json:"parameters_overhead"` // fraction of the original's
	Bits       float64 `json:"bits_overhead"`
}

// measures of fidelity that levels are compared by, the first that is defined.
var measures = []struct {
	name, words string
	of          func(*Score) *float64
}{
	{"auc", "ROC AUC", func(s *Score) *float64 { return s.AUC }},
	{"explained_variance", "explained variance", func(s *Score) *float64 { return s.Explained }},
}

// compared is the index of the measure levels are compared by, -1 for none.
func (r *Report) compared() int {
	for i, m := range measures {
		if len(r.Rows) > 0 && m.of(r.Rows[0].After) != nil {
			return i
		}
	}
	return -1
}

func (r *Report) answer(tolerance float64) {
	i := r.compared()
	if i < 0 {
		return
	}
	first := r.Rows[0]
	fewest, smallest := first, first
	least := *measures[i].of(first.After) - tolerance
	for _, x := range r.Rows[1:] {
		if v := measures[i].of(x.After); v == nil || *v < least {
			continue
		}
		if x.Size.Nonzero < fewest.Size.Nonzero {
			fewest = x
		}
		if x.Size.Bits < smallest.Size.Bits {
			smallest = x
		}
	}
	r.Answer = &Answer{Fidelity: measures[i].name, Tolerance: tolerance, Fewest: fewest.Name, Smallest: smallest.Name,
		Parameters: 1 - float64(fewest.Size.Nonzero)/float64(first.Size.Nonzero), Bits: 1 - smallest.Size.Bits/first.Size.Bits}
}

func (r *Report) row(name string) Row {
	for _, x := range r.Rows {
		if x.Name == name {
			return x
		}
	}
	return Row{}
}

// Text is the report for a terminal: the table, then the answer.
func (r *Report) Text() string {
	units := r.Request.Prune == "structured" || r.Request.Prune == "synapses"
	head := []string{"level", "parameters", "bits each", "bits in all", "AUC pruned", "AUC", "95 % interval", "V RMSE pruned", "V RMSE", "expl. var."}
	if units {
		head = append(head[:2:2], append([]string{"dense"}, head[2:]...)...)
	}
	cells := [][]string{head}
	for _, x := range r.Rows {
		line := []string{x.Name, plot.Integer(x.Size.Nonzero)}
		if units {
			line = append(line, plot.Integer(x.Size.Dense))
		}
		before := x.Before
		if before == nil {
			before = &Score{}
		}
		interval := ""
		if i := x.After.AUCInterval; i != nil {
			interval = fmt.Sprintf("%.4f–%.4f", i.Low, i.High)
		}
		cells = append(cells, append(line, fmt.Sprint(x.Bits), plot.Integer(int(x.Size.Bits+0.5)), figure(before.AUC, "%.4f", ""), figure(x.After.AUC, "%.4f", "–"), interval,
			figure(before.RMSE, "%.3f mV", ""), figure(x.After.RMSE, "%.3f mV", "–"), figure(x.After.Explained, "%.3f", "–")))
	}
	width := make([]int, len(head))
	for _, line := range cells {
		for i, c := range line {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for n, line := range cells {
		var text strings.Builder
		for i, c := range line {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i == 0 {
				text.WriteString("  " + plot.Printable(c) + pad)
			} else {
				text.WriteString("  " + pad + c)
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
		if n == 0 {
			total := 0
			for _, w := range width {
				total += w + 2
			}
			b.WriteString(strings.Repeat("─", total) + "\n")
		}
	}
	b.WriteString("\n" + r.words() + "\n")
	return b.String()
}

func figure(v *float64, format, none string) string {
	if v == nil {
		return none
	}
	return fmt.Sprintf(format, *v)
}

// words are the answer in sentences.
func (r *Report) words() string {
	a := r.Answer
	if a == nil {
		return "Neither spikes nor voltage of the neuron can be scored here: there is no answer."
	}
	words := ""
	for _, m := range measures {
		if m.name == a.Fidelity {
			words = m.words
		}
	}
	first, fewest, smallest := r.Rows[0], r.row(a.Fewest), r.row(a.Smallest)
	if a.Fewest == first.Name && a.Smallest == first.Name {
		return fmt.Sprintf("No level tried keeps the original's %s within %g: none of its %s in %s bits was overhead.",
			words, a.Tolerance, plot.Plural(first.Size.Nonzero, "parameter"), plot.Integer(int(first.Size.Bits+0.5)))
	}
	return fmt.Sprintf("Within %g of the original's %s: %s do as well as %s (%s; %.1f %% were overhead),\nand %s bits as well as %s (%s; %.1f %%). Voltage: %s and %s, of the original %s.",
		a.Tolerance, words, plot.Plural(fewest.Size.Nonzero, "parameter"), plot.Integer(first.Size.Nonzero), a.Fewest, 100*a.Parameters,
		plot.Integer(int(smallest.Size.Bits+0.5)), plot.Integer(int(first.Size.Bits+0.5)), a.Smallest, 100*a.Bits,
		figure(fewest.After.RMSE, "%.3f mV", "–"), figure(smallest.After.RMSE, "%.3f mV", "–"), figure(first.After.RMSE, "%.3f mV", "–"))
}
