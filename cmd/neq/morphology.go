package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"neq/data/neuron/morphology"
	"neq/internal/atomicfile"
	"neq/internal/console"
)

// colours are the figures of a segment that a picture may show.
var colours = map[string]struct {
	label string
	log   bool
	of    func(*morphology.Segment) float64
}{
	"distance": {"from the soma (µm)", false, func(s *morphology.Segment) float64 { return s.PathDistance }},
	"diameter": {"diameter (µm)", true, func(s *morphology.Segment) float64 { return s.Diam }},
	"area":     {"area (µm²)", true, func(s *morphology.Segment) float64 { return s.Area }},
}

func morphologyCommand(f *flags) *cobra.Command {
	var svg, colour string
	var stub bool
	var division morphology.Division
	c := &cobra.Command{
		Use:   "morphology [FILE]",
		Short: "Say what is in a reconstructed neuron (SWC, Neurolucida ASC), and draw it",
		Long: `morphology reads a reconstruction, divides it into segments as NEURON does, and sums up each region: sections,
segments, length, area, mean diameter, longest path from the soma. Without a file it takes the built-in cell, which is
like a pyramidal cell of cortical layer 5.`,
		Example: `  neq morphology
  neq morphology cell.asc --stub-axon --svg cell.svg
  neq morphology cell.swc --svg cell.svg --colour diameter
  neq morphology --segment-length 20 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !(division.SegmentLength > 0) {
				return usage("--segment-length %g: want micrometres, above 0", division.SegmentLength)
			}
			if _, ok := colours[colour]; !ok && colour != "region" {
				return usage("--colour %s: want region, %s", colour, strings.Join(slices.Sorted(maps.Keys(colours)), ", "))
			}
			if colour != "region" && svg == "" {
				return usage("--colour %s needs a picture: give --svg FILE", colour)
			}
			m := morphology.Grow(morphology.GrownSeed)
			if len(args) == 1 {
				var err error
				if m, err = morphology.Read(args[0]); err != nil {
					return err
				}
			}
			if stub {
				m = m.StubAxon()
			}
			cable, err := m.Divide(division)
			if err != nil {
				return err
			}
			if svg != "" {
				if err := drawCell(svg, colour, cable); err != nil {
					return err
				}
			}
			return f.result(c.OutOrStdout(), summarise(cable), describeCable(cable))
		},
	}
	c.Flags().StringVar(&svg, "svg", "", "draw the cell into this `FILE`")
	c.Flags().StringVar(&colour, "colour", "region", "what colours show: region, "+strings.Join(slices.Sorted(maps.Keys(colours)), ", "))
	c.Flags().BoolVar(&stub, "stub-axon", false, "put two cylinders, 30 µm long and 1 µm thick, in the place of the axon")
	c.Flags().Float64Var(&division.SegmentLength, "segment-length", 40, "a section of `MICROMETRES` L has 1 + 2 int(L / this) segments")
	return c
}

func drawCell(path, colour string, c *morphology.Cable) error {
	o := morphology.Drawing{Title: filepath.Base(c.Morphology.Name), Alone: true}
	if k, ok := colours[colour]; ok {
		o.Label, o.Log = k.label, k.log
		for i := range c.Segments {
			o.Values = append(o.Values, k.of(&c.Segments[i]))
		}
	}
	text, err := morphology.Draw(c, o)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, []byte(text+"\n"))
}

// summary is a cell in figures.
type summary struct {
	Name     string                     `json:"name"`
	Sections int                        `json:"sections"`
	Segments int                        `json:"segments"`
	Nodes    int                        `json:"nodes"` // segments, and points without membrane where sections meet
	Regions  []morphology.RegionFigures `json:"regions"`
}

func summarise(c *morphology.Cable) summary {
	return summary{c.Morphology.Name, len(c.Morphology.Sections), len(c.Segments), len(c.Nodes), c.Regions()}
}

// describeCable lays the figures out as a table.
func describeCable(c *morphology.Cable) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s sections, %s segments, %s nodes\n\n", c.Morphology.Name, console.Count(len(c.Morphology.Sections)),
		console.Count(len(c.Segments)), console.Count(len(c.Nodes)))
	fmt.Fprintf(&b, "%-18s %8s %8s %12s %14s %13s %14s\n", "region", "sections", "segments", "length (µm)", "area (µm²)", "diameter (µm)", "farthest (µm)")
	for _, r := range c.Regions() {
		name := morphology.RegionWords(r.Region)
		if name != r.Region {
			name = r.Region + ", " + strings.TrimSuffix(name, " dendrites")
		}
		fmt.Fprintf(&b, "%-18s %8s %8s %12s %14s %13.2f %14.0f\n", name, console.Count(r.Sections), console.Count(r.Segments),
			console.Rate(r.Length), console.Rate(r.Area), r.Diam, r.Farthest)
	}
	return b.String()
}
