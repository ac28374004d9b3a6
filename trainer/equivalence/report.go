package equivalence

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"neq/internal/atomicfile"
	"neq/internal/plot"
)

// WriteHTML writes the report as one HTML file that needs no network.
func WriteHTML(path string, s *Study) error {
	b, err := render(s)
	if err != nil {
		return err
	}
	return write(path, b)
}

// WriteSVG writes the frontier as a picture of its own, light or dark with whoever looks at it.
func WriteSVG(path string, s *Study) error {
	metric, asked := s.question()
	all, err := Candidates(s.Rows, metric)
	if err != nil {
		return err
	}
	return write(path, []byte(frontierPlot(s, all, equivalent(all, metric, asked), true)+"\n"))
}

// Report is what report.json holds.
type Report struct {
	Headline   string      `json:"headline"`
	Sentences  []string    `json:"sentences"`
	Answer     Answer      `json:"answer"`
	Thresholds []Answer    `json:"thresholds"`
	Brain      *Brain      `json:"brain,omitempty"`
	Frontier   []Candidate `json:"frontier"`
	Candidates []Candidate `json:"candidates"`
	Decay      []GroupFit  `json:"filter_decay,omitempty"` // of single-filter surrogates
	Created    string      `json:"created,omitempty"`
	Study      Study       `json:"study"` // without examples and filters
}

// GroupFit is the exponential that fits a group's filter.
type GroupFit struct {
	Surrogate string `json:"surrogate"`
	Group     string `json:"group"`
	Decay
}

// NewReport works out everything that report.json holds.
func NewReport(s *Study) (Report, error) {
	a, err := s.Answer()
	if err != nil {
		return Report{}, err
	}
	r := Report{Headline: s.Headline(a), Sentences: s.Sentences(a), Answer: a, Created: stamp(s.Created), Study: *s}
	if r.Thresholds, err = s.Answers(); err != nil {
		return Report{}, err
	}
	if r.Candidates, err = Candidates(s.Rows, a.Metric); err != nil {
		return Report{}, err
	}
	for _, c := range r.Candidates {
		if c.Frontier {
			r.Frontier = append(r.Frontier, c)
		}
	}
	if a.Reached {
		b := s.Brain(a)
		r.Brain = &b
	}
	for _, f := range s.Filters {
		for _, g := range f.Groups {
			if fit, ok := fitDecay(g.Mean); ok && f.Channels == 1 {
				r.Decay = append(r.Decay, GroupFit{f.Surrogate, g.Name, fit})
			}
		}
	}
	r.Study.Rows, r.Study.Examples, r.Study.Filters = sound(s.Rows), nil, nil
	return r, nil
}

// WriteJSON writes report.json.
func WriteJSON(path string, s *Study) error {
	r, err := NewReport(s)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("equivalence: %s: %w", path, err)
	}
	return write(path, append(b, '\n'))
}

// WriteCSV writes a line per trained surrogate, for pandas and spreadsheets. Measures that are not defined are
// empty.
func WriteCSV(path string, s *Study) error {
	metric, _ := s.question()
	all, err := Candidates(s.Rows, metric)
	if err != nil {
		return err
	}
	front := map[int]bool{}
	for _, c := range all {
		for _, i := range c.Rows {
			front[i] = c.Frontier
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"name", "family", "seed", "parameters", "synaptic", "core", "macs_per_ms", "state_per_ms", "receptive_field_ms",
		"auc", "auc_low", "auc_high", "average_precision", "tpr_at_0.25_percent", "tpr_at_1_percent", "f1_1ms", "f1_2ms", "f1_5ms",
		"rate_hz", "predicted_rate_hz", "voltage_rmse_mv", "explained_variance", "train_seconds", "steps", "bio_seconds", "frontier", "error"})
	number := func(x float64, defined bool) string {
		if !defined {
			return ""
		}
		return strconv.FormatFloat(x, 'g', 10, 64)
	}
	for i, r := range sound(s.Rows) {
		f, ok := r.Fidelity, r.Error == ""
		spikes, volts := ok && f.SpikesUndefined == "", ok && f.VoltageUndefined == ""
		line := []string{cell(r.Name), cell(r.Family), strconv.FormatUint(r.Seed, 10), strconv.Itoa(r.Parameters), strconv.Itoa(r.Synaptic),
			strconv.Itoa(r.Core), number(r.MACs, true), number(r.State, true), strconv.Itoa(r.ReceptiveField), number(f.AUC, spikes)}
		if in := f.AUCInterval; in != nil && spikes {
			line = append(line, number(in.Low, true), number(in.High, true))
		} else {
			line = append(line, "", "")
		}
		line = append(line, number(f.AveragePrecision, spikes))
		for n := range 2 {
			x := ""
			if n < len(f.Operating) {
				x = number(f.Operating[n].TruePositives, spikes)
			}
			line = append(line, x)
		}
		for n := range 3 {
			x := ""
			if n < len(f.F1) {
				x = number(f.F1[n].F1, ok && f.Spikes > 0)
			}
			line = append(line, x)
		}
		line = append(line, number(f.Rate, ok), number(f.PredictedRate, ok), number(f.RMSE, volts), number(f.ExplainedVariance, volts),
			number(r.TrainSeconds, true), strconv.Itoa(r.Steps), number(r.BioSeconds, true), strconv.FormatBool(front[i]), cell(r.Error))
		w.Write(line)
	}
	w.Flush()
	return write(path, b.Bytes())
}

// cell keeps a spreadsheet from taking a name for a formula.
func cell(s string) string {
	s = plot.Printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// WriteAll writes the report at path and, beside it under the same name, .json, .csv and .svg. It returns the
// files written.
func WriteAll(path string, s *Study) ([]string, error) {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	switch filepath.Ext(path) {
	case ".json", ".csv", ".svg":
		return nil, fmt.Errorf("equivalence: %s: the report is a page: give it a name that ends in .html; .json, .csv and .svg are written beside it", path)
	}
	var done []string
	for _, f := range []struct {
		path  string
		write func(string, *Study) error
	}{{path, WriteHTML}, {base + ".json", WriteJSON}, {base + ".csv", WriteCSV}, {base + ".svg", WriteSVG}} {
		if err := f.write(f.path, s); err != nil {
			return done, err
		}
		done = append(done, f.path)
	}
	return done, nil
}

func write(path string, b []byte) error {
	if err := atomicfile.WriteFile(path, b); err != nil {
		return fmt.Errorf("equivalence: %w", err)
	}
	return nil
}

// stamp is a time for report.json; the zero time is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
