package trees

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"testing"
	"time"

	"neq/cuda/kernels/cells"
)

// spread gives every segment an AMPA and NMDA synapse opened by one receptor, and a GABA_A synapse opened by another.
func spread(c *Cell, node int32) {
	n := int32(len(c.Instances))
	c.Instances = append(c.Instances, Instance{"exp2", node, []float64{0.3, 3, 0}},
		Instance{"nmda", node, []float64{2, 70, 0, 1, 0.08, 3.57}}, Instance{"exp2", node, []float64{0.2, 8, -80}})
	c.Receptors = append(c.Receptors, []Drive{{n, 1}, {n + 1, 1}}, []Drive{{n + 2, 1}})
}

// cable is a soma of 20 um and n-1 segments of a dendrite of 1000 x 2 um: with synapses, or with HH everywhere.
func cable(n int, synapses, active bool) *Cell {
	c := &Cell{Dt: 0.025, Voltage: -65, Threshold: -20, Every: 40}
	hh := func(node int32, area float64) {
		c.Instances = append(c.Instances, Instance{"hh", node, []float64{0.12e-2 * area, 0.036e-2 * area, 0.0003e-2 * area, 50, -77, -54.3, 6.3}})
	}
	length := 1000 / float64(n-1)
	for i := range n {
		area := math.Pi * 2 * length
		ri := 100 * length / math.Pi * 1e-2
		if i == 0 {
			area = math.Pi * 20 * 20
		}
		if i == 1 {
			ri = ri/2 + 100*10/(math.Pi*100)*1e-2
		}
		c.Parent = append(c.Parent, int32(i-1))
		c.Axial = append(c.Axial, 1/ri)
		c.Capacity = append(c.Capacity, 1e-5*area)
		if i == 0 || active {
			hh(int32(i), area)
		} else {
			c.Instances = append(c.Instances, Instance{"pas", int32(i), []float64{1e-6 * area, -65}})
		}
		if i > 0 && synapses {
			spread(c, int32(i))
		}
	}
	return c
}

