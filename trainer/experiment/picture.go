package experiment

import (
	"fmt"

	"neq/data/neuron"
	"neq/data/neuron/morphology"
)

// picture draws a cell with dendrites for the report, and says what the colours show. A cell that cannot be drawn has
// none: the report is about its surrogates.
func (c *Config) picture(cell *neuron.Cell) (svg, colours string) {
	d := morphology.Drawing{Alone: true}
	colours = "the regions"
	if m := c.Report.Colours; m != "" && m != "region" {
		density, err := cell.Density(m)
		if err != nil {
			return "", ""
		}
		d.Values, d.Label, d.Log = density, m+" (S/cm²)", spread(density)
		colours = "the maximal conductance of " + m
	}
	svg, err := morphology.Draw(cell.Cable, d)
	if err != nil {
		return "", ""
	}
	return svg, colours
}

// spread tells whether positive values differ so much that a logarithmic scale shows more of them.
func spread(v []float64) bool {
	low, high := 0.0, 0.0
	for _, x := range v {
		if !(x > 0) {
			continue
		}
		if low == 0 || x < low {
			low = x
		}
		high = max(high, x)
	}
	return low > 0 && high > 30*low
}

// checkColours tells whether the report can colour the cell as asked.
func (c *Config) checkColours() error {
	m := c.Report.Colours
	if m == "" || m == "region" {
		return nil
	}
	cell, err := c.compile()
	if err != nil {
		return err
	}
	if _, err := cell.Density(m); err != nil {
		return fmt.Errorf("report.colours: %w", err)
	}
	return nil
}
