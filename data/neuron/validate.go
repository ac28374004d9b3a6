package neuron

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// KeyError is a configuration value that cannot be: Key is its path from the top of the configuration.
type KeyError struct {
	Key string
	Msg string
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Msg }

func keyError(key, format string, a ...any) error { return &KeyError{key, fmt.Sprintf(format, a...)} }

// override replaces defaults by what a user gave and checks names and ranges.
func override(p values, over map[string]float64, known []Parameter, key, owner string) error {
	names := make([]string, len(known))
	for i, q := range known {
		names[i] = q.Name
	}
	for _, k := range slices.Sorted(maps.Keys(over)) {
		i := slices.IndexFunc(known, func(q Parameter) bool { return q.Name == k })
		if i < 0 && len(names) == 0 {
			return keyError(key+"."+k, "%s has no parameters", owner)
		}
		if i < 0 {
			return keyError(key+"."+k, "%s has no such parameter%s: it has %s", owner, suggest(k, names), strings.Join(names, ", "))
		}
		if err := known[i].check(key, over[k]); err != nil {
			return err
		}
		p[k] = over[k]
	}
	return nil
}

// check says where a value leaves its range.
func (q Parameter) check(key string, v float64) error {
	unit := q.Unit
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return keyError(key+"."+q.Name, "%v is not a number", v)
	case q.Unit == "count" && v != math.Trunc(v):
		return keyError(key+"."+q.Name, "%v: want a whole number", v)
	case v < q.Min:
		return keyError(key+"."+q.Name, "%v is below %v%s, the least it may be (%s)", v, q.Min, unit, q.Doc)
	case v > q.Max:
		return keyError(key+"."+q.Name, "%v is above %v%s, the most it may be (%s)", v, q.Max, unit, q.Doc)
	}
	return nil
}

// suggest returns ` (did you mean "x"?)` for the known name nearest in edits, or nothing when none is near.
func suggest(name string, known []string) string {
	best, least := "", 1+len(name)/2
	for _, k := range known {
		d := edits(name, k)
		if strings.HasPrefix(k, name) && name != "" {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
