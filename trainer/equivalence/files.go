package equivalence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"neq/internal/atomicfile"
)

// WriteStudyHeader writes dir/study.json: the study without its rows, examples and filters, which are files
// of their own.
func WriteStudyHeader(dir string, s Study) error {
	s.Rows, s.Examples, s.Filters = nil, nil, nil
	return writeJSON(filepath.Join(dir, "study.json"), s)
}

// WriteRow writes trialDir/row.json. A row without Error must have a finite fidelity.
func WriteRow(trialDir string, r Row) error { return writeJSON(filepath.Join(trialDir, "row.json"), r) }

// WriteExample writes trialDir/example.json.
func WriteExample(trialDir string, e Example) error {
	return writeJSON(filepath.Join(trialDir, "example.json"), e)
}

// WriteFilters writes trialDir/filters.json.
func WriteFilters(trialDir string, f Filters) error {
	return writeJSON(filepath.Join(trialDir, "filters.json"), f)
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if _, arrays := v.(Example); err == nil && !arrays {
		var indented bytes.Buffer
		err = json.Indent(&indented, b, "", " ")
		b = indented.Bytes()
	}
	if err != nil {
		return fmt.Errorf("equivalence: %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("equivalence: %w", err)
	}
	if err := atomicfile.WriteFile(path, append(b, '\n')); err != nil {
		return fmt.Errorf("equivalence: %w", err)
	}
	return nil
}

// LoadStudy reads the folder of a sweep. Trials without a row (not trained yet) are left out; a sweep
// without any row is an error.
func LoadStudy(dir string) (*Study, error) {
	s := &Study{}
	if err := readJSON(filepath.Join(dir, "study.json"), s); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("equivalence: %s holds no study.json: is it the folder of a sweep?", dir)
		}
		return nil, err
	}
	s.Rows, s.Examples, s.Filters = nil, nil, nil
	entries, err := os.ReadDir(filepath.Join(dir, "trials"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("equivalence: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || s.Trials != nil && !slices.Contains(s.Trials, e.Name()) {
			continue
		}
		if err := s.loadTrial(filepath.Join(dir, "trials", e.Name()), e.Name()); err != nil {
			return nil, err
		}
	}
	if len(s.Rows) == 0 {
		return nil, fmt.Errorf("equivalence: no surrogate in %s is trained yet: run \"neq sweep --resume\"", dir)
	}
	sort.SliceStable(s.Rows, func(i, j int) bool { return s.Rows[i].Parameters < s.Rows[j].Parameters })
	return s, nil
}

func (s *Study) loadTrial(dir, name string) error {
	row, example, filters := Row{}, Example{}, Filters{}
	for _, f := range []struct {
		file string
		into any
		keep func()
	}{
		{"row.json", &row, func() { row.Trial = name; s.Rows = append(s.Rows, row) }},
		{"example.json", &example, func() { example.Trial = name; s.Examples = append(s.Examples, example) }},
		{"filters.json", &filters, func() { filters.Trial = name; s.Filters = append(s.Filters, filters) }},
	} {
		err := readJSON(filepath.Join(dir, f.file), f.into)
		if errors.Is(err, fs.ErrNotExist) {
			if f.file == "row.json" {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		f.keep()
	}
	return s.check(dir, row, example, filters)
}

// check refuses what a report could not be drawn from.
func (s *Study) check(dir string, r Row, e Example, f Filters) error {
	bad := func(file, format string, a ...any) error {
		return fmt.Errorf("equivalence: %s: "+format, append([]any{filepath.Join(dir, file)}, a...)...)
	}
	if r.Parameters < 0 || r.Synaptic < 0 || r.Core < 0 {
		return bad("row.json", "parameters %d (synaptic %d, core %d) below 0", r.Parameters, r.Synaptic, r.Core)
	}
	if r.Error == "" && r.Parameters == 0 {
		return bad("row.json", "no parameters")
	}
	if err := e.check(); err != nil {
		return bad("example.json", "%w", err)
	}
	if err := f.check(); err != nil {
		return bad("filters.json", "%w", err)
	}
	return nil
}

func (e Example) check() error {
	if n := len(e.V); len(e.PredictedV) != 0 && len(e.PredictedV) != n || len(e.Probability) != 0 && len(e.Probability) != n {
		return fmt.Errorf("v_mv, predicted_v_mv and probability differ in length: %d, %d, %d", n, len(e.PredictedV), len(e.Probability))
	}
	for _, g := range e.Inputs {
		if len(g.Time) != len(g.Synapse) {
			return fmt.Errorf("group %q: %d times but %d synapses", g.Name, len(g.Time), len(g.Synapse))
		}
	}
	return nil
}

func (f Filters) check() error {
	for _, g := range f.Groups {
		if len(g.Mean) == 0 || len(g.Spread) != 0 && len(g.Spread) != len(g.Mean) {
			return fmt.Errorf("group %q: %d means but %d spreads", g.Name, len(g.Mean), len(g.Spread))
		}
	}
	return nil
}

func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("equivalence: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("equivalence: %s: %w: remove it and run \"neq sweep --resume\"", path, err)
	}
	return nil
}
