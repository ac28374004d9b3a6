package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/trainer"
)

func predictCommand(f *flags) *cobra.Command {
	var data, split string
	c := &cobra.Command{
		Use:   "predict FIT --data DATA --out FOLDER",
		Short: "Write what a fitted surrogate predicts, next to the traces it predicts",
		Long: `predict runs a fitted surrogate over whole samples of a split and writes a Zarr folder: spike_probability and
predicted_soma_v in mV, [sample][time], with one value a ms as soma_v of the data set. Its coordinate sample says which
samples of the data set they are: data.soma_v[predictions.sample] in xarray is what was predicted.`,
		Example: "  neq predict fit --data traces --out predictions\n  neq predict fit --data traces --split validation --out predictions --resume",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.enter("predictions", "predictions.json"); err != nil {
				return err
			}
			if err := fits(args[0], data); err != nil {
				return err
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
			o := trainer.PredictOptions{Resume: f.resume, Overwrite: f.overwrite, Threads: f.cores(), Version: version, Hook: f.steps("predict", "samples")}
			if len(gpus) > 0 {
				o.GPU = gpus[0]
			}
			p, err := trainer.Predict(c.Context(), args[0], data, split, f.out, o)
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), p, fmt.Sprintf("%s: %s %s samples predicted by %s\n", f.out, console.Count(p.Samples), p.Split, p.Model))
		},
	}
	f.compute(c)
	f.output(c, "folder of the predictions")
	f.data(c, &data)
	c.Flags().StringVar(&split, "split", "test", "train, validation or test")
	return c
}

// fits says why the model in a folder cannot run on a data set, before anything is written.
func fits(model, data string) error {
	d, err := trainer.Describe(model)
	if err != nil {
		return err
	}
	set, err := traces.Open(data)
	if err != nil {
		return err
	}
	return d.Fits(set.Info())
}
