package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"neq/internal/console"
	"neq/trainer"
)

func importCommand(f *flags) *cobra.Command {
	var o trainer.ImportOptions
	c := &cobra.Command{
		Use:   "import elm FILE --out FOLDER",
		Short: "Make a fitted surrogate of published weights: the Branch-ELM networks of Spieler et al. 2024",
		Long: `import reads weights that others published and writes the folder of a fit, for eval, predict and export.

elm is a Branch-ELM of Spieler et al. (ICLR 2024, arXiv 2306.16922) as a numpy archive (.npz) of its PyTorch tensors: a
surrogate of the layer 5 pyramidal cell that takes 639 excitatory, then 639 inhibitory synapses, as neq simulates l5pc.
Its activation, which the file does not hold, is silu where the file's name says so and relu elsewhere.`,
		Example: `  neq import elm branch_elm_d15.npz --out elm15
  neq import elm weights.npz --activation silu --data traces --out elm100`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "elm" {
				return usage("import %q: want elm", args[0])
			}
			d, err := trainer.ImportELM(c.Context(), args[1], f.out, o)
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), d, fmt.Sprintf("%s: %s, %s parameters, %s\n", f.out, d.Title, console.Count(d.Parameters), d.Spec.Activation))
		},
	}
	c.Flags().StringVarP(&f.out, "out", "o", "", "`folder` of the model")
	c.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace the model there")
	c.Flags().StringVar(&o.DataDir, "data", "", "`folder` of a data set whose inputs and rates the model is to have; default those of the publication")
	c.Flags().StringVar(&o.Activation, "activation", "", "relu or silu")
	if err := c.MarkFlagRequired("out"); err != nil {
		panic(err) // a flag defined a few lines up
	}
	return c
}
