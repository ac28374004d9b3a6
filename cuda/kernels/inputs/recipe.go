package inputs

import (
	"fmt"
	"math"

	"neq/internal/philox"
)

// Recipe is what the inputs of all samples of a protocol have in common: synapses in groups, in each of which a
// synapse takes a share of the group's rate that it draws anew in every interval.
type Recipe struct {
	Seed      uint64
	Stream    uint32 // of synapse 0's events; synapse s draws from Stream+s
	Shares    uint32 // of synapse 0's shares
	Synapses  int
	Bins      int // ms
	Groups    []Group
	Parts     []float64 // [Synapses] of its group's events that a synapse receives on average
	Low, High float64   // what that is multiplied by is uniform between them
}

// Group is a run of synapses.
type Group struct{ First, Count int }

// Course is the rates of one sample in so few numbers that a GPU can be sent them: it makes the Plan of them itself,
// to the bit.
type Course struct {
	Sample uint64
	Length int         // ms of an interval
	Before int         // intervals before the sample
	Rates  [][]float64 // [group][interval] mean events per ms of all the group
	Band   int         // intervals that reach 4 ms
	First  []int32     // [ceil(Bins/4)] first of those
	Mass   []float64   // of the smoothing kernel beyond a distance (ms) from the middle of a ms: [i] at i - len/2
}

// Row is the number of synapses of a plan.
func (r *Recipe) Row() int { return (r.Synapses + 15) / 16 * 16 }

// Spans is the number of groups of 4 ms of a plan.
func (r *Recipe) Spans() int { return (r.Bins + 3) / 4 }

// Plan is the course with its tables. Products are rounded before they are added (float64(x)): processors that can do
// both at once would draw other events.
func (r *Recipe) Plan(c *Course) *Plan {
	row, spans, intervals := r.Row(), r.Spans(), len(c.Rates[0])
	p := &Plan{Seed: r.Seed, Stream: r.Stream, Exponential: true, Row: row, Bins: r.Bins, Band: c.Band, First: c.First,
		Kernel: make([]float32, spans*c.Band*4), Amplitude: make([]float32, intervals*row)}
	far := len(c.Mass) / 2
	edge := func(k, t int) float64 { return c.Mass[min(max((k-c.Before)*c.Length-t+far, 0), 2*far)] }
	for g, first := range c.First {
		for q := range 4 {
			here := edge(int(first), 4*g+q)
			for j := range c.Band {
				next := edge(int(first)+j+1, 4*g+q)
				p.Kernel[(g*c.Band+j)*4+q] = float32(here - next)
				here = next
			}
		}
	}
	for i, g := range r.Groups {
		for s := g.First; s < g.First+g.Count; s++ {
			u := philox.New(r.Seed, c.Sample, r.Shares+uint32(s))
			for k, x := range c.Rates[i] {
				rate := float64(x*r.Parts[s]) * (r.Low + float64((r.High-r.Low)*u.Float64()))
				p.Amplitude[k*row+s] = float32(min(rate, MaxMean))
			}
		}
	}
	return p
}

// Gaussian makes the course's smoothing kernel, of width sigma ms, for a recipe: intervals reach as far as 4 sigma,
// beyond which a Gaussian holds 6e-5 of its mass. It sets Before, Band, First and Mass, and returns how many
// intervals there are.
func (r *Recipe) Gaussian(c *Course, sigma float64) (intervals int) {
	const reach = 4
	length := float64(c.Length)
	c.Before = int(math.Ceil(reach * sigma / length))
	intervals = 2*c.Before + int(math.Ceil(float64(r.Bins)/length)) + 3
	c.Band = min(int(math.Ceil((2*reach*sigma+4)/length))+1, intervals)
	// Intervals last a whole number of ms, so that the integral is needed at whole distances only.
	far := int(reach*sigma) + 2*c.Length + 8
	c.Mass = make([]float64, 2*far+1)
	for d := range c.Mass {
		c.Mass[d] = 0.5 * math.Erfc((float64(d-far)-0.5)/(sigma*math.Sqrt2))
	}
	c.First = make([]int32, r.Spans())
	for g := range c.First {
		first := int(math.Floor((float64(4*g)-float64(reach*sigma))/length)) + c.Before
		c.First[g] = int32(min(max(first, 0), intervals-c.Band))
	}
	return intervals
}

// Check says what of a course does not fit its recipe.
func (c *Course) Check(r *Recipe) error {
	if len(c.Rates) != len(r.Groups) || len(c.Rates) == 0 {
		return fmt.Errorf("inputs: rates of %d groups, there are %d", len(c.Rates), len(r.Groups))
	}
	intervals := len(c.Rates[0])
	for _, x := range c.Rates {
		if len(x) != intervals {
			return fmt.Errorf("inputs: groups of %d and %d intervals", intervals, len(x))
		}
	}
	if c.Length < 1 || c.Band < 1 || len(c.Mass)%2 == 0 || len(c.First) != r.Spans() {
		return fmt.Errorf("inputs: intervals of %d ms, a band of %d, %d masses, %d firsts: want 1 or more of both, an odd number and %d",
			c.Length, c.Band, len(c.Mass), len(c.First), r.Spans())
	}
	for _, f := range c.First {
		if f < 0 || int(f)+c.Band > intervals {
			return fmt.Errorf("inputs: 4 ms reach to interval %d of %d", int(f)+c.Band-1, intervals)
		}
	}
	return nil
}
