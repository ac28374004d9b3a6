package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/trainer"
	"neq/trainer/experiment"
	"neq/trainer/fidelity"
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
	f.output(c, "folder of the fit")
	f.data(c, &data)
	c.Flags().StringVar(&surrogate, "surrogate", "", "which of the configuration's surrogates, by `name`; default the first")
	return c
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

func evalCommand(f *flags) *cobra.Command {
	var data, split string
	var burn int
	c := &cobra.Command{
		Use:     "eval FIT --data DATA",
		Short:   "Score a fitted surrogate on whole held-out samples",
		Example: "  neq eval fit --data traces\n  neq eval fit --data traces --split validation --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := trainer.EvaluateOptions{Threads: f.cores(), Baselines: true, Hook: f.steps("evaluate", "samples")}
			if c.Flags().Changed("burn-in") {
				if burn < 0 {
					return usage("--burn-in %d: want 0 ms or more", burn)
				}
				o.BurnIn = &burn
			}
			if strings.HasPrefix(f.device, "cuda") {
				return usage("--device %s: eval computes on the CPU: use --device cpu", f.device)
			}
			e, err := trainer.Evaluate(c.Context(), args[0], data, split, o)
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), e, scores(filepath.Clean(args[0]), e))
		},
	}
	f.compute(c)
	f.data(c, &data)
	c.Flags().StringVar(&split, "split", "test", "train, validation or test")
	c.Flags().IntVar(&burn, "burn-in", 0, "`ms` at the start of a sample that are not scored; default the receptive field")
	return c
}

// scores lays an evaluation out for reading.
func scores(dir string, e *trainer.Evaluation) string {
	var b strings.Builder
	r := e.Fidelity
	line := func(name, format string, a ...any) {
		fmt.Fprintf(&b, "%-22s "+format+"\n", append([]any{name}, a...)...)
	}
	between := func(i *fidelity.Interval, digits int) string {
		if i == nil {
			return ""
		}
		return fmt.Sprintf("  [%.*f, %.*f]", digits, i.Low, digits, i.High)
	}
	line("surrogate", "%s: %s, %s parameters (%s synaptic, %s core)", dir, e.Title, console.Count(e.Parameters), console.Count(e.Synaptic), console.Count(e.Core))
	line("scored on", "%s %s samples, %s spikes, the first %d ms of each left out", console.Count(r.Episodes), e.Split, console.Count(r.Spikes), e.BurnIn)
	line("ROC AUC at 1 ms", "%.4f%s", r.AUC, between(r.AUCInterval, 4))
	line("precision-recall AUC", "%.4f", r.AveragePrecision)
	for _, o := range r.Operating {
		line("true positives", "%.1f %% at %.2f %% false positives", 100*o.TruePositives, 100*o.FalsePositives)
	}
	for _, s := range r.F1 {
		line("spike F1", "%.3f within %d ms%s", s.F1, s.Within, between(s.Interval, 3))
	}
	line("firing rate", "%.2f Hz predicted, %.2f Hz true, mean error %.2f Hz", r.PredictedRate, r.Rate, r.RateError)
	line("voltage", "RMSE %.3f mV%s, explained variance %.2f %%", r.RMSE, between(r.RMSEInterval, 3), 100*r.ExplainedVariance)
	for _, x := range e.Baselines {
		line("baseline: "+x.Name, "AUC %.3f, voltage RMSE %.3f mV", x.Fidelity.AUC, x.Fidelity.RMSE)
	}
	if r.SpikesUndefined != "" {
		line("note", "%s", r.SpikesUndefined)
	}
	return b.String()
}
