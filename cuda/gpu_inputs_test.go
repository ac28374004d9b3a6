//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package cuda

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"neq/cuda/driver"
	"neq/cuda/kernels/inputs"
	"neq/internal/philox"
)

// someInputs are courses of so many samples from first on, with rates and intervals of their own, for a program.
func someInputs(r *inputs.Recipe, s *Synapses, first, lanes int) *Inputs {
	in := &Inputs{Recipe: r, Synapses: s, Most: 600}
	for l := range lanes {
		u := philox.New(5, uint64(first+l), 77)
		c := &inputs.Course{Sample: uint64(first+l) << 20, Length: 5 + u.Intn(90)}
		n := r.Gaussian(c, 5+60*u.Float64())
		for range r.Groups {
			rates := make([]float64, n)
			for k := range rates {
				rates[k] = 4 * u.Float64()
			}
			rates[n/2] = 1000 // which the chance of an event has a bound for
			c.Rates = append(c.Rates, rates)
		}
		in.Courses = append(in.Courses, c)
	}
	return in
}

// recipe is one of 37 synapses, of which some release now and then and some belong to no group.
func recipe(p *Program, bins, steps int) (*inputs.Recipe, *Synapses) {
	const n = 37
	r := &inputs.Recipe{Seed: 1<<40 | 9, Stream: philox.StreamInput, Shares: philox.StreamSpread, Synapses: n, Bins: bins,
		Groups: []inputs.Group{{First: 0, Count: 20}, {First: 22, Count: 15}}, Low: 0.5, High: 1.5}
	s := &Synapses{Release: philox.StreamRelease}
	for i := range n {
		r.Parts = append(r.Parts, (1+float64(i%3))/40)
		s.Receptor = append(s.Receptor, uint16(i%p.receptors()))
		s.Weight = append(s.Weight, 0.01*float32(1+i%4))
		s.Chance = append(s.Chance, []float64{1, 0.5, 0.9, 0}[i%4])
	}
	for ms := range bins {
		due := int32(math.Ceil(float64(ms)/p.Dt - 0.5))
		if int(due) >= steps {
			due = -1
		}
		s.Due = append(s.Due, due)
	}
	return r, s
}

// onHost draws a batch's inputs and turns them into events, as package simulate does.
func onHost(t *testing.T, b *Batch) *Batch {
	t.Helper()
	in := b.Inputs
	c := *b
	c.Inputs = &Inputs{Start: []int64{0}}
	c.Events = Events{Offset: []int64{0}}
	for _, course := range in.Courses {
		bin, synapse := make([]int32, 1<<14), make([]int32, 1<<14)
		n, err := in.Recipe.Plan(course).Draw("", course.Sample, bin, synapse)
		if err != nil || n == 0 || n > len(bin) {
			t.Fatal(n, err)
		}
		release := map[int32]*philox.Stream{}
		for i, ms := range bin[:n] {
			s := synapse[i]
			c.Inputs.Time, c.Inputs.Synapse = append(c.Inputs.Time, float32(ms)), append(c.Inputs.Synapse, s)
			if release[s] == nil {
				release[s] = philox.New(in.Recipe.Seed, course.Sample, in.Release+uint32(s))
			}
			if in.Chance[s] < 1 && release[s].Float64() >= in.Chance[s] || in.Due[ms] < 0 {
				continue
			}
			c.Events.Step, c.Events.Receptor, c.Events.Weight = append(c.Events.Step, in.Due[ms]), append(c.Events.Receptor, in.Receptor[s]), append(c.Events.Weight, in.Weight[s])
		}
		c.Inputs.Start, c.Events.Offset = append(c.Inputs.Start, int64(len(c.Inputs.Time))), append(c.Events.Offset, int64(len(c.Events.Step)))
	}
	return &c
}

