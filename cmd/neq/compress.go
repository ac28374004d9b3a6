package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/trainer"
	"neq/trainer/compress"
)

func compressCommand(f *flags) *cobra.Command {
	var o compress.Options
	c := &cobra.Command{
		Use:   "compress FIT --data DATA --out FOLDER",
		Short: "Prune and quantise a fitted surrogate: how much of it was overhead?",
		Long: `compress takes weights away from a fitted surrogate, trains what is left, rounds it to few bits, and prints what
remains of parameters, bits and fidelity, level by level. Every level is a model in FOLDER/levels that neq eval reads;
report.json and report.svg, the picture, lie beside them.

--prune magnitude keeps the largest weights, of the network or of every tensor (--scope); structured keeps whole hidden
units, so that what is left is a smaller dense network; synapses keeps whole inputs. Biases, norms and time constants
stay. A level starts from the weights of the one before it. It runs on the CPU.`,
		Example: `  neq compress fit --data traces --out small --prune magnitude --keep 0.5,0.25,0.1 --bits 8,4
  neq compress fit --data traces --out narrow --prune structured --steps 500
  neq compress fit --data traces --out rounded --bits 8,6,4,3,2 --per tensor
  neq eval small/levels/keep-0.1-4bit --data traces`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.HasPrefix(f.device, "cuda") {
				return usage("--device %s: pruned weights are held at zero on the CPU only: leave --device out", f.device)
			}
			o.Model, o.Out, o.Resume, o.Overwrite, o.Threads, o.Version = args[0], f.out, f.resume, f.overwrite, f.cores(), version
			o.Seed = nil
			if c.Flags().Changed("seed") {
				o.Seed = &f.seed
			}
			if c.Flags().Changed("steps") {
				if o.Steps < 0 {
					return usage("--steps %d: want 0 (none) or more", o.Steps)
				}
				if o.Prune == "" {
					return usage("--steps is for fine-tuning what --prune leaves: give it too")
				}
			}
			if c.Flags().Changed("learning-rate") && !(o.Rate > 0) {
				return usage("--learning-rate %v: want a number above 0", o.Rate)
			}
			if err := o.Fill(); err != nil {
				return usageError{err}
			}
			if err := f.enter("a compression", compress.Files()...); err != nil {
				return err
			}
			if err := fits(args[0], o.Data); err != nil {
				return err
			}
			unlock, err := atomicfile.LockFolder(f.out, false)
			if err != nil {
				return err
			}
			defer unlock()
			bar, hook := f.trainingBar()
			o.Hooks = []func(trainer.Progress){hook}
			o.Done = func(r compress.Row) {
				bar.end()
				auc := "none"
				if r.After.AUC != nil {
					auc = fmt.Sprintf("%.4f", *r.After.AUC)
				}
				f.remark("level", "name", r.Name, "parameters", console.Count(r.Size.Nonzero), "AUC", auc)
			}
			r, err := compress.Run(c.Context(), o)
			bar.end()
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), r, r.Text()+fmt.Sprintf("\npicture: %s\n", filepath.Join(f.out, "report.svg")))
		},
	}
	f.compute(c)
	f.output(c, "folder of the levels")
	f.data(c, &o.Data)
	c.Flags().StringVar(&o.Split, "split", "test", "train, validation or test: what levels are scored on")
	c.Flags().StringVar(&o.Prune, "prune", "", "magnitude, structured or synapses: what is taken away")
	c.Flags().StringVar(&o.Scope, "scope", "", "magnitude: the largest weights of the network (default) or of every tensor")
	c.Flags().Float64SliceVar(&o.Keep, "keep", nil, "`fractions` that stay, a level each (default 0.5,0.25,0.1)")
	c.Flags().IntVar(&o.Steps, "steps", -1, "fine-tuning steps of a level, 0 for none (default a quarter of the fit's)")
	c.Flags().Float64Var(&o.Rate, "learning-rate", 0, "of fine-tuning (default the fit's)")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "of fine-tuning's windows (default the fit's)")
	c.Flags().IntSliceVar(&o.Bits, "bits", nil, "round the weights of every level to so many `bits`, 2 to 16, too")
	c.Flags().StringVar(&o.Per, "per", "channel", "a float32 scale per channel or per tensor, of rounded weights")
	c.Flags().Float64Var(&o.Tolerance, "tolerance", 0.005, "loss of AUC below which a level counts as good as the original")
	return c
}
