package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"neq/cuda"
	"neq/data/neuron"
	"neq/trainer/experiment"
)

func modelsCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:     "models [NAME]",
		Short:   "List the neuron models, or show one: parameters, published sets, the description of a cell with dendrites",
		Example: "  neq models\n  neq models adex\n  neq models l5pc\n  neq models ca_lva\n  neq models --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if i := slices.IndexFunc(neuron.Mechanisms(), func(m cuda.TreeMechanism) bool { return m.Name == args[0] }); i >= 0 {
					if _, err := neuron.Lookup(args[0]); err != nil { // hh is both
						m := neuron.Mechanisms()[i]
						return f.result(c.OutOrStdout(), m, describeMechanism(m))
					}
				}
				m, err := neuron.Lookup(args[0])
				if err != nil {
					return usageError{err}
				}
				return f.result(c.OutOrStdout(), m, describeModel(m))
			}
			var b strings.Builder
			for _, m := range neuron.Models() {
				fmt.Fprintf(&b, "%-16s %s\n", m.Name, m.Description)
				var sets []string
				for _, s := range m.Sets {
					sets = append(sets, s.Name)
				}
				fmt.Fprintf(&b, "%-16s sets: %s\n", "", strings.Join(sets, ", "))
			}
			b.WriteString("\nsynapses\n")
			for _, k := range neuron.Kinds() {
				fmt.Fprintf(&b, "%-16s %s\n", k.Name, k.Description)
			}
			b.WriteString("\nmechanisms of a cell of your own (examples/cell.yaml)\n")
			for _, m := range neuron.Mechanisms() {
				fmt.Fprintf(&b, "%-16s %s\n", m.Name, m.Description)
			}
			return f.result(c.OutOrStdout(), map[string]any{"models": neuron.Models(), "synapses": neuron.Kinds(), "mechanisms": neuron.Mechanisms()}, b.String())
		},
	}
}

func describeModel(m neuron.Model) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nsource: %s\ndefault dt %g ms, current in %s, synaptic weights in %s (delta: mV)\n\nparameters\n",
		m.Name, m.Description, m.Source, m.DefaultDt, m.CurrentUnit, m.ConductanceUnit)
	for _, p := range m.Parameters {
		fmt.Fprintf(&b, "  %-24s %10g %-10s %g to %g: %s", p.Name, p.Default, p.Unit, p.Min, p.Max, p.Doc)
		if p.Source != m.Source {
			fmt.Fprintf(&b, " (%s)", p.Source)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nsets\n")
	for _, s := range m.Sets {
		fmt.Fprintf(&b, "  %-24s %s (%s)\n", s.Name, s.Description, s.Source)
		if s.Current != 0 {
			fmt.Fprintf(&b, "  %-24s shown by a constant current of %g %s\n", "", s.Current, m.CurrentUnit)
		}
	}
	if m.Cell != "" {
		fmt.Fprintf(&b, "\nthe cell, as a configuration has it: copy any part of it into your neuron section\n\nneuron:\n  model: %s\n%s", neuron.Own, m.Cell)
	}
	return b.String()
}

func describeMechanism(m cuda.TreeMechanism) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nsource: %s\n\nparameters (a conductance in uS is given as a density in S/cm2)\n", m.Name, m.Description, m.Source)
	for _, p := range m.Params {
		unit := p.Unit
		if unit == "uS" {
			unit = "S/cm2"
		}
		fmt.Fprintf(&b, "  %-12s %10g %s\n", p.Name, p.Default, unit)
	}
	if len(m.States) > 0 {
		b.WriteString("\nstates, to record\n")
		for _, s := range m.States {
			fmt.Fprintf(&b, "  %s.%s %s\n", m.Name, s.Name, s.Unit)
		}
	}
	return b.String()
}

func initCommand(f *flags) *cobra.Command {
	var model, out string
	c := &cobra.Command{
		Use:     "init --model MODEL > run.yaml",
		Short:   "Write a commented configuration that runs as it is",
		Example: "  neq init --model lif > run.yaml\n  neq init --model hh --out hh.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := experiment.Template(model)
			if err != nil {
				return usageError{err}
			}
			if out == "" {
				_, err := fmt.Fprint(c.OutOrStdout(), text)
				return err
			}
			file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return usage("%s is there already: choose another name", out)
			} else if err != nil {
				return err
			}
			_, err = file.WriteString(text)
			return errors.Join(err, file.Close())
		},
	}
	c.Flags().StringVar(&model, "model", "lif", "neuron model: see neq models")
	c.Flags().StringVarP(&out, "out", "o", "", "`file` to write; default the terminal")
	return c
}
