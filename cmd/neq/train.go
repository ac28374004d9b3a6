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
	var data, surrogate, seeds, board string
	var find bool
	c := &cobra.Command{
		Use:   "train CONFIG --data DATA --out FOLDER",
		Short: "Fit one surrogate to a data set",
		Long: `train fits one of the configuration's surrogates and writes its weights (safetensors), model.json and
metrics.jsonl. It checkpoints as it goes: interrupted, it exits with 75, and --resume gives the same bytes as a
run that was never interrupted.

--seeds fits from several seeds, each in a folder seed-N of --out, and writes their mean and spread on the
validation split to seeds.json there.

--tensorboard writes losses, rates and validations for TensorBoard too; see also training.tensorboard.

--find-rate trains nothing that is kept: it lets the learning rate grow from 1e-6 to 1 over 300 steps, until the loss
diverges, prints the loss over the rate and suggests a learning_rate; --out draws it, to an .svg file.`,
		Example: `  neq train run.yaml --data traces --out fit
  neq train run.yaml --data traces --out fit --surrogate filter-80ms --set training.steps=500
  neq train run.yaml --data traces --out fits --seeds 3
  neq train run.yaml --data traces --find-rate --out rate.svg`,
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
			o := trainer.FitOptions{Spec: spec, Config: cfg, DataDir: data, OutDir: f.out, TensorBoard: board,
				Resume: f.resume, Overwrite: f.overwrite, Threads: f.cores()}
			var list []uint64
			if seeds != "" {
				if list, err = trainer.ParseSeeds(seeds, cfg.Seed); err != nil {
					return usage("--seeds %w", err)
				}
			}
			if find {
				err = f.checkFindRate(c)
			} else {
				err = f.enterFit(list)
			}
			if err != nil {
				return err
			}
			set, err := traces.Open(data)
			if err != nil {
				return err
			}
			if err := x.CheckData(set.Info()); err != nil {
				return usageError{err}
			}
			if !find {
				unlock, err := atomicfile.LockFolder(f.out, false)
				if err != nil {
					return err
				}
				defer unlock()
			}
			gpus, done, err := f.openGPUs(c.Context())
			if err != nil {
				return err
			}
			defer done()
			if len(gpus) > 0 {
				o.GPU = gpus[0]
			}
			f.unrounded(cfg, gpus)
			bar, hook := f.trainingBar()
			o.Hooks = []func(trainer.Progress){hook}
			switch {
			case find:
				return blame(x, f.findRate(c, o, bar))
			case list != nil:
				return blame(x, f.fitSeeds(c, o, list, bar))
			}
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
	f.output(c, "folder of the fit; with --find-rate an .svg file, if a picture is wanted")
	if err := c.Flags().SetAnnotation("out", cobra.BashCompOneRequiredFlag, []string{"false"}); err != nil {
		panic(err) // a flag defined one line up
	}
	f.data(c, &data)
	c.Flags().StringVar(&surrogate, "surrogate", "", "which of the configuration's surrogates, by `name`; default the first")
	c.Flags().StringVar(&seeds, "seeds", "", "fit from several seeds: a number `N` of them from training.seed on, or a list such as 1,2,7")
	c.Flags().StringVar(&board, "tensorboard", "", "write TensorBoard's event files to a `folder`, of several seeds to one in it for each")
	c.Flags().BoolVar(&find, "find-rate", false, "look for a learning rate in place of a fit")
	c.MarkFlagsMutuallyExclusive("find-rate", "seeds")
	c.MarkFlagsMutuallyExclusive("find-rate", "tensorboard")
	return c
}

// enterFit refuses a folder that a fit, or fits of these seeds, cannot be written to.
func (f *flags) enterFit(seeds []uint64) error {
	if f.out == "" {
		return usage(`required flag(s) "out" not set`)
	}
	if seeds == nil {
		return f.enter("a fit", "model.json", "weights.safetensors", "metrics.jsonl", "checkpoints")
	}
	files := []string{trainer.SeedsFile}
	for _, s := range seeds {
		files = append(files, trainer.SeedFolder(s))
	}
	return f.enter("fits of these seeds", files...)
}

// fitSeeds fits from several seeds.
func (f *flags) fitSeeds(c *cobra.Command, o trainer.FitOptions, seeds []uint64, bar *trainingBar) error {
	s, err := trainer.FitSeeds(c.Context(), o, seeds)
	bar.end()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s: %s, %s parameters, %d seeds\n", f.out, s.Title, console.Count(s.Parameters), len(seeds))
	for _, m := range s.Spread {
		text += fmt.Sprintf("  %-20s %.4f +- %.4f    %.4f to %.4f\n", m.Metric, m.Mean, m.SD, m.Lowest, m.Best)
	}
	return f.result(c.OutOrStdout(), s, text)
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
