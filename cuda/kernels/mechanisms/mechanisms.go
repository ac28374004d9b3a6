// Package mechanisms holds the ion channels, synapses and pools of cells with dendrites as kernel source: a header for each,
// listed in list.h, which the solver's loops include. What it exports is for tests and tools: each mechanism over a grid
// of voltages, in either precision.
package mechanisms

// #cgo CFLAGS: -O3 -ffast-math -I${SRCDIR}/..
// #cgo LDFLAGS: -lm
// #include "mechanisms.h"
// static void call_steady(const mechanisms_table *t, int m, const double *p, double dt, int n, const double *v, const double *ca, double *x) { t->steady(m, p, dt, n, v, ca, x); }
// static void call_advance(const mechanisms_table *t, int m, const double *p, double dt, int n, const double *v, const double *ca, double *x) { t->advance(m, p, dt, n, v, ca, x); }
// static void call_current(const mechanisms_table *t, int m, const double *p, double dt, int n, const double *v, const double *eca, const double *x, double *out) { t->current(m, p, dt, n, v, eca, x, out); }
// static void call_open(const mechanisms_table *t, int m, const double *p, double dt, int n, double w, double *x) { t->open(m, p, dt, n, w, x); }
// static void call_reversal(const mechanisms_table *t, int m, const double *p, double dt, int n, const double *ca, double *eca) { t->reversal(m, p, dt, n, ca, eca); }
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// Class says which functions a mechanism has: see list.h.
type Class int

const (
	Passive Class = iota
	Ohmic
	Calcium
	CalciumGated
	Pool
	Synapse
	Blocked
	DCaAP
)

// Mechanism is an entry of list.h.
type Mechanism struct {
	Name           string
	Class          Class
	States, Params int
	id             C.int
}

// All is list.h, in its order.
func All() []Mechanism {
	var first *C.mechanisms_entry
	n := int(C.mechanisms_list(&first))
	all := make([]Mechanism, n)
	for i, e := range unsafe.Slice(first, n) {
		all[i] = Mechanism{C.GoString(e.name), Class(e.class), int(e.states), int(e.params), C.int(i)}
	}
	return all
}

// Find is the mechanism of that name.
func Find(name string) (Mechanism, error) {
	all := All()
	i := slices.IndexFunc(all, func(m Mechanism) bool { return m.Name == name })
	if i < 0 {
		return Mechanism{}, fmt.Errorf("mechanisms: no mechanism %q", name)
	}
	return all[i], nil
}

// Grid is a mechanism with its parameters, at Step ms, over voltages and, where calcium acts, as many concentrations (mM).
type Grid struct {
	Mechanism
	Parameters []float64
	Step       float64
	Wide       bool      // float64
	V          []float64 // mV; taken as -150 below that, and as 100 above
	Ca         []float64 // [len(V)], for CalciumGated (mM) and Pool (its calcium current, nA); else nil
	Eca        []float64 // [len(V)], for Calcium (mV); else nil
}

func (g Grid) check(states []float64) error {
	n := len(g.V)
	for _, c := range []struct {
		what      string
		got, want int
		skip      bool
	}{
		{"parameters", len(g.Parameters), g.Params, false},
		{"values of Ca", len(g.Ca), n, g.Class != CalciumGated && g.Class != Pool},
		{"values of Eca", len(g.Eca), n, g.Class != Calcium},
		{"states", len(states), n * g.States, false},
	} {
		if !c.skip && c.got != c.want {
			return fmt.Errorf("mechanisms: %s: %d %s, want %d", g.Name, c.got, c.what, c.want)
		}
	}
	return nil
}

func (g Grid) table() *C.mechanisms_table {
	if g.Wide {
		return &C.mechanisms_f64
	}
	return &C.mechanisms_f32
}

func ptr(x []float64) *C.double { return (*C.double)(unsafe.SliceData(x)) }

// Steady is the state at the start, [States][len(V)].
func (g Grid) Steady() ([]float64, error) {
	x := make([]float64, g.States*len(g.V))
	if err := g.check(x); err != nil {
		return nil, err
	}
	C.call_steady(g.table(), g.id, ptr(g.Parameters), C.double(g.Step), C.int(len(g.V)), ptr(g.V), ptr(g.Ca), ptr(x))
	return x, nil
}

// Advance takes states [States][len(V)] a step further in place.
func (g Grid) Advance(x []float64) error {
	if err := g.check(x); err != nil {
		return err
	}
	C.call_advance(g.table(), g.id, ptr(g.Parameters), C.double(g.Step), C.int(len(g.V)), ptr(g.V), ptr(g.Ca), ptr(x))
	return nil
}

// Current is di/dv (uS), v di/dv - i (nA) and the calcium current (nA) at states x, [3][len(V)].
func (g Grid) Current(x []float64) ([]float64, error) {
	if err := g.check(x); err != nil {
		return nil, err
	}
	out := make([]float64, 3*len(g.V))
	C.call_current(g.table(), g.id, ptr(g.Parameters), C.double(g.Step), C.int(len(g.V)), ptr(g.V), ptr(g.Eca), ptr(x), ptr(out))
	return out, nil
}

// Open delivers an event of weight w (uS) to a synapse of states x in place.
func (g Grid) Open(w float64, x []float64) error {
	if err := g.check(x); err != nil {
		return err
	}
	C.call_open(g.table(), g.id, ptr(g.Parameters), C.double(g.Step), C.int(len(g.V)), C.double(w), ptr(x))
	return nil
}

// Reversal is the reversal potential (mV) that a pool of concentration Ca sets.
func (g Grid) Reversal() ([]float64, error) {
	if g.Class != Pool || len(g.Ca) != len(g.V) || len(g.Parameters) != g.Params {
		return nil, fmt.Errorf("mechanisms: %s: a reversal potential needs a pool, its parameters and a Ca for each V", g.Name)
	}
	e := make([]float64, len(g.V))
	C.call_reversal(g.table(), g.id, ptr(g.Parameters), C.double(g.Step), C.int(len(g.V)), ptr(g.Ca), ptr(e))
	return e, nil
}
