package traces

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Mismatch is a folder that holds a data set of another configuration.
type Mismatch struct {
	Dir   string
	Key   string // the first that differs: "neuron.parameters.tau_ms"
	There string // its value in the folder, as JSON; "absent"
	Here  string // its value in what was asked for

	merging bool
	what    string // the folder holds; "" a data set of another configuration
}

func (m *Mismatch) Error() string {
	if m.merging {
		return fmt.Sprintf("traces: %s is no part of this data set: %s is %s there and %s here",
			m.Dir, m.Key, m.There, m.Here)
	}
	what := m.what
	if what == "" {
		what = "a data set of another configuration"
	}
	return fmt.Sprintf("traces: %s holds %s: %s is %s there and %s here: "+
		"change it back, choose another folder, or give --overwrite", m.Dir, what, m.Key, m.There, m.Here)
}

// plain turns a value into what encoding/json makes of it, numbers as written.
func plain(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, decodeJSON(b, &out)
}

// compare returns a *Mismatch where two data sets could not be one: in their configuration or in any other field but
// Version and Device.
func compare(dir string, there, here Info) error {
	a, err := plain(there)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	b, err := plain(here)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	x, y := a.(map[string]any), b.(map[string]any)
	cx, cy := x["configuration"], y["configuration"]
	for _, k := range []string{"configuration", "version", "device"} {
		delete(x, k)
		delete(y, k)
	}
	for _, pair := range [][2]any{{cx, cy}, {x, y}} {
		if key, va, vb, ok := difference("", pair[0], pair[1]); ok {
			return &Mismatch{Dir: dir, Key: key, There: va, Here: vb}
		}
	}
	return nil
}

// difference finds the first key, in sorted order, whose values differ. An absent list or map equals an empty one.
func difference(key string, a, b any) (at, va, vb string, differs bool) {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok || aok && b == nil || bok && a == nil {
		keys := map[string]bool{}
		for k := range am {
			keys[k] = true
		}
		for k := range bm {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			name := k
			if key != "" {
				name = key + "." + k
			}
			if at, va, vb, differs = difference(name, am[k], bm[k]); differs {
				return
			}
		}
		return
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if aok && bok || aok && b == nil || bok && a == nil {
		for i := range max(len(al), len(bl)) {
			var x, y any
			if i < len(al) {
				x = al[i]
			}
			if i < len(bl) {
				y = bl[i]
			}
			if at, va, vb, differs = difference(key+"["+strconv.Itoa(i)+"]", x, y); differs {
				return
			}
		}
		return
	}
	if a, b := show(a), show(b); a != b {
		return key, a, b, true
	}
	return
}

func show(v any) string {
	if v == nil {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 200 {
		b = append(b[:200], "..."...)
	}
	return string(b)
}
