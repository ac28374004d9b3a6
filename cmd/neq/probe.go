package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/cuda"
	"neq/data/neuron"
	"neq/internal/config"
	"neq/internal/console"
	"neq/trainer/experiment"
	"neq/trainer/probe"
)

func probeCommand(f *flags) *cobra.Command {
	var model, out string
	var o probe.Options
	c := &cobra.Command{
		Use:   "probe EXPERIMENT [CONFIG] [--model NAME]",
		Short: "Apply a named experiment to a neuron and draw it: f-I curve, XOR, order of inputs, synapses by distance",
		Long: `probe applies a named experiment to the neuron of a configuration, or with --model to a neuron model as it
comes, and prints what it found. --out writes a page of it, with .json, .csv and .svg beside. "neq probe list"
lists the experiments. A probe is deterministic and takes seconds.`,
		Example: `  neq probe list
  neq probe fi --model adex --out fi.html
  neq probe xor --model lif
  neq probe pairs run.yaml --set neuron.set=regular-spiking --a exc --b inh`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "list" {
				return f.listProbes(c)
			}
			if err := checkProbe(args[0]); err != nil {
				return err
			}
			cell, name, err := f.probed(c, args[1:], model)
			if err != nil {
				return err
			}
			if out != "" && filepath.Ext(out) != ".html" {
				return usage("--out %s: the report is a page: give it a name that ends in .html; .json, .csv and .svg are written beside it", out)
			}
			device, err := cuda.NewCPU(cuda.CPUOptions{Threads: f.threads})
			if err != nil {
				return err
			}
			defer device.Close()
			if o.Seed = 1; c.Flags().Changed("seed") {
				o.Seed = f.seed
			}
			var bar *console.Progress
			o.Progress = func(done, total int) {
				if bar == nil {
					bar = f.progress("probe", int64(total), 0, "sessions", 1)
				}
				bar.Set(int64(done))
			}
			r, err := probe.Run(c.Context(), args[0], probe.NewNeuron(name, cell, device), o)
			bar.End()
			if err != nil {
				return err
			}
			r.Version = version
			if out != "" {
				files, err := r.WriteAll(out)
				if err != nil {
					return err
				}
				f.remark("written", "files", strings.Join(files, ", "))
			}
			return f.result(c.OutOrStdout(), r, r.Text())
		},
	}
	f.configured(c)
	c.Flags().IntVar(&f.threads, "threads", 0, "CPU threads, 0 for all cores; results do not depend on it")
	c.Flags().StringVar(&model, "model", "", "probe this neuron model as it comes: see neq models")
	c.Flags().StringVarP(&out, "out", "o", "", "`page` to write, a name that ends in .html")
	c.Flags().StringVar(&o.A, "a", "", "xor, pairs: input A, a synapse `group`, region or section")
	c.Flags().StringVar(&o.B, "b", "", "xor, pairs: input B, a synapse `group`, region or section")
	c.Flags().Float64Var(&o.Rate, "rate", 0, "xor: events a second at a synapse (default 20)")
	return c
}

func (f *flags) listProbes(c *cobra.Command) error {
	var b strings.Builder
	for _, e := range probe.Experiments() {
		fmt.Fprintf(&b, "%-10s %s\n", e.Name, e.Words)
	}
	return f.result(c.OutOrStdout(), probe.Experiments(), b.String())
}

func checkProbe(name string) error {
	var names []string
	for _, e := range probe.Experiments() {
		if e.Name == name {
			return nil
		}
		names = append(names, e.Name)
	}
	return usage("no experiment %q: there are %s", name, strings.Join(names, ", "))
}

// probed compiles the neuron of a configuration or, with a model's name, that model as it comes. A cell that a
// configuration describes by itself has the configuration's title for a name.
func (f *flags) probed(c *cobra.Command, args []string, model string) (cell *neuron.Cell, name string, err error) {
	x := &experiment.Config{}
	dir := "."
	switch {
	case len(args) == 1 && model != "":
		return nil, "", usage("both %s and --model %s: give one", args[0], model)
	case len(args) == 1:
		if x, err = experiment.Load(args[0], f.changes(c)); err != nil {
			return nil, "", usageError{err}
		}
		dir = filepath.Dir(args[0])
	case model != "":
		if x, err = asItComes(model, f.changes(c)); err != nil {
			return nil, "", usageError{err}
		}
	default:
		return nil, "", usage("what is to be probed? give a configuration, or --model NAME")
	}
	if x.Neuron.Model == neuron.Own {
		name = x.Title
	}
	cell, err = compileProbed(x, dir)
	var key *neuron.KeyError
	if errors.As(err, &key) {
		return nil, "", usageError{err}
	}
	return cell, name, err
}

// asItComes is the configuration of a neuron model as it comes: a point neuron with the synapses that neq init gives
// it, a cell with dendrites with its own.
func asItComes(model string, changes []string) (*experiment.Config, error) {
	m, err := neuron.Lookup(model)
	if err != nil {
		return nil, err
	}
	text := "neuron: {model: " + m.Name + "}\n"
	if m.Cell == "" {
		if text, err = experiment.Template(model); err != nil {
			return nil, err
		}
	}
	x := &experiment.Config{}
	_, err = config.Parse("--model "+model, []byte(text), changes, x)
	return x, err
}

// compileProbed compiles a configuration's neuron as its simulation would.
func compileProbed(x *experiment.Config, dir string) (*neuron.Cell, error) {
	o := neuron.Options{Dt: x.Simulation.Dt, Seed: x.Seed, Dir: dir}
	switch x.Simulation.Solver {
	case "":
		if m, err := neuron.Lookup(x.Neuron.Model); err == nil {
			o.Solver = m.DefaultSolver
		}
	case "euler":
	case "staggered":
		o.Solver = cuda.Staggered
	case "two-stage":
		o.Solver = cuda.TwoStage
	default:
		return nil, usage("simulation.solver: %q: euler, staggered or two-stage", x.Simulation.Solver)
	}
	switch x.Simulation.Precision {
	case "", "float32":
	case "float64":
		o.Precision = cuda.Float64
	default:
		return nil, usage("simulation.precision: %q: float32 or float64", x.Simulation.Precision)
	}
	return neuron.Compile(x.Neuron, o)
}