// Inputs drawn on the GPU are the host's to the bit, and so is what they drive: in one part or many, where there is too
// little room for them at first, in tiles of few lanes, and together with those of others.
func TestGPUDrawsInputs(t *testing.T) {
	for name, c := range map[string]struct {
		memory int64
		most   int
		bins   int
	}{"at once": {0, 600, 90}, "in parts": {260_000, 600, 90}, "with little room": {0, 3, 90}, "beyond the end": {0, 600, 131}} {
		t.Run(name, func(t *testing.T) {
			if !onFakeGPU(t, "") {
				return
			}
			d := fakeGPU(t, GPUOptions{Memory: c.memory, Threads: 1}).(*gpuDevice)
			p := programs()["hh-receptors"]
			r, s := recipe(&p, c.bins, 90*40)
			var wg sync.WaitGroup
			d.turn <- struct{}{} // so that they run together
			for i, lanes := range []int{23, 4} {
				wg.Go(func() {
					b := batch(&p, 30*i, lanes, 90)
					b.Events = Events{}
					b.Inputs = someInputs(r, s, 30*i, lanes)
					b.Inputs.Most = c.most
					if err := d.Run(context.Background(), &p, b); err != nil {
						t.Error(err)
						return
					}
					got, want := b.Inputs, onHost(t, b)
					if !slices.Equal(got.Start, want.Inputs.Start) || !slices.Equal(got.Time, want.Inputs.Time) || !slices.Equal(got.Synapse, want.Inputs.Synapse) {
						t.Fatalf("batch %d: %d events of %d lanes, want %d at %v", i, len(got.Time), len(got.Start)-1, len(want.Inputs.Time), want.Inputs.Start)
					}
					drawn := *b
					want.Inputs, want.Trace = nil, nil
					if err := d.Run(context.Background(), &p, want); err != nil {
						t.Error(err)
					} else if !reflect.DeepEqual(drawn.Trace, want.Trace) || !slices.Equal(drawn.SpikeTime, want.SpikeTime) {
						t.Errorf("batch %d: other traces than with the events sent", i)
					}
				})
			}
			for range 1000 {
				d.mu.Lock()
				n := len(d.queue)
				d.mu.Unlock()
				if n == 2 {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			<-d.turn
			wg.Wait()
			if n := d.room.cursor.Len(); c.memory == 0 && n != 27 || c.memory > 0 && n > 14 {
				t.Errorf("there was room for %d lanes at a time", n)
			}
		})
	}
}

// Tiles keep to their scratch memory and miss no lane.
func TestInputTiles(t *testing.T) {
	p := programs()["hh-receptors"]
	r, s := recipe(&p, 90, 3600)
	in := someInputs(r, s, 0, 50)
	for _, x := range []int64{1, 100_000, 1 << 30} {
		g := &gpuPlan{lanes: 50, scratch: x}
		from := 0
		tiles := g.tiles(in)
		for _, to := range tiles.ends {
			bytes := int64(0)
			for _, c := range in.Courses[from:to] {
				bytes += scratch(r, c)
			}
			if to <= from || to-from > 1 && bytes > x || to-from > tiles.lanes {
				t.Errorf("%d bytes: a tile of lanes %d to %d takes %d", x, from, to, bytes)
			}
			from = to
		}
		if n := len(tiles.ends); from != 50 || x == 1 && n != 50 || x == 1<<30 && n != 1 {
			t.Errorf("%d bytes: tiles end at %v", x, tiles.ends)
		}
	}
}

func TestInputsAreChecked(t *testing.T) {
	cpu, err := NewCPU(CPUOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(in *Inputs, b *Batch){
		"the CPU takes events":     func(in *Inputs, b *Batch) {},
		"no events beside them":    func(in *Inputs, b *Batch) { b.Events = Events{[]int64{0, 1, 1}, []int32{0}, []uint16{0}, []float32{0}} },
		"synapses with":            func(in *Inputs, b *Batch) { in.Weight = nil },
		"have a step":              func(in *Inputs, b *Batch) { in.Due = in.Due[1:] },
		"1 courses for 2 lanes":    func(in *Inputs, b *Batch) { in.Courses = in.Courses[:1] },
		"group 1 is synapses":      func(in *Inputs, b *Batch) { in.Recipe.Groups[1].Count = 90 },
		"at receptor 9 of 4":       func(in *Inputs, b *Batch) { in.Receptor[3] = 9 },
		"due at step 1 of 40":      func(in *Inputs, b *Batch) { in.Due[8] = 1 },
		"rates of 1 groups":        func(in *Inputs, b *Batch) { in.Courses[1].Rates = in.Courses[1].Rates[:1] },
		"intervals of 0 ms":        func(in *Inputs, b *Batch) { in.Courses[0].Length = 0 },
		"lane 1: inputs: 4 ms rea": func(in *Inputs, b *Batch) { in.Courses[1].First[2] = 1e6 },
	} {
		p := programs()["hh-receptors"]
		b := batch(&p, 0, 2, 10)
		b.Events, b.Steps = Events{}, 400
		r, s := recipe(&p, 10, 400)
		b.Inputs = someInputs(r, s, 0, 2)
		if strings.HasPrefix(want, "due") {
			b.Steps = 40
			for i := range s.Due {
				s.Due[i] = min(s.Due[i], 39)
			}
		}
		spoil(b.Inputs, b)
		if err := cpu.Run(context.Background(), &p, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if Draws(cpu) {
		t.Error("the CPU draws")
	}
}

// Where one lane's tables do not fit, the error says so.
func TestGPUInputsDoNotFit(t *testing.T) {
	if !onFakeGPU(t, "") {
		return
	}
	p := programs()["hh-receptors"]
	d := fakeGPU(t, GPUOptions{Memory: 20_000})
	r, s := recipe(&p, 90, 3600)
	b := batch(&p, 0, 2, 90)
	b.Events, b.Inputs = Events{}, someInputs(r, s, 0, 2)
	if err := d.Run(context.Background(), &p, b); !errors.Is(err, driver.OutOfMemory) || !strings.Contains(err.Error(), "one cell of this batch takes") {
		t.Error(err)
	}
}
