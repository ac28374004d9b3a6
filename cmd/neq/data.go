package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/data/traces"
	"neq/internal/console"
)

func verifyCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "verify DATA",
		Short: "Check every file of a data set against its checksum",
		Long:  "verify reads a whole data set, names every file that is not as it was written, and then exits with 3.",
		Example: `  neq verify traces
  neq verify traces || neq simulate run.yaml --out traces --resume    writes the bad shards again`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := traces.Verify(args[0], f.steps("verify", "shards"))
			if err != nil {
				if f.json && report != nil {
					err = errors.Join(err, f.result(c.OutOrStdout(), report, ""))
				}
				return err
			}
			return f.result(c.OutOrStdout(), report, fmt.Sprintf("%s: whole: %d shards, %s read\n", args[0], report.Checked, console.Bytes(report.Bytes)))
		},
	}
}

// steps returns a callback that draws a bar of so many steps.
func (f *flags) steps(title, unit string) func(done, total int) {
	var bar *console.Progress
	return func(done, total int) {
		if bar == nil {
			bar = f.progress(title, int64(total), 0, unit, 1)
		}
		bar.Set(int64(done))
		if done == total {
			bar.End()
		}
	}
}

func inspectCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:     "inspect DATA",
		Short:   "Say what is in a data set: rates, voltages, size, where it came from",
		Example: "  neq inspect traces\n  neq inspect traces --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := traces.Inspect(args[0], f.steps("inspect", "shards"))
			if err != nil {
				return err
			}
			return f.result(c.OutOrStdout(), s, describe(filepath.Clean(args[0]), s))
		},
	}
}

// describe lays a data set's statistics out for reading.
func describe(dir string, s *traces.Stats) string {
	var b strings.Builder
	line := func(name, format string, a ...any) {
		fmt.Fprintf(&b, "%-14s "+format+"\n", append([]any{name}, a...)...)
	}
	line("data set", "%s: %s", dir, s.Neuron)
	line("samples", "%s of %s ms in %d shards", console.Count(s.Samples), console.Count(s.Duration), s.Shards)
	for _, p := range s.Splits {
		line("", "%-12s %s", p.Name, console.Count(p.Count))
	}
	for _, g := range s.Groups {
		line("input", "%-12s %d %s synapses at %.2f Hz", g.Name, g.Count, g.Kind, g.Rate)
	}
	line("output", "%.2f Hz (sd over samples %.2f), %.1f %% of samples silent", s.RateMean, s.RateSD, 100*s.Silent)
	if s.SpikeRule != "" {
		line("", "a spike is %s", s.SpikeRule)
	}
	for _, v := range append([]traces.Summary{s.Voltage}, s.Record...) {
		name := v.Name
		switch n := len(v.Sites); {
		case n == 1:
			name += "@" + v.Sites[0]
		case n > 1:
			name += fmt.Sprintf(" at %d sites", n)
		}
		line("recorded", "%-12s %.4g %s (sd %.3g), from %.4g to %.4g", name, v.Mean, v.Unit, v.SD, v.Min, v.Max)
	}
	for _, w := range s.Windows {
		line("", "from %g to %g ms every %g ms", w.Start, w.Stop, w.Every)
	}
	if c := s.Cell; c != nil {
		line("cell", "%s, %d segments, shape %.12s", c.Morphology, c.Segments, c.SHA256)
		for _, r := range c.Regions {
			line("", "%-12s %d segments, %.0f um, %d synapses", r.Name, r.Segments, r.Length, r.Synapses)
		}
	}
	line("size", "%s, %s a neuron-second", console.Bytes(s.Bytes), console.Bytes(int64(s.BytesPerSecond)))
	line("made by", "neq %s on %s, seed %d", strings.Join(s.Versions, ", "), strings.Join(s.Devices, ", "), s.Seed)
	return b.String()
}
