package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/console"
	"neq/trainer"
	"neq/trainer/equivalence"
	"neq/trainer/experiment"
)

func sweepCommand(f *flags) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "sweep CONFIG --data DATA --out FOLDER",
		Short: "Train many surrogates: the frontier of parameters against fidelity",
		Long: `sweep trains every surrogate of the configuration (grids and seeds expanded) and scores it on the held-out
test samples. A trial that is done is not done again with --resume; one that was interrupted goes on.`,
		Example: `  neq sweep run.yaml --data traces --out sweep
  neq sweep run.yaml --data traces --out sweep --part 0/4      one of four machines sharing a folder
  neq report sweep --out report.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := experiment.Load(args[0], f.changes(c))
			if err != nil {
				return usageError{err}
			}
			if err := f.enter("a sweep", "study.json", "trials"); err != nil {
				return err
			}
			rows, err := f.sweep(c.Context(), x, data, f.out)
			if err != nil {
				return err
			}
			if f.part != "" && rows == 0 {
				f.remark("this part has no trials", "part", f.part)
				return f.result(c.OutOrStdout(), map[string]any{"sweep": f.out, "part": f.part, "trials": 0}, "")
			}
			return f.showStudy(c, f.out)
		},
	}
	f.compute(c)
	f.configured(c)
	f.rounding(c)
	f.output(c, "folder of the sweep")
	f.data(c, &data)
	c.Flags().StringVar(&f.part, "part", "", "train only every N-th trial, from I on: `I/N`, or auto: a scheduler's array index")
	return c
}

// sweep trains a configuration's surrogates on a data set and returns how many there are in this part.
func (f *flags) sweep(ctx context.Context, x *experiment.Config, data, out string) (rows int, err error) {
	if _, err := x.Trials(); err != nil {
		return 0, usageError{err}
	}
	set, err := traces.Open(data)
	if err != nil {
		return 0, err
	}
	if err := x.CheckData(set.Info()); err != nil {
		return 0, usageError{err}
	}
	o := x.Sweep()
	if o.Part, o.Parts, err = f.parts(); err != nil {
		return 0, err
	}
	unlock, err := atomicfile.LockFolder(out, o.Parts > 1)
	if err != nil {
		return 0, err
	}
	defer unlock()
	var done func()
	if o.GPUs, done, err = f.openGPUs(ctx); err != nil {
		return 0, err
	}
	defer done()
	f.unrounded(o.Config, o.GPUs)
	bar, hook := f.trainingBar()
	o.DataDir, o.OutDir, o.Resume, o.Overwrite, o.Threads = data, out, f.resume, f.overwrite, f.cores()
	o.Study.Version = version
	o.Hooks = []func(trainer.Progress){hook}
	o.Trials = []func(trainer.TrialDone){func(d trainer.TrialDone) {
		bar.end()
		switch r := d.Row; {
		case r.Error != "":
			f.remark("trial failed", "surrogate", r.Name, "error", r.Error)
		case !d.Skipped:
			f.remark(fmt.Sprintf("trial %d of %d", d.Done, d.Of), "surrogate", r.Name, "parameters", console.Count(r.Parameters), "AUC", fmt.Sprintf("%.4f", r.Fidelity.AUC))
		}
	}}
	res, err := trainer.Sweep(ctx, o)
	bar.end()
	if res != nil {
		rows = len(res.Rows)
	}
	return rows, blame(x, err)
}

func reportCommand(f *flags) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "report SWEEP [--out report.html]",
		Short: "Parameters per neuron-equivalent: a page, a table, JSON and CSV",
		Long: `report reads a sweep and says how many parameters are equivalent to one neuron. With --out it writes one
self-contained HTML page and, beside it, report.json, frontier.csv and frontier.svg.`,
		Example: "  neq report sweep\n  neq report sweep --out report.html",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out != "" {
				if err := f.writeReport(args[0], out); err != nil {
					return err
				}
			}
			return f.showStudy(c, args[0])
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "HTML `file` to write")
	return c
}

// writeReport writes the page of a sweep and the files beside it.
func (f *flags) writeReport(sweep, page string) error {
	s, err := equivalence.LoadStudy(sweep)
	if err != nil {
		return err
	}
	_, err = equivalence.WriteAll(page, s)
	return err
}

// showStudy prints what a sweep found.
func (f *flags) showStudy(c *cobra.Command, sweep string) error {
	s, err := equivalence.LoadStudy(sweep)
	if err != nil {
		return err
	}
	if f.json {
		r, err := equivalence.NewReport(s)
		if err != nil {
			return err
		}
		return f.result(c.OutOrStdout(), r, "")
	}
	width := 100
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
		width = w
	}
	return equivalence.Table(c.OutOrStdout(), s, width)
}

func runCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "run CONFIG --out FOLDER",
		Short: "All of it: simulate, sweep, report",
		Long: `run simulates the configuration's neuron (FOLDER/traces), trains and scores its surrogates (FOLDER/sweep), and
writes FOLDER/report.html. Interrupted, it exits with 75; --resume goes on.`,
		Example: "  neq run examples/integrate-and-fire.yaml --out out/demo\n  neq run run.yaml --out out --resume",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := experiment.Load(args[0], f.changes(c))
			if err != nil {
				return usageError{err}
			}
			plan, err := x.Plan(version)
			if err != nil {
				return usageError{err}
			}
			if err := x.CheckRun(); err != nil {
				return usageError{err}
			}
			if err := f.enter("an experiment", "traces", "sweep", "report.html"); err != nil {
				return err
			}
			data, sweep, page := filepath.Join(f.out, "traces"), filepath.Join(f.out, "sweep"), filepath.Join(f.out, "report.html")
			if err := f.simulate(c.Context(), plan, data); err != nil {
				return err
			}
			_, err = f.sweep(c.Context(), x, data, sweep)
			var failed *trainer.FailedTrials
			if err != nil && !errors.As(err, &failed) {
				return err
			}
			if err := f.writeReport(sweep, page); err != nil {
				return err
			}
			if err := f.showStudy(c, sweep); err != nil {
				return err
			}
			if !f.json {
				fmt.Fprintf(c.OutOrStdout(), "\nreport: %s\n", page)
			}
			return err
		},
	}
	f.compute(c)
	f.configured(c)
	f.rounding(c)
	f.output(c, "folder of the experiment")
	return c
}

// enter refuses a folder that is not empty, unless told to resume or overwrite what is there and that is of the
// kind asked for: one of its files is there.
func (f *flags) enter(what string, files ...string) error {
	entries, err := os.ReadDir(f.out)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case !f.resume && !f.overwrite && f.part == "":
		return usage("%s is not empty: use --resume to go on with what is there, or --overwrite to replace it", f.out)
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return slices.Contains(files, e.Name()) }) {
		return nil
	}
	return usage("%s is not empty and holds nothing of %s: choose another folder", f.out, what)
}
