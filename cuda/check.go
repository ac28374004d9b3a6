package cuda

import (
	"context"
	"fmt"
	"math"
)

// Check runs a few hundred steps of Hodgkin-Huxley cells and of cells with dendrites, under synaptic events and a
// current, on a device and on the CPU, and says where they differ: a GPU is believed after it has shown that it computes,
// with every kernel that it may take. Nineteen voltages in twenty agree to 0.2 mV and all to 5: in the steepest part of a
// spike (some 400 mV/ms) shifts by half a microsecond and by 12; a wrong kernel is off by tens.
func Check(ctx context.Context, d Device) error {
	cpu, err := NewCPU(CPUOptions{Threads: 1})
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := checkAgainst(ctx, cpu, d, checkPoint(), "cell"); err != nil {
		return err
	}
	gpu, ok := d.(*gpuDevice)
	if !ok {
		return checkAgainst(ctx, cpu, d, checkTree(Euler), "cell with dendrites")
	}
	chosen := gpu.trees
	defer func() { gpu.trees = chosen }()
	for _, gpu.trees = range []TreeKernel{TreeThread, TreeBlock, TreeBlockFar} {
		for _, solver := range []Solver{Euler, TwoStage} {
			if err := checkAgainst(ctx, cpu, d, checkTree(solver), fmt.Sprintf("cell with dendrites (%v, %v)", gpu.trees, solver)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPoint is a Hodgkin-Huxley cell.
func checkPoint() *Program {
	return &Program{Kernel: "hh", Dt: 0.025, Params: []float64{120, 36, 0.3, 50, -77, -54.3, 1}, States: []string{"v", "m", "h", "n"},
		Initial: []float64{-65, 0.0529, 0.596, 0.3177}, Threshold: 0,
		Receptors: []Receptor{{Kind: Conductance, Rise: 0.2, Decay: 2, Reversal: 0}, {Kind: Blocked, Rise: 2, Decay: 65, Reversal: 0, Magnesium: 1, Slope: 0.062}}}
}

// checkTree is a soma of 500 um2 with two dendrites of six segments, one of which ends in a fork, and mechanisms of every
// class but dcaap, whose trigger is all or nothing.
func checkTree(solver Solver) *Program {
	t := &Tree{Voltage: -70, Sites: []Site{{Node: 0, Instance: -1}, {Node: 7, Instance: -1}}}
	for i := range 14 {
		parent := int32(i - 1)
		if i == 7 || i == 13 {
			parent = map[int]int32{7: 0, 13: 5}[i]
		}
		area, axial := 100.0, 0.02
		if i == 0 {
			area = 500
		}
		t.Parent, t.Axial = append(t.Parent, parent), append(t.Axial, axial)
		t.Area, t.Capacity = append(t.Area, area), append(t.Capacity, 1e-5*area)
		add := func(name string, params ...float64) int32 {
			t.Instances = append(t.Instances, Instance{name, int32(i), params})
			return int32(len(t.Instances) - 1)
		}
		g := func(density float64) float64 { return density * area * 1e-2 }
		add("pas", g(1e-4), -75)
		if i == 0 {
			add("ca_pool", 0.0005, 80, 0.1, 1e-4, 5e-5, 2, 34, area)
			add("nats2", g(2), 50)
			add("skv3_1", g(0.7), -85)
			add("sk_e2", g(0.04), -85)
			add("ca_hva", g(0.001))
			add("ca_lva", g(0.003))
			continue
		}
		add("ih", g(2e-4), -45)
		ampa, nmda := add("exp2", 0.3, 3, 0), add("nmda", 2, 70, 0, 1, 0.08, 3.57)
		t.Receptors = append(t.Receptors, Drives{{ampa, 1}, {nmda, 1}}, Drives{{add("exp2", 1, 20, -86), 1}})
	}
	return &Program{Dt: 0.025, Solver: solver, Threshold: 0, States: []string{"v", "v@7"}, Tree: t}
}

// checkAgainst runs a program on both devices.
func checkAgainst(ctx context.Context, cpu, d Device, p *Program, what string) error {
	const lanes, steps, every = 40, 800, 40 // 20 ms
	batch := func() *Batch {
		b := &Batch{Lanes: lanes, Steps: steps, Every: every, Record: []int{0, 1}, Events: Events{Offset: []int64{0}}}
		b.Current = []Current{{From: 200, To: 600}}
		for l := range lanes {
			for e := range 5 {
				b.Events.Step = append(b.Events.Step, int32(37*l%100+150*e))
				receptor, weight := (l+e)%2, 0.02*float32(l%8) // 1/ms
				if p.Tree != nil {
					receptor, weight = (7*l+5*e)%p.receptors(), 1e-3*float32(l%8) // uS
				}
				b.Events.Receptor, b.Events.Weight = append(b.Events.Receptor, uint16(receptor)), append(b.Events.Weight, weight)
			}
			b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
			amp := float32(l%5) * 3 // mV/ms
			if p.Tree != nil {
				amp *= 0.03 // nA
			}
			b.Current[0].Amp = append(b.Current[0].Amp, amp)
		}
		return b
	}
	want, got := batch(), batch()
	if err := cpu.Run(ctx, p, want); err != nil {
		return err
	}
	if err := d.Run(ctx, p, got); err != nil {
		return err
	}
	off := 0
	for i, v := range want.Trace[0] {
		x := got.Trace[0][i]
		if !(math.Abs(float64(x-v)) <= 0.2) {
			off++
		}
		if !(math.Abs(float64(x-v)) <= 5) || off > lanes*steps/every/20 {
			return fmt.Errorf("cuda: %s computes %g mV for %s %d after %d ms where the CPU has %g: use --device cpu", d.Name(), x, what, i/(steps/every), i%(steps/every), v)
		}
	}
	if len(got.SpikeTime) != len(want.SpikeTime) {
		return fmt.Errorf("cuda: %s computes %d spikes of %ss where the CPU has %d: use --device cpu", d.Name(), len(got.SpikeTime), what, len(want.SpikeTime))
	}
	return nil
}
