package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/internal/console"
	"neq/trainer"
	"neq/trainer/fidelity"
)

func evalCommand(f *flags) *cobra.Command {
	var data, split string
	var burn int
	c := &cobra.Command{
		Use:   "eval FIT --data DATA",
		Short: "Score a fitted surrogate on whole held-out samples",
		Long: `eval runs a fitted surrogate over a split of a data set, in float32, and compares it with the neuron. A GPU
gives the CPU's scores up to the rounding of float32.`,
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
			gpus, done, err := f.openGPUs(c.Context())
			if err != nil {
				return err
			}
			defer done()
			if len(gpus) > 0 {
				o.GPU = gpus[0]
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
