package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"neq/data/simulate"
	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/trainer/experiment"
)

func simulateCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "simulate CONFIG --out FOLDER",
		Short: "Simulate neurons and write their inputs and outputs as a data set",
		Long: `simulate integrates the neurons of a configuration and writes a trace data set: a Zarr group that
xarray.open_zarr(FOLDER) opens. The data depend on the configuration and the seed alone, never on threads,
parts or interruptions. Interrupted, it finishes the shard in hand and exits with 75; --resume goes on.`,
		Example: `  neq simulate run.yaml --out traces
  neq simulate run.yaml --out traces --set simulation.samples.train=100
  neq simulate run.yaml --out traces --part 2/8    then, once all parts are there: neq merge traces
  sbatch --array=0-7 --wrap "neq simulate run.yaml --out traces --part auto --resume"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := experiment.Load(args[0], f.changes(c))
			if err != nil {
				return usageError{err}
			}
			plan, err := x.Plan(version)
			if err != nil {
				return usageError{err}
			}
			if err := f.simulate(c.Context(), plan, f.out); err != nil {
				return err
			}
			set, err := traces.Open(f.out)
			if err != nil {
				var partial *traces.Incomplete
				if f.part != "" && errors.As(err, &partial) {
					f.remark("this part is done", "shards of other parts missing", len(partial.Missing), "then", "neq merge "+f.out)
					return f.result(c.OutOrStdout(), map[string]any{"data": f.out, "part": f.part, "shards": partial.Shards, "missing": partial.Missing}, "")
				}
				return err
			}
			info := set.Info()
			return f.result(c.OutOrStdout(), map[string]any{"data": f.out, "samples": info.Samples, "shards": info.Shards(), "bytes": set.Bytes()},
				fmt.Sprintf("%s: %s samples of %s ms, %s\n", f.out, console.Count(info.Samples), console.Count(info.Duration), console.Bytes(set.Bytes())))
		},
	}
	f.compute(c)
	f.configured(c)
	f.output(c, "folder of the data set")
	c.Flags().StringVar(&f.part, "part", "", "simulate only part `I/N` of the shards (0 <= I < N), or auto: a scheduler's array index")
	return c
}

// simulate runs a plan into a folder and commits it, unless shards of other parts are missing.
func (f *flags) simulate(ctx context.Context, plan *simulate.Plan, out string) error {
	part, parts, err := f.parts()
	if err != nil {
		return err
	}
	devices, err := f.openDevices(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, d := range devices {
			d.Close()
		}
	}()
	unlock, err := atomicfile.LockFolder(out, parts > 1)
	if err != nil {
		return err
	}
	defer unlock()
	plan.Info.Device = deviceNames(devices)
	w, err := traces.Create(out, plan.Info, traces.Options{Resume: f.resume, Overwrite: f.overwrite, Part: part, Parts: parts})
	if err != nil {
		return err
	}
	missing, left, all := w.Missing(), 0, 0
	from, to := plan.Info.PartShards(part, parts)
	for k := from; k < to; k++ {
		_, n := plan.Info.ShardSamples(k)
		all += n
	}
	for _, k := range missing {
		_, n := plan.Info.ShardSamples(k)
		left += n
	}
	if left > 0 {
		e := plan.Estimate(ctx, devices[0], f.cores())
		share := float64(left) / float64(plan.Info.Samples)
		f.remark("simulate", "what", plan.Words(), "samples", console.Count(left), "neuron-seconds", console.Count(int64(e.NeuronSeconds*share)),
			"size", "up to "+console.Bytes(int64(float64(e.Bytes)*share)), "takes", "about "+console.Duration(time.Duration(float64(e.Time)*share)))
	}
	bar := f.progress("simulate", int64(all), int64(all-left), "neuron-s", float64(plan.Info.Duration)/1000)
	err = plan.Run(ctx, devices, w, simulate.Options{Threads: f.cores(), Progress: func(n int) { bar.Add(int64(n)) }})
	bar.End()
	if err != nil {
		return err
	}
	err = w.Commit()
	var partial *traces.Incomplete
	if parts > 1 && errors.As(err, &partial) {
		return nil
	}
	return err
}

func mergeCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "merge DATA [PART ...]",
		Short: "Complete a data set whose parts were simulated apart",
		Long: `merge checks that every shard of the data set is there and whole, takes missing ones from the other folders
given, and commits the set.`,
		Example: "  neq merge traces\n  neq merge traces node1/traces node2/traces",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := traces.Merge(args[0], args[1:]...); err != nil {
				return err
			}
			set, err := traces.Open(args[0])
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), map[string]any{"data": args[0], "shards": set.Shards(), "bytes": set.Bytes()},
				fmt.Sprintf("%s: complete, %d shards, %s\n", args[0], set.Shards(), console.Bytes(set.Bytes())))
		},
	}
}
