package main

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/surrogates/ops"
	"neq/trainer"
	"neq/trainer/experiment"
)

func trainCommand(f *flags) *cobra.Command {
	var data, surrogate string
	c := &cobra.Command{
		Use:   "train CONFIG --data DATA --out FOLDER",
		Short: "Fit one surrogate to a data set",
		Long: `train fits one of the configuration's surrogates and writes its weights (safetensors), model.json and
metrics.jsonl. It checkpoints as it goes: interrupted, it exits with 75, and --resume gives the same bytes as a
run that was never interrupted.`,
		Example: `  neq train run.yaml --data traces --out fit
  neq train run.yaml --data traces --out fit --surrogate filter-80ms --set training.steps=500`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := experiment.Load(args[0], f.changes(c))
			if err != nil {
				return usageError{err}
			}
			spec, cfg, err := x.Surrogate(surrogate)
			if err != nil {
				return usageError{err}
			}
			if err := f.enter("a fit", "model.json", "weights.safetensors", "metrics.jsonl", "checkpoints"); err != nil {
				return err
			}
			set, err := traces.Open(data)
			if err != nil {
				return err
			}
			if err := x.CheckData(set.Info()); err != nil {
				return usageError{err}
			}
			unlock, err := atomicfile.LockFolder(f.out, false)
			if err != nil {
				return err
			}
			defer unlock()
			gpus, done, err := f.openGPUs(c.Context())
			if err != nil {
				return err
			}
			defer done()
			bar, hook := f.trainingBar()
			o := trainer.FitOptions{Spec: spec, Config: cfg, DataDir: data, OutDir: f.out,
				Resume: f.resume, Overwrite: f.overwrite, Threads: f.cores(), Hooks: []func(trainer.Progress){hook}}
			if len(gpus) > 0 {
				o.GPU = gpus[0]
			}
			f.unrounded(cfg, gpus)
			r, err := trainer.Fit(c.Context(), o)
			bar.end()
			if err != nil {
				return blame(x, err)
			}
			return f.result(c.OutOrStdout(), r, fmt.Sprintf("%s: %s, %s parameters\nnext: neq eval %s --data %s\n", f.out, r.Title, console.Count(r.Parameters), f.out, data))
		},
	}
	f.compute(c)
	f.configured(c)
	f.rounding(c)
	f.output(c, "folder of the fit")
	f.data(c, &data)
	c.Flags().StringVar(&surrogate, "surrogate", "", "which of the configuration's surrogates, by `name`; default the first")
	return c
}

// rounding adds the flag of commands that train.
func (f *flags) rounding(c *cobra.Command) {
	c.Flags().StringVar(&f.precision, "precision", "", "replaces training.precision: float32, tf32 or bf16, what the factors of dense layers are rounded to"+
		" (on a CPU bf16 needs AMX or AVX512-BF16, tf32 is float32)")
}

// unrounded says that the CPU computes in float32 where the configuration asks for what only a GPU has.
func (f *flags) unrounded(c trainer.Config, gpus []*driver.Context) {
	if p, err := ops.ParsePrecision(c.Precision); err == nil && p == ops.TF32 && len(gpus) == 0 {
		f.remark("the CPU trains in float32: tf32 is for a GPU", "precision", c.Precision)
	}
}

// blame makes an error about a key of the configuration, found only beside the data, one of usage.
func blame(x *experiment.Config, err error) error {
	if at := x.Blame(err); at != nil {
		return usageError{at}
	}
	return err
}

// data adds the flag that names the data set.
func (f *flags) data(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data", "", "`folder` of the data set")
	if err := c.MarkFlagRequired("data"); err != nil {
		panic(err) // a flag defined one line up
	}
}

// trainingBar draws one bar per fit.
type trainingBar struct {
	f     *flags
	bar   *console.Progress
	title string
}

func (f *flags) trainingBar() (*trainingBar, func(trainer.Progress)) {
	b := &trainingBar{f: f}
	return b, b.update
}

func (b *trainingBar) update(p trainer.Progress) {
	if b.bar == nil || b.title != p.Title {
		b.end()
		b.bar, b.title = b.f.progress("train "+p.Title, int64(p.Steps), int64(p.Step)-1, "steps", 1), p.Title
	}
	text := ""
	if !math.IsNaN(p.Loss) { // on a GPU it is looked at now and then
		text = fmt.Sprintf("loss %.4f", p.Loss)
	}
	if !math.IsNaN(p.AUC) {
		text += fmt.Sprintf(" AUC %.4f", p.AUC)
	}
	b.bar.Text(text + fmt.Sprintf(" %s bio-s/s", console.Rate(p.BioPerSecond)))
	b.bar.Set(int64(p.Step))
}

func (b *trainingBar) end() {
	b.bar.End()
	b.bar = nil
}
