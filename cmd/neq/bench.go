package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"neq/cuda"
	"neq/data/neuron"
	"neq/internal/console"
	"neq/trainer/speed"
)

// benches are what neq bench measures.
var benches = []struct{ name, words string }{
	{"simulate", "every neuron model under the paper's input rates, at dt 0.025 and 0.1 ms, on one core and on all"},
	{"train", "training steps of three published networks, on one core and on all"},
}

func benchCommand(f *flags) *cobra.Command {
	var model string
	c := &cobra.Command{
		Use:   "bench [simulate|train]",
		Short: "Measure how fast this machine simulates and trains; without a name, list the benches",
		Long: `bench measures the rates of this machine through the calls that simulate and train make: best of two runs a
figure, in single precision, in less than a minute. Other work on the machine lowers them.`,
		Example: `  neq bench
  neq bench simulate
  neq bench simulate --model l5pc --json
  neq bench train`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				var b strings.Builder
				var names []string
				for _, x := range benches {
					fmt.Fprintf(&b, "%-10s %s\n", x.name, x.words)
					names = append(names, x.name)
				}
				return f.result(c.OutOrStdout(), names, b.String())
			case args[0] == "simulate":
				return f.benchSimulate(c, model)
			case args[0] == "train" && model != "":
				return usage("--model belongs to bench simulate, not to train")
			case args[0] == "train":
				return f.benchTrain(c)
			}
			return usage("no bench %q: there are simulate and train", args[0])
		},
	}
	f.compute(c)
	c.Flags().StringVar(&model, "model", "", "simulate: measure this neuron model only: see neq models")
	return c
}

// benchDevices are one core and all of them, or the GPUs asked for; with how many threads' worth of cells to give each.
func (f *flags) benchDevices(ctx context.Context) (devices []cuda.Device, threads []int, err error) {
	for _, n := range slices.Compact([]int{1, f.cores()}) {
		d, err := cuda.NewCPU(cuda.CPUOptions{Threads: n})
		if err != nil {
			return nil, nil, err
		}
		devices, threads = append(devices, d), append(threads, n)
	}
	if f.device == "cpu" {
		return devices, threads, nil
	}
	found, _, err := cuda.Select(ctx, f.device, f.cores())
	if err != nil {
		return nil, nil, fmt.Errorf("--device %s: %w", f.device, err)
	}
	for _, d := range found {
		if strings.HasPrefix(d.Name(), "cpu") {
			d.Close() // there already
			continue
		}
		devices, threads = append(devices, d), append(threads, 256) // a GPU wants tens of thousands of cells
	}
	return devices, threads, nil
}

func (f *flags) benchSimulate(c *cobra.Command, model string) error {
	names := []string{model}
	if model == "" {
		names = nil
		for _, m := range neuron.Models() {
			if m.Name != neuron.Own { // which is whatever a configuration says
				names = append(names, m.Name)
			}
		}
	} else if _, err := neuron.Lookup(model); err != nil {
		return usageError{err}
	}
	devices, threads, err := f.benchDevices(c.Context())
	if err != nil {
		return err
	}
	defer func() {
		for _, d := range devices {
			d.Close()
		}
	}()
	steps := []float64{0.025, 0.1}
	bar := f.progress("bench", int64(len(names)*len(steps)*len(devices)), 0, "figures", 1)
	defer bar.End()
	var all []speed.Simulation
	for _, name := range names {
		x, err := asItComes(name, nil)
		if err != nil {
			return err
		}
		for _, dt := range steps {
			for i, d := range devices {
				bar.Text(name)
				r, err := speed.Simulate(c.Context(), d, threads[i], x.Neuron, neuron.Options{Dt: dt, Seed: 1})
				if err != nil {
					return fmt.Errorf("bench %s: %w", name, err)
				}
				if r.Refused == "" || i == 0 {
					all = append(all, r)
				}
				bar.Add(1)
			}
		}
	}
	bar.End()
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, single precision, neq %s\n\n", processor(), runtime.NumCPU(), version)
	fmt.Fprintf(&b, "%-15s %-22s %6s %8s %9s %14s %15s %12s\n", "model", "device", "dt ms", "segments", "synapses", "neuron-steps/s", "segment-steps/s", "neuron-s per s")
	b.WriteString(strings.Repeat("─", 108) + "\n")
	for _, r := range all {
		if r.Refused != "" {
			fmt.Fprintf(&b, "%-15s %-22s %6g        – its step is at most %s\n", r.Model, "", r.Dt, r.Longest())
			continue
		}
		fmt.Fprintf(&b, "%-15s %-22s %6g %8d %9d %14.3g %15.3g %12s\n", r.Model, r.Device, r.Dt, r.Segments, r.Synapses, r.NeuronSteps, r.SegmentSteps, console.Rate(r.NeuronSeconds))
	}
	return f.result(c.OutOrStdout(), all, b.String())
}

func (f *flags) benchTrain(c *cobra.Command) error {
	networks := speed.Networks()
	cores := slices.Compact([]int{1, f.cores()})
	bar := f.progress("bench", int64(len(networks)*len(cores)), 0, "figures", 1)
	defer bar.End()
	var all []speed.Training
	for _, n := range networks {
		for _, threads := range cores {
			bar.Text(n.Name)
			r, err := speed.Train(c.Context(), n, threads)
			if err != nil {
				return fmt.Errorf("bench %s: %w", n.Name, err)
			}
			all = append(all, r)
			bar.Add(1)
		}
	}
	bar.End()
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, single precision unless said, neq %s\n\n", processor(), runtime.NumCPU(), version)
	fmt.Fprintf(&b, "%-32s %8s %11s %7s %9s %8s %12s\n", "network", "inputs", "parameters", "batch", "threads", "steps/s", "bio-s per s")
	b.WriteString(strings.Repeat("─", 93) + "\n")
	for _, r := range all {
		fmt.Fprintf(&b, "%-32s %8d %11s %7d %9d %8s %12s\n", r.Network, r.Inputs, console.Count(r.Parameters), r.Batch, r.Threads, console.Rate(r.Steps), console.Rate(r.BioSeconds))
	}
	return f.result(c.OutOrStdout(), all, b.String())
}
