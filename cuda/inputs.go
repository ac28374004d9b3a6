package cuda

import (
	"fmt"
	"math"

	"neq/cuda/kernels/inputs"
)

// Inputs are events that a device draws itself (where Draws says it does) in place of Batch.Events, to the bit those
// that the host would draw by inputs.Recipe.Plan and deliver: an event at synapse s releases with Chance[s], by the
// next number of the stream Release+s, and acts before the step at which its ms is due.
type Inputs struct {
	*Synapses
	Recipe  *inputs.Recipe
	Courses []*inputs.Course // [lanes]
	Most    int              // events of a lane that room is made for at first

	// Results: all events drawn, of lane l those from Start[l] <= i < Start[l+1], by ms and then synapse.
	Start   []int64
	Time    []float32 // ms
	Synapse []int32
}

// Synapses are what events at each synapse do. Batches that share one (and a Recipe) may run together.
type Synapses struct {
	Receptor []uint16
	Weight   []float32
	Chance   []float64 // that an event releases
	Release  uint32    // stream of synapse 0
	Due      []int32   // [ms] step before which the events of a ms act; -1 after the last
}

// Draws says whether a device draws Inputs. The CPU takes Events alone.
func Draws(d Device) bool {
	_, ok := d.(*gpuDevice)
	return ok
}

// checkInputs says what is wrong with a batch's inputs for a program with so many receptors.
func (b *Batch) checkInputs(receptors int) error {
	in := b.Inputs
	if in == nil {
		return nil
	}
	wrong := func(form string, a ...any) error { return fmt.Errorf("cuda: batch: inputs: "+form, a...) }
	if in.Recipe == nil || in.Synapses == nil || len(b.Events.Step) > 0 {
		return wrong("want a recipe and synapses, and no events beside them")
	}
	r, s := in.Recipe, in.Synapses
	switch n := r.Synapses; {
	case n < 1 || n > inputs.MaxSynapses || len(r.Parts) != n || len(s.Receptor) != n || len(s.Weight) != n || len(s.Chance) != n:
		return wrong("%d synapses with %d parts, %d receptors, %d weights and %d chances", n, len(r.Parts), len(s.Receptor), len(s.Weight), len(s.Chance))
	case len(s.Due) != r.Bins || r.Bins < 1 || r.Bins > math.MaxUint16*4:
		return wrong("%d ms, of which %d have a step: at most %d", r.Bins, len(s.Due), math.MaxUint16*4)
	case len(in.Courses) != b.Lanes:
		return wrong("%d courses for %d lanes", len(in.Courses), b.Lanes)
	}
	for i, g := range r.Groups {
		if g.First < 0 || g.Count < 0 || g.First > r.Synapses-g.Count {
			return wrong("group %d is synapses %d to %d of %d", i, g.First, g.First+g.Count-1, r.Synapses)
		}
	}
	for i, x := range s.Receptor {
		if int(x) >= receptors {
			return wrong("synapse %d is at receptor %d of %d", i, x, receptors)
		}
	}
	last := int32(0)
	for ms, x := range s.Due {
		if x >= 0 && (x < last || int(x) >= b.Steps) {
			return wrong("events of ms %d are due at step %d of %d, after step %d", ms, x, b.Steps, last)
		}
		last = max(last, x)
	}
	for l, c := range in.Courses {
		if err := c.Check(r); err != nil {
			return wrong("lane %d: %w", l, err)
		}
	}
	return nil
}
