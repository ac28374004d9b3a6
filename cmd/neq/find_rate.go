package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"neq/internal/atomicfile"
	"neq/internal/plot"
	"neq/trainer"
)

// checkFindRate refuses what a sweep of rates cannot follow.
func (f *flags) checkFindRate(c *cobra.Command) error {
	if f.resume {
		return usage("--resume with --find-rate: a sweep of rates is short and keeps nothing to go on with")
	}
	if f.out == "" {
		return nil
	}
	if !strings.HasSuffix(f.out, ".svg") {
		return usage("--out %s: with --find-rate it is a picture of the loss: give it a name that ends in .svg", f.out)
	}
	if _, err := os.Stat(f.out); err == nil && !f.overwrite {
		return usage("--out %s exists: --overwrite replaces it", f.out)
	}
	return nil
}

// findRate looks for a learning rate in place of a fit.
func (f *flags) findRate(c *cobra.Command, o trainer.FitOptions, bar *trainingBar) error {
	curve, err := trainer.FindRate(c.Context(), trainer.RateOptions{FitOptions: o})
	bar.end()
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := os.MkdirAll(filepath.Dir(f.out), 0o777); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(f.out, []byte(curve.SVG())); err != nil {
			return err
		}
	}
	return f.result(c.OutOrStdout(), curve, rateTable(curve))
}

// rateTable is a curve in about twenty lines.
func rateTable(c *trainer.RateCurve) string {
	var b strings.Builder
	line := func(w io.Writer, p trainer.RatePoint) {
		fmt.Fprintf(w, "%14.2e %10.4f %10.4f\n", p.Rate, p.Loss, p.Smooth)
	}
	fmt.Fprintf(&b, "%14s %10s %10s\n", "learning rate", "loss", "smoothed")
	every := max(1, len(c.Points)/20)
	for i := 0; i < len(c.Points); i += every {
		line(&b, c.Points[i])
	}
	if last := len(c.Points) - 1; last >= 0 && last%every != 0 {
		line(&b, c.Points[last])
	}
	if c.Diverged {
		b.WriteString("the loss diverged here\n")
	}
	if c.Suggested == 0 {
		b.WriteString("no rate: the loss never fell; look at the targets and the loss weights\n")
		return b.String()
	}
	fmt.Fprintf(&b, "steepest at %s, lowest at %s\nlearning_rate: %s    # a tenth of where the loss is lowest\n",
		plot.Figures(c.Steepest, 2), plot.Figures(c.Minimum, 2), plot.Figures(c.Suggested, 2))
	return b.String()
}
