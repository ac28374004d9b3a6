// Package speed measures how fast this machine simulates neuron models and trains surrogates, through the same calls
// that neq makes for a user.
package speed

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"neq/cuda"
	"neq/data/neuron"
	"neq/internal/philox"
)

// Simulation is the rate of one neuron model at one time step on one device.
type Simulation struct {
	Model         string  `json:"model"`
	Device        string  `json:"device"`
	Dt            float64 `json:"dt_ms"`
	Segments      int     `json:"segments"` // 1 of a point neuron
	Synapses      int     `json:"synapses"`
	Cells         int     `json:"cells"` // integrated together
	Duration      float64 `json:"duration_ms"`
	NeuronSteps   float64 `json:"neuron_steps_per_s"`
	SegmentSteps  float64 `json:"segment_steps_per_s"`
	NeuronSeconds float64 `json:"neuron_seconds_per_s"`
	InputRate     float64 `json:"input_events_per_s"`  // of one cell
	OutputRate    float64 `json:"output_spikes_per_s"` // of one cell
	Refused       string  `json:"refused,omitempty"`   // why there is no rate: a step that the model cannot bear
}

// Input rates of the layer 5 cell in Beniaguev, Segev & London 2021 (Neuron 109:2727), Hz a synapse.
const (
	excitatoryRate = 12
	inhibitoryRate = 9.5
)

// Cost is about how long a measurement takes.
const Cost = 450 * time.Millisecond

// Simulate measures a neuron model under Poisson input of the paper's mean rates, on all its synapses.
func Simulate(ctx context.Context, d cuda.Device, threads int, cfg neuron.Config, o neuron.Options) (Simulation, error) {
	r := Simulation{Model: cfg.Model, Device: d.Name(), Dt: o.Dt, Segments: 1}
	cell, err := neuron.Compile(cfg, o)
	var key *neuron.KeyError
	if errors.As(err, &key) && (key.Key == "dt_ms" || key.Key == "neuron.parameters.refractory_ms") {
		r.Refused = key.Error()
		return r, nil
	} else if err != nil {
		return r, err
	}
	// a block of a point neuron has 128 lanes, one of a tree up to 64
	r.Cells = 128 * threads
	if cell.Cable != nil {
		r.Segments, r.Cells = len(cell.Cable.Segments), 64*threads
	}
	r.Synapses = len(cell.Synapses)
	r.Duration = 20
	if cell.Cable == nil {
		r.Duration = 200
	}
	b := batch(cell, r.Cells, r.Duration)
	took, err := timed(ctx, d, cell, b) // also the warm-up
	if err != nil {
		return r, err
	}
	longer := math.Min(0.15/took.Seconds(), 4000/r.Duration)
	if longer > 1.5 {
		r.Duration = math.Round(r.Duration * longer)
		b = batch(cell, r.Cells, r.Duration)
	}
	best := time.Duration(math.MaxInt64)
	for range 2 {
		if took, err = timed(ctx, d, cell, b); err != nil {
			return r, err
		}
		best = min(best, took)
	}
	steps := float64(r.Cells) * float64(b.Steps)
	r.NeuronSteps = steps / best.Seconds()
	r.SegmentSteps = r.NeuronSteps * float64(r.Segments)
	r.NeuronSeconds = r.NeuronSteps * cell.Program.Dt / 1000
	bio := float64(r.Cells) * r.Duration / 1000
	r.InputRate, r.OutputRate = float64(len(b.Events.Step))/bio, float64(b.SpikeStart[r.Cells])/bio
	return r, nil
}

func timed(ctx context.Context, d cuda.Device, cell *neuron.Cell, b *cuda.Batch) (time.Duration, error) {
	began := time.Now()
	err := d.Run(ctx, &cell.Program, b)
	return time.Since(began), err
}

// batch is so many cells for so many ms under Poisson input, their voltage recorded every ms. A lane's input depends on
// its number alone.
func batch(cell *neuron.Cell, lanes int, ms float64) *cuda.Batch {
	dt := cell.Program.Dt
	every := max(1, int(math.Round(1/dt)))
	b := &cuda.Batch{Lanes: lanes, Steps: int(ms) * every, Every: every, Record: []int{0}}
	b.Events.Offset = append(b.Events.Offset, 0)
	// the events of all synapses of one rate are one Poisson train of their summed rate, each at a synapse drawn
	var excitatory, inhibitory []int
	for i := range cell.Synapses {
		if inhibits(cell, i) {
			inhibitory = append(inhibitory, i)
		} else {
			excitatory = append(excitatory, i)
		}
	}
	type event struct {
		step int32
		at   int
	}
	var of []event
	for l := range lanes {
		of = of[:0]
		s := philox.New(1, uint64(l), philox.StreamInput)
		for _, train := range []struct {
			rate     float64
			synapses []int
		}{{excitatoryRate, excitatory}, {inhibitoryRate, inhibitory}} {
			for t := 0.0; len(train.synapses) > 0; {
				t -= 1000 / (train.rate * float64(len(train.synapses))) * math.Log(s.Float64())
				if t >= ms {
					break
				}
				of = append(of, event{int32(t / dt), train.synapses[s.Intn(len(train.synapses))]})
			}
		}
		slices.SortStableFunc(of, func(a, b event) int { return int(a.step - b.step) })
		for _, e := range of {
			b.Events.Step = append(b.Events.Step, e.step)
			b.Events.Receptor = append(b.Events.Receptor, cell.Synapses[e.at].Receptor)
			b.Events.Weight = append(b.Events.Weight, cell.Synapses[e.at].Device)
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
	}
	return b
}

// inhibits tells an inhibitory synapse by its kind, or by the sign of a jump.
func inhibits(cell *neuron.Cell, i int) bool {
	kind := cell.Config.Synapses[cell.Synapses[i].Group].Kind
	return kind == "gaba_a" || kind == "gaba_b" || kind == "gaba_a+gaba_b" || kind == "delta" && cell.Synapses[i].Weight < 0
}

// Longest is the step that a model refused for a longer one, in words.
func (s *Simulation) Longest() string {
	if _, after, ok := strings.Cut(s.Refused, " = "); ok {
		step, _, _ := strings.Cut(after, ":")
		return step
	}
	return "shorter: " + s.Refused
}
