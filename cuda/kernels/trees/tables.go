package trees

// #include "trees.h"
// #include "tables.h"
import "C"

import (
	"fmt"
	"math"
)

// form says how a mechanism is computed from tables: its operation, and from which entry of its row on the rates depend.
type form struct{ op, rates int }

// forms are the mechanisms whose gates are all functions of the voltage, and whose current is a product of them.
var forms = map[string]form{
	"nats2": {C.TREES_M3H_T, 2}, "nata": {C.TREES_M3H_T, 2}, "nap": {C.TREES_M3H_T, 2},
	"k_tst": {C.TREES_M4H_T, 2}, "k_pst": {C.TREES_M2H_T, 2},
	"skv3_1": {C.TREES_M1_T, 2}, "im": {C.TREES_M1_T, 2}, "ih": {C.TREES_M1_T, 2},
	"hh":     {C.TREES_HH_T, 6},
	"ca_hva": {C.TREES_CALCIUM_T, 1}, "ca_lva": {C.TREES_CALCIUM_T, 1},
}

// maxTableError is how far a table may be from its function: of a gate's steady state, and relative of its rate. A
// steady state that is off by 2e-4 is that of a voltage a few microvolts away.
const maxTableError = 3e-4

// gateTable returns where the tables of a mechanism's gates begin, each its steady state and 1 - exp(-dt/tau); -1 where
// it has none.
func (m *maker) gateTable(name string, mech Mechanism, row []float64) int {
	f, ok := forms[name]
	if !ok || !m.tabled {
		return -1
	}
	key := fmt.Sprint(name, row[f.rates:])
	if at, ok := m.found[key]; ok {
		return at
	}
	// A gate's step is x + k (inf - x): from 0 it gives k inf, from 1 what 1 - k is left of the way.
	step := func(v float64) (inf, k []float64) {
		zero, one := make([]float64, mech.States), make([]float64, mech.States)
		for i := range one {
			one[i] = 1
		}
		mech.Advance(zero, v, 0, row, m.cell.Dt)
		mech.Advance(one, v, 0, row, m.cell.Dt)
		for i := range one {
			k = append(k, 1-(one[i]-zero[i]))
			inf = append(inf, zero[i]/k[i])
		}
		return inf, k
	}
	var made []float64
	worst := 0.0
	for g := range mech.States {
		for which := range 2 {
			table, err := fit(grid, func(v float64) float64 {
				inf, k := step(v)
				if which == 1 {
					return k[g]
				}
				return inf[g]
			}, which == 1)
			made = append(made, table...)
			worst = max(worst, err)
		}
	}
	return m.keep(key, made, worst)
}

// blockTable is gateTable for a synapse under a block: its slope and drive at an open conductance of 1.
func (m *maker) blockTable(name string, mech Mechanism, row []float64) int {
	if !m.tabled {
		return -1
	}
	key := fmt.Sprint(name, row)
	if at, ok := m.found[key]; ok {
		return at
	}
	open := make([]float64, mech.States)
	open[0] = 1
	slope, es := fit(grid, func(v float64) float64 { g, _, _ := mech.Currents(open, v, 0, row); return g }, false)
	drive, ed := fit(grid, func(v float64) float64 { _, ge, _ := mech.Currents(open, v, 0, row); return ge }, false)
	return m.keep(key, append(slope, drive...), max(es, ed/100)) // the drive in units of 100 mV
}

// The entries of the rows of a pool and of the potassium channel it opens (ca_pool.h, sk_e2.h).
const (
	poolMinimum, poolInitial, poolShare, poolDrive = 0, 1, 2, 3
	skG, skE, skShare                              = 0, 1, 2
)

// calciumLow is TREES_CALCIUM_LOW, which cgo would give with six decimals.
const calciumLow = 1.0 / (1 << 15)

// calciumTable returns where the tables of eca and of the steady state of sk_e2 begin, functions of the concentration; -1
// where the pool may leave their range at the low end.
func (m *maker) calciumTable(pool, sk []float64) int {
	if min(pool[poolMinimum], pool[poolInitial]) < calciumLow {
		return -1
	}
	p, k := m.known["ca_pool"], m.known["sk_e2"]
	key := fmt.Sprint("calcium", pool[poolDrive+1:p.Row])
	if at, ok := m.found[key]; ok {
		return at
	}
	// 0.01 mV of some 100 and a thousandth of the gate are the effect of a concentration off by as much
	eca, ee := fit(calciumGrid, func(ca float64) float64 { return p.Reversal(ca, pool) }, false)
	z, ez := fit(calciumGrid, func(ca float64) float64 { return k.Steady(m.cell.Voltage, ca, sk)[0] }, false)
	return m.keep(key, append(eca, z...), max(ee/100, ez))
}

