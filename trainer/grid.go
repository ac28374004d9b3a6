package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"neq/surrogates"
)

// Entry is one item of the `surrogates:` section: a surrogate, or with a grid several.
type Entry struct {
	surrogates.Spec `yaml:",inline"`
	Grid            map[string][]any `yaml:"grid,omitempty" json:"grid,omitempty"`         // key of the surrogate, or training.KEY: values; every combination is a trial
	Seeds           int              `yaml:"seeds,omitempty" json:"seeds,omitempty"`       // trials of each, with seeds training.seed, +1, ...; default 1
	Training        map[string]any   `yaml:"training,omitempty" json:"training,omitempty"` // keys of training: that differ for this entry
}

// Trial is one fit of a sweep.
type Trial struct {
	Name   string // of its folder, unique in the sweep
	Title  string // its name as it was given; the same as Name where that is fit for a folder
	Spec   surrogates.Spec
	Config Config
}

// maxTrials bounds a sweep, so that a slip in a grid is an error and not a week.
const maxTrials = 10000

// Trials expands entries over a base configuration for data of so many inputs. Grid keys vary in alphabetical order, the
// last one fastest, seeds fastest of all. Errors name the entry and the key.
func Trials(entries []Entry, base Config, inputs int) ([]Trial, error) {
	if len(entries) == 0 {
		return nil, errors.New("surrogates: the list is empty: add at least one, such as {family: filter, window_ms: 80}")
	}
	var all []Trial
	taken := map[string]int{}
	for i, e := range entries {
		list, err := e.expand(base, maxTrials-len(all))
		if err != nil {
			return nil, fmt.Errorf("surrogates[%d]: %w", i, err)
		}
		for _, t := range list {
			if err := t.Spec.Validate(inputs); err != nil {
				return nil, fmt.Errorf("surrogates[%d]: %s", i, strings.TrimPrefix(err.Error(), "surrogates: "))
			}
			if err := t.Config.Validate(); err != nil {
				return nil, fmt.Errorf("surrogates[%d]: %w", i, err)
			}
			taken[t.Name]++
			if n := taken[t.Name]; n > 1 {
				t.Name = fmt.Sprintf("%s-%d", t.Name, n)
				taken[t.Name]++
				t.Title = fmt.Sprintf("%s-%d", t.Title, n)
			}
			t.Spec.Name = t.Title
			all = append(all, t)
		}
	}
	return all, nil
}

func (e *Entry) expand(base Config, room int) ([]Trial, error) {
	if e.Seeds < 0 {
		return nil, fmt.Errorf("seeds: %d, want 1 or more", e.Seeds)
	}
	for _, key := range slices.Sorted(maps.Keys(e.Training)) {
		if err := set(&base, key, e.Training[key]); err != nil {
			return nil, fmt.Errorf("training.%w", err)
		}
	}
	keys := slices.Sorted(maps.Keys(e.Grid))
	seeds := max(1, e.Seeds)
	total := seeds
	for _, k := range keys {
		if len(e.Grid[k]) == 0 {
			return nil, fmt.Errorf("grid.%s: no values", k)
		}
		if total *= len(e.Grid[k]); total > room {
			return nil, fmt.Errorf("grid: more than %d trials", maxTrials)
		}
	}
	if total > room {
		return nil, fmt.Errorf("seeds: more than %d trials", maxTrials)
	}
	var list []Trial
	for n := range total / seeds {
		t := Trial{Spec: e.Spec, Config: base}
		var named []string
		rest := n
		for i := len(keys) - 1; i >= 0; i-- { // the last key is the lowest digit
			k, values := keys[i], e.Grid[keys[i]]
			v := values[rest%len(values)]
			rest /= len(values)
			key, training := strings.CutPrefix(k, "training.")
			var err error
			if training {
				err = set(&t.Config, key, v)
			} else if k == "name" || k == "family" {
				err = fmt.Errorf("%s: it cannot vary in a grid: write another entry", k)
			} else {
				err = set(&t.Spec, k, v)
			}
			if err != nil {
				return nil, fmt.Errorf("grid.%w", err)
			}
			if training || e.Name != "" {
				named = append([]string{fmt.Sprintf("%s=%v", key, v)}, named...)
			}
		}
		title := strings.Join(append([]string{t.Spec.Title()}, named...), "-")
		for s := range seeds {
			one := t
			one.Name, one.Title = folderName(title), title
			if seeds > 1 {
				one.Config.Seed += uint64(s)
				seed := fmt.Sprintf("-seed%d", one.Config.Seed)
				one.Name, one.Title = one.Name+seed, title+seed
			}
			list = append(list, one)
		}
	}
	return list, nil
}

// set changes one key, "a" or "a.b", of a structure with JSON tags and leaves the rest. Unknown keys and values of
// another type are errors that begin with the key.
func set[T any](p *T, key string, value any) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	at, path := tree, strings.Split(key, ".")
	for _, k := range path[:len(path)-1] {
		next, ok := at[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[k] = next
		}
		at = next
	}
	merge(at, path[len(path)-1], value)
	if raw, err = json.Marshal(tree); err != nil {
		return fmt.Errorf("%s: %v is no value for it", key, value)
	}
	var out T
	d = json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("%s: %v is no value for it, want %s", key, value, kind.Type)
		}
		return fmt.Errorf("%s: there is no such key", key)
	}
	*p = out
	return nil
}

// merge sets a key, key by key where both sides are maps.
func merge(at map[string]any, key string, value any) {
	given, isMap := value.(map[string]any)
	have, both := at[key].(map[string]any)
	if !isMap || !both {
		at[key] = value
		return
	}
	for k, v := range given {
		merge(have, k, v)
	}
}

// folderName keeps what is safe in a file name everywhere.
func folderName(s string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._=+-", r):
			return r
		}
		return '-'
	}, s)
	if name = strings.TrimLeft(name, ".-"); name == "" {
		return "trial"
	}
	return name[:min(len(name), 120)]
}
