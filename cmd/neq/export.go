package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"neq/internal/console"
	"neq/trainer"
)

func exportCommand(f *flags) *cobra.Command {
	var to, out string
	c := &cobra.Command{
		Use:   "export FIT --to FORMAT --out FILE",
		Short: "Write a fitted surrogate for other programs: ONNX, safetensors",
		Long: `export writes a fitted surrogate as one file.

onnx is one millisecond of it, for any number of neurons at once: in go spikes [batch][inputs], how often each synapse
fires in this ms, and the state; out come spike_logit [batch], voltage [batch] in mV and the state of the next ms, each
under the name it had with "next." before it. State starts at zero. onnxruntime and others run it.
safetensors are its tensors as they are.

Both say in their metadata what they are: title, parameters, time step, order of the synapses, normalisation.`,
		Example: "  neq export fit --to onnx --out neuron.onnx\n  neq export fit --to safetensors --out neuron.safetensors",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(trainer.ExportFormats, to) {
				return usage("--to %q: want %s", to, strings.Join(trainer.ExportFormats, " or "))
			}
			if _, err := os.Stat(out); err == nil && !f.overwrite {
				return usage("%s is there already: choose another name, or give --overwrite", out)
			}
			e, err := trainer.Export(args[0], to, out, version)
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), e, fmt.Sprintf("%s: %s as %s, %s\n", out, e.Model, e.Format, console.Bytes(int64(e.Bytes))))
		},
	}
	c.Flags().StringVar(&to, "to", "", strings.Join(trainer.ExportFormats, " or "))
	c.Flags().StringVarP(&out, "out", "o", "", "`file` to write")
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "replace the file if it is there")
	for _, name := range []string{"to", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag defined a few lines up
		}
	}
	return c
}
