//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package gpu

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
	"neq/internal/philox"
)

// trees are cells with dendrites, at the steps that peers are quoted at.
var trees = []struct {
	name string
	cfg  neuron.Config
	o    neuron.Options
	rate float64 // events per ms of all synapses
}{
	{"ball-and-stick-640", neuron.Config{Model: "ball-and-stick", Parameters: map[string]float64{"segments": 639, "length_um": 6000}}, neuron.Options{Dt: 0.025}, 6},
	{"hh-640", neuron.Config{Model: "ball-and-stick", Set: "active", Parameters: map[string]float64{"segments": 639, "length_um": 6000}}, neuron.Options{Dt: 0.025}, 6},
	{"l5pc", neuron.Config{Model: "l5pc"}, neuron.Options{Dt: 0.025}, 4},
	{"l5pc-two-stage", neuron.Config{Model: "l5pc"}, neuron.Options{Dt: 0.025, Solver: cuda.TwoStage}, 4},
}

// tree is lanes from first on of a cell, with events at random synapses and a current into the soma.
func tree(t testing.TB, i, first, lanes, ms int) (*neuron.Cell, *cuda.Batch) {
	t.Helper()
	c := trees[i]
	cell, err := neuron.Compile(c.cfg, c.o)
	if err != nil {
		t.Fatal(err)
	}
	dt := cell.Program.Dt
	every := int(1/dt + 0.5)
	b := &cuda.Batch{Lanes: lanes, Steps: ms * every, Every: every, Record: []int{0}, Events: cuda.Events{Offset: []int64{0}}}
	amp := make([]float32, lanes)
	for l := range lanes {
		s := philox.New(2, uint64(first+l), 0)
		for at := 0.0; ; {
			at -= math.Log(s.Float64()) / c.rate
			step := int(at / dt)
			if step >= b.Steps {
				break
			}
			x := cell.Synapses[s.Intn(len(cell.Synapses))]
			b.Events.Step, b.Events.Receptor, b.Events.Weight = append(b.Events.Step, int32(step)), append(b.Events.Receptor, x.Receptor), append(b.Events.Weight, x.Device)
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
		amp[l] = float32((0.8 + 0.4*s.Float64()) * cell.CurrentScale)
	}
	b.Current = []cuda.Current{{From: 0, To: int32(b.Steps), Amp: amp}}
	return cell, b
}

// openTrees is the first GPU with a kernel for trees; a test without one skips.
func openTrees(t testing.TB, which cuda.TreeKernel) cuda.Device {
	t.Helper()
	d, err := cuda.NewGPU(context.Background(), cuda.GPUOptions{Trees: which})
	if err != nil {
		t.Skipf("needs a GPU: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

var treeKernels = []cuda.TreeKernel{cuda.TreeThread, cuda.TreeBlock, cuda.TreeBlockFar}

// TestGPUTreesAgreeWithCPU: as TestGPUAgreesWithCPU, with the CPU's plain build, which takes the mechanisms' own source as
// the GPU does, and twice as many lanes that may gain or lose a spike: a dendrite has near misses of its own.
func TestGPUTreesAgreeWithCPU(t *testing.T) {
	lanes, ms := 100, 100
	if testing.Short() {
		lanes, ms = 3, 4
	}
	cpu, err := cuda.NewCPU(cuda.CPUOptions{ISA: "portable"})
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	for i, c := range trees {
		cell, want := tree(t, i, 0, lanes, ms)
		run(t, cpu, cell, want)
		if len(want.SpikeTime) < lanes/2 && !testing.Short() {
			t.Errorf("%s: %d spikes in %d lanes: the case does not fire", c.name, len(want.SpikeTime), lanes)
		}
		for _, which := range treeKernels {
			t.Run(c.name+"/"+which.String(), func(t *testing.T) {
				d := openTrees(t, which)
				_, got := tree(t, i, 0, lanes, ms)
				run(t, d, cell, got)
				bad, worst, off, records := 0, 0.0, 0, 0
				for l := range lanes {
					w := apart(spikes(got, l), spikes(want, l))
					if w > 0.1 {
						bad++
						continue
					}
					worst = max(worst, w)
					for k := l * ms; k < (l+1)*ms; k++ {
						records++
						if !(math.Abs(float64(got.Trace[0][k]-want.Trace[0][k])) <= 0.1) { // NaN counts
							off++
						}
					}
				}
				t.Logf("%s, %v: %d spikes; %d of %d lanes differ by more than 0.1 ms, the others by %.4f ms at most; %d of %d voltages by more than 0.1 mV",
					c.name, which, len(want.SpikeTime), bad, lanes, worst, off, records)
				if bad > lanes/50 || off > records/100 {
					t.Errorf("%d of %d lanes, %d of %d voltages: want at most %d and %d", bad, lanes, off, records, lanes/50, records/100)
				}
				_, some := tree(t, i, 1, 2, ms)
				run(t, d, cell, some)
				if !slices.Equal(got.Trace[0][ms:3*ms], some.Trace[0]) {
					t.Error("voltages depend on the batch")
				}
			})
		}
	}
}

// BenchmarkGPUTrees measures segment-steps per second of wall time with events sent and traces and spikes back, beside
// two figures that are not measured: with a thread a cell, what the bandwidth of an H100 allows (3.35e12 bytes/s over the
// bytes of a step); with a block a cell, the estimate that the rule of cuda/gpu_tree_rule.go goes by. Peers, on other
// GPUs: Jaxley 9.2e8 compartment-steps/s of Hodgkin-Huxley, CoreNEURON 7.4e8, DeepDendrite 9.7e9 for the solve alone.
func BenchmarkGPUTrees(b *testing.B) {
	for i, c := range trees {
		for _, which := range treeKernels[:2] {
			b.Run(fmt.Sprintf("%s/%s", c.name, map[cuda.TreeKernel]string{cuda.TreeThread: "thread", cuda.TreeBlock: "block"}[which]), func(b *testing.B) {
				lanes, ms := 1<<12, 20
				if which == cuda.TreeThread {
					lanes = 1 << 16
				}
				if testing.Short() {
					lanes, ms = 1<<3, 2
				}
				d := openTrees(b, which)
				const distinct = 1 << 3
				cell, bt := tree(b, i, 0, distinct, ms)
				repeat(bt, lanes/distinct)
				run(b, d, cell, bt) // takes memory, compiles
				for b.Loop() {
					run(b, d, cell, bt)
				}
				segments := 0
				for _, area := range cell.Program.Tree.Area {
					if area > 0 {
						segments++
					}
				}
				cost, err := cuda.CostOfTree(&cell.Program)
				if err != nil {
					b.Fatal(err)
				}
				bound := map[cuda.TreeKernel]float64{cuda.TreeThread: cost.Thread, cuda.TreeBlock: cost.Block}[which]
				b.ReportMetric(float64(lanes)*float64(bt.Steps)*float64(segments)*float64(b.N)/b.Elapsed().Seconds(), "segment-steps/s")
				b.ReportMetric(bound*float64(segments), "H100-estimate-segment-steps/s")
				b.ReportMetric(float64(cost.Traffic)/float64(segments), "bytes/segment-step")
				b.ReportMetric(float64(len(bt.SpikeTime))/float64(lanes)*1000/float64(ms), "spikes/s")
			})
		}
	}
}