// l5 is the layer-5 pyramidal cell of the reference; nil where that is absent.
func l5(tb testing.TB) *Cell {
	dir := os.Getenv("NEQ_REFERENCE")
	if dir == "" {
		dir = "../../../../shared/reference"
	}
	f, err := os.Open(filepath.Join(dir, "l5pc", "segments.csv"))
	if err != nil {
		tb.Skip("reference data: set NEQ_REFERENCE to the folder that has l5pc/segments.csv")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	rows = rows[1:]
	num := func(r []string, name string) float64 {
		x, err := strconv.ParseFloat(r[column[name]], 64)
		if err != nil {
			tb.Fatal(err)
		}
		return x
	}
	c := &Cell{Dt: 0.025, Voltage: -76, Threshold: -20, Every: 40}
	type density struct {
		name string
		g, e float64
	}
	channels := map[string][]density{
		"soma": {{"nats2", 0.998912, 50}, {"skv3_1", 0.338029, -85}, {"sk_e2", 0.09965, -85}, {"im", 0.000008, -85}, {"ca_hva", 0.000644, 0}},
		"axon": {{"nata", 3.89618, 50}, {"nap", 0.005834, 50}, {"k_tst", 0.077274, -85}, {"k_pst", 0.188851, -85},
			{"skv3_1", 0.473799, -85}, {"sk_e2", 0.000047, -85}, {"im", 0.013322, -85}, {"ca_hva", 0.000222, 0}},
		"apical": {{"nats2", 0.021489, 50}, {"skv3_1", 0.001808, -85}, {"sk_e2", 0.000002, -85}, {"im", 0.00099, -85}, {"ca_hva", 0.000701, 0}},
	}
	pools := map[string][2]float64{"soma": {0.000509, 294.679571}, "axon": {0.000525, 277.300774}, "apical": {0.000637, 35.725651}}
	var nodeOf []int32 // of each segment
	end := map[int]int32{}
	node := func(parent int32, ri, capacity float64) int32 {
		c.Parent = append(c.Parent, parent)
		g := 0.0
		if parent >= 0 {
			g = 1 / ri
		}
		c.Axial = append(c.Axial, g)
		c.Capacity = append(c.Capacity, capacity)
		return int32(len(c.Parent) - 1)
	}
	for i, r := range rows {
		parent := int32(-1)
		if p := int(num(r, "parent_index")); p >= 0 {
			parent = nodeOf[p]
			sameSection := rows[p][column["section"]] == r[column["section"]] && rows[p][column["region"]] == r[column["region"]]
			if !sameSection && num(r, "attach_x") == 1 {
				if _, ok := end[p]; !ok {
					end[p] = node(parent, num(rows[p], "ri_end_mohm"), 0)
				}
				parent = end[p]
			}
		}
		area := num(r, "area_um2")
		at := node(parent, num(r, "ri_mohm"), num(r, "cm_uF_cm2")*1e-5*area)
		nodeOf = append(nodeOf, at)
		region := r[column["region"]]
		add := func(name string, p ...float64) { c.Instances = append(c.Instances, Instance{name, at, p}) }
		g := func(s float64) float64 { return s * area * 1e-2 }
		add("pas", g(num(r, "g_pas_S_cm2")), -90)
		add("ih", g(num(r, "g_Ih_S_cm2")), -45)
		for _, d := range channels[region] {
			if d.name == "ca_hva" {
				add("ca_hva", g(d.g))
				add("ca_lva", g(num(r, "g_CaLVA_S_cm2")))
				continue
			}
			add(d.name, g(d.g), d.e)
		}
		if p, ok := pools[region]; ok {
			add("ca_pool", p[0], p[1], 0.1, 1e-4, 5e-5, 2, 6.3, area)
		}
		if i > 2 {
			spread(c, at)
		}
	}
	return c
}

// poisson draws the events of some lanes: excitatory and inhibitory rates (Hz), peaks (uS).
func poisson(lanes, pairs int, dt, T, exc, inh, gExc, gInh float64) ([]int64, cells.Events) {
	r := rand.New(rand.NewPCG(1, 2))
	offset := []int64{0}
	var ev cells.Events
	for range lanes {
		type one struct {
			step int32
			rec  uint16
		}
		var all []one
		for s := range 2 * pairs {
			rate := []float64{exc, inh}[s%2] / 1000
			for t := r.ExpFloat64() / rate; t < T; t += r.ExpFloat64() / rate {
				all = append(all, one{int32(math.Floor(t) / dt), uint16(s)})
			}
		}
		sort.SliceStable(all, func(i, j int) bool { return all[i].step < all[j].step })
		for _, e := range all {
			ev.Step, ev.Receptor = append(ev.Step, e.step), append(ev.Receptor, e.rec)
			ev.Weight = append(ev.Weight, float32([]float64{gExc, gInh}[e.rec%2]))
		}
		offset = append(offset, int64(len(ev.Step)))
	}
	return offset, ev
}

// cpuTime is what the process has used, since others share the machine.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}

// TestRate measures segment-steps a second on one core where NEQ_RATE is set to how many ms of biology to run; NEQ_SOLVER
// is euler, staggered or two-stage.
func TestRate(t *testing.T) {
	T, err := strconv.ParseFloat(os.Getenv("NEQ_RATE"), 64)
	if err != nil {
		t.Skip("set NEQ_RATE to the ms of biology to measure over")
	}
	isa, _ := cells.FindISA(os.Getenv("NEQ_ISA"))
	for _, k := range []struct {
		name     string
		cell     *Cell
		segments int
		pairs    int
		inject   float32
	}{
		{"ball-and-stick", cable(640, true, false), 640, 639, 0},
		{"hh", cable(640, false, true), 640, 0, 0.5},
		{"l5", l5(t), 642, 639, 0},
	} {
		if only := os.Getenv("NEQ_ONLY"); only != "" && only != k.name {
			continue
		}
		for _, dt := range []float64{0.025, 0.1} {
			k.cell.Dt, k.cell.Every = dt, int(math.Round(1/dt))
			k.cell.Direct = os.Getenv("NEQ_DIRECT") != ""
			solver := os.Getenv("NEQ_SOLVER")
			k.cell.TwoStage = solver == "two-stage"
			k.cell.Staggered = k.cell.TwoStage || solver == "staggered"
			k.cell.Wide = os.Getenv("NEQ_WIDE") != ""
			k.cell.Record = []Site{{0, -1, 0}}
			began := time.Now()
			p, err := NewProgram(k.cell, isa)
			if err != nil {
				t.Fatal(err)
			}
			compiled := time.Since(began)
			for _, vectors := range []int{1, 2, 4} {
				steps := int(math.Round(T / dt))
				b, err := NewBlock(p, vectors, steps)
				if err != nil {
					t.Fatal(err)
				}
				offset, ev := poisson(b.Lanes, k.pairs, dt, T, 12, 9.5, 4e-4, 1e-3)
				b.Reset(offset)
				amp := Current{Node: 0}
				for l := range amp.Amp {
					amp.Amp[l] = k.inject
				}
				best := 0.0
				spikes := 0
				for range 2 {
					b.Reset(offset)
					spikes = 0
					began := cpuTime()
					for s := 0; s < steps; {
						done, _, err := b.Run(s, steps, offset, ev, []Current{amp, {Node: -1}})
						if err != nil {
							t.Fatal(err)
						}
						spikes += len(b.Spikes())
						s = done
					}
					rate := float64(k.segments) * float64(b.Lanes) * float64(steps) / (cpuTime() - began).Seconds()
					best = max(best, rate)
				}
				fmt.Printf("%-14s %s dt %.3f %2d lanes: %.3g segment-steps/s, %.0f KB, tables %d worst %.1e, compile %v, %.2f spikes/lane/s, finite %d\n", k.name, isa.Name, dt,
					b.Lanes, best, float64(b.Lanes*p.Bytes())/1024, p.Tabled, p.Worst, compiled.Round(time.Millisecond), float64(spikes)/float64(b.Lanes)/T*1000, b.NotFinite(b.Lanes))
				b.Free()
			}
			p.Free()
		}
	}
}
