package cuda

import (
	"context"
	"fmt"
	"math"
)

// Check runs a few hundred steps of Hodgkin-Huxley cells under synaptic events and a current on a device and on the
// CPU, and says where they differ: a GPU is believed after it has shown that it computes. Voltages agree to 0.2 mV,
// in the steepest part of a spike (some 400 mV/ms) a shift by half a microsecond; a wrong kernel is off by tens.
func Check(ctx context.Context, d Device) error {
	const lanes, steps, every = 40, 800, 40 // 20 ms
	p := &Program{Kernel: "hh", Dt: 0.025, Params: []float64{120, 36, 0.3, 50, -77, -54.3, 1}, States: []string{"v", "m", "h", "n"},
		Initial: []float64{-65, 0.0529, 0.596, 0.3177}, Threshold: 0,
		Receptors: []Receptor{{Kind: Conductance, Rise: 0.2, Decay: 2, Reversal: 0}, {Kind: Blocked, Rise: 2, Decay: 65, Reversal: 0, Magnesium: 1, Slope: 0.062}}}
	batch := func() *Batch {
		b := &Batch{Lanes: lanes, Steps: steps, Every: every, Record: []int{0}, Events: Events{Offset: []int64{0}}}
		b.Current = []Current{{From: 200, To: 600}}
		for l := range lanes {
			for e := range 5 {
				b.Events.Step = append(b.Events.Step, int32(37*l%100+150*e))
				b.Events.Receptor = append(b.Events.Receptor, uint16((l+e)%2))
				b.Events.Weight = append(b.Events.Weight, 0.02*float32(l%8))
			}
			b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
			b.Current[0].Amp = append(b.Current[0].Amp, float32(l%5)*3)
		}
		return b
	}
	cpu, err := NewCPU(CPUOptions{Threads: 1})
	if err != nil {
		return err
	}
	defer cpu.Close()
	want, got := batch(), batch()
	if err := cpu.Run(ctx, p, want); err != nil {
		return err
	}
	if err := d.Run(ctx, p, got); err != nil {
		return err
	}
	for i, v := range want.Trace[0] {
		if x := got.Trace[0][i]; !(math.Abs(float64(x-v)) <= 0.2) {
			return fmt.Errorf("cuda: %s computes %g mV for cell %d after %d ms where the CPU has %g: use --device cpu", d.Name(), x, i/(steps/every), i%(steps/every), v)
		}
	}
	if len(got.SpikeTime) != len(want.SpikeTime) {
		return fmt.Errorf("cuda: %s computes %d spikes where the CPU has %d: use --device cpu", d.Name(), len(got.SpikeTime), len(want.SpikeTime))
	}
	return nil
}
