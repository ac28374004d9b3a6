package trainer

import (
	"fmt"
	"slices"
	"strings"

	"neq/data/traces"
)

// Fits says whether a data set's inputs are the ones the model was trained on: their number, the order and kinds of
// their groups and, where both are of a neuron with dendrites, the place of each on it.
func (d *Description) Fits(info traces.Info) error {
	if d.Inputs != info.Inputs || !slices.Equal(d.Synapses, info.Synapses) {
		return fmt.Errorf("trainer: the model was trained on %d inputs (%s), the data set has %d (%s): they must be the same, in the same order",
			d.Inputs, groups(d.Synapses), info.Inputs, groups(info.Synapses))
	}
	was, is := d.Data.Cell, info.Cell
	if was == nil || is == nil || len(was.Synapses) != d.Inputs || len(is.Synapses) != d.Inputs {
		return nil
	}
	for y := range d.Inputs {
		a, b := place(was, y), place(is, y)
		if a != b {
			return fmt.Errorf("trainer: the model was trained on a neuron (%s) whose synapse %d is at %s, in the data set (%s) it is at %s: "+
				"they must be the same, in the same order", was.Morphology, y, a, is.Morphology, b)
		}
	}
	return nil
}

// place says where a synapse is: region[section](x).
func place(c *traces.Cell, synapse int) string {
	k := c.Synapses[synapse]
	if k < 0 || int(k) >= len(c.Segments) {
		return fmt.Sprintf("no segment (%d)", k)
	}
	s := c.Segments[k]
	return fmt.Sprintf("%s[%d](%.4g)", s.Region, s.Section, s.X)
}

func groups(list []traces.SynapseInfo) string {
	var s []string
	for _, g := range list {
		s = append(s, fmt.Sprintf("%d %s %s", g.Count, g.Kind, g.Name))
	}
	return strings.Join(s, ", ")
}