// keep adds tables to the program where they fit.
func (m *maker) keep(key string, made []float64, worst float64) int {
	at := -1
	if worst <= maxTableError { // NaN does not
		at = len(m.tables)
		m.tables = append(m.tables, made...)
		m.program.Worst = max(m.program.Worst, worst)
	}
	m.found[key] = at
	return at
}

// A cell of a table is its centre and the range of the argument from there.
type cellRange struct{ centre, reach float64 }

// grid is the cells of a table of the voltage: positions within are -1/2 to 1/2 (lanes.h).
func grid(i int) (at cellRange, half float64) {
	return cellRange{C.TREES_LOW + C.TREES_CELL*(float64(i)+0.5), C.TREES_CELL}, 0.5
}

// calciumGrid is the cells of a table of calcium, two an octave: positions are those of the mantissa, -1/4 to 1/4.
func calciumGrid(i int) (at cellRange, half float64) {
	octave := calciumLow * math.Pow(2, float64(i/2))
	return cellRange{octave * (1.25 + 0.5*float64(i%2)), octave}, 0.25
}

// fit makes the table of a function, the cubic of each cell through its Chebyshev points, and returns how far it is off,
// relatively if asked.
func fit(grid func(i int) (cellRange, float64), f func(x float64) float64, relative bool) (table []float64, worst float64) {
	const cells = C.TREES_CELLS
	table = make([]float64, C.TREES_TABLE)
	for i := range cells {
		cell, half := grid(i)
		var x, y [4]float64
		for j := range x {
			x[j] = half * math.Cos(math.Pi*(2*float64(j)+1)/8)
			y[j] = f(cell.centre + cell.reach*x[j])
		}
		c := pack(cubic(x, y), x, y)
		for j := range C.TREES_TABLE / cells {
			table[j*cells+i] = c[j]
		}
		for u := -half; u <= half; u += half / 4 {
			want := f(cell.centre + cell.reach*u)
			e := math.Abs(((c[3]*u+c[2])*u+c[1])*u + c[0] - want)
			if relative {
				e /= math.Abs(want)
			}
			worst = math.Max(worst, e) // keeps NaN
		}
	}
	return table, worst
}

// pack fits the cubic c through y at Chebyshev points x into a table's three words, which it returns first: the last 16
// bits of the third, as a float, are the first 16 of the fourth. The line c[0], c[1] makes up for what both lose.
func pack(c, x, y [4]float64) [4]float64 {
	bits := math.Float32bits(float32(c[3]))
	last := (bits + 0x7fff + bits>>16&1) >> 16
	c[3] = float64(math.Float32frombits(last << 16))
	first, found := int64(math.Float32bits(float32(c[2]))>>16), c[2]
	best := math.Inf(1)
	for d := int64(-1); d <= 1; d++ {
		w := float64(math.Float32frombits(uint32(first+d)<<16 | last))
		if e := math.Abs(w - found); e < best {
			best, c[2] = e, w
		}
	}
	var mean, slope, squares float64
	for j := range x {
		r := y[j] - (c[3]*x[j]+c[2])*x[j]*x[j]
		mean, slope, squares = mean+r/4, slope+r*x[j], squares+x[j]*x[j]
	}
	c[0], c[1] = mean, slope/squares
	return c
}

// cubic returns the coefficients, lowest first, of the cubic through four points: Newton's divided differences,
// multiplied out.
func cubic(x, y [4]float64) (c [4]float64) {
	d := y
	for k := 1; k < 4; k++ {
		for i := 3; i >= k; i-- {
			d[i] = (d[i] - d[i-1]) / (x[i] - x[i-k])
		}
	}
	c[0] = d[3]
	for i := 2; i >= 0; i-- { // c = c (u - x[i]) + d[i]
		for k := 3; k > 0; k-- {
			c[k] = c[k-1] - x[i]*c[k]
		}
		c[0] = d[i] - x[i]*c[0]
	}
	return c
}
