package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/traces"
)

// parameters names the neuron's overridden parameters, for errors.
func (p *Plan) parameters() string {
	text, err := json.Marshal(p.Cell.Config.Parameters)
	if err != nil || len(p.Cell.Config.Parameters) == 0 {
		set := p.Cell.Config.Set
		if m, err := neuron.Lookup(p.Info.Neuron); err == nil && set == "" && len(m.Sets) > 0 {
			set = m.Sets[0].Name
		}
		return "those of the set " + set
	}
	return string(text)
}

// Estimate is what a data set will take.
type Estimate struct {
	Bytes         int64         // in memory; on disk it is compressed, to about half
	NeuronSeconds float64       // of biology
	Time          time.Duration // on the device, from a short trial; 0 where that failed
}

// Estimate runs a trial of a few cells for a few ms and scales it up. The trial takes about half a second: a first ms
// tells how long that is.
func (p *Plan) Estimate(ctx context.Context, dev cuda.Device, threads int) Estimate {
	in := &p.Info
	n := int64(in.Samples)
	e := Estimate{NeuronSeconds: float64(n) * float64(in.Duration) / 1000}
	e.Bytes = n*p.storedBytes() + int64(float64(n)*p.protocol.Rate()*float64(in.Duration))*8
	trial, fill := *p, p.fill(dev)
	samples := min(in.Samples, fill, 1024)
	run := func(ms, samples int) (drawing, running time.Duration, ok bool) {
		trial.steps, trial.protocol = ms*p.perMs, p.protocol.First(ms)
		start := time.Now()
		d, err := trial.input(ctx, trial.onDevices([]cuda.Device{dev}), 0, samples, threads)
		drawing = time.Since(start)
		ok = err == nil && dev.Run(ctx, &p.Cell.Program, d.batch) == nil
		return drawing, time.Since(start) - drawing, ok
	}
	if _, _, ok := run(1, 1); !ok { // a GPU compiles its kernels first
		return e
	}
	_, first, ok := run(1, samples)
	if !ok {
		return e
	}
	ms := max(1, min(in.Duration, 100, int(trialTime/max(first, time.Microsecond))))
	drawing, running, ok := run(ms, samples)
	if !ok {
		return e
	}
	if d := running - first; ms > 1 && d > 0 { // what a batch takes however short is not scaled up
		running = d * time.Duration(ms) / time.Duration(ms-1)
	}
	full := math.Ceil(float64(in.Samples) / float64(max(samples, fill))) // batches that fill the device take the trial's time
	e.Time = time.Duration((float64(in.Samples)/float64(samples)*float64(drawing) + full*float64(running)) * float64(in.Duration) / float64(ms))
	return e
}

// trialTime is how long the trial of an estimate is to take.
const trialTime = time.Second / 2

// storedBytes is what the recorded values of a sample take on disk before compression.
func (p *Plan) storedBytes() int64 {
	size := func(half bool) int64 {
		if half {
			return 2
		}
		return 4
	}
	in := &p.Info
	values := int64(in.Duration)
	for _, w := range in.Windows {
		values += int64(w.Values())
	}
	n := 4 * values
	for _, v := range in.Record {
		n += size(in.Halved(v.Unit)) * values
	}
	return n
}

// fill is how many cells keep a device busy. Cells with dendrites are integrated a few lanes at a time on a CPU.
func (p *Plan) fill(dev cuda.Device) int {
	if p.Cell.Program.Tree != nil {
		return cuda.FillTree(dev)
	}
	return cuda.Fill(dev)
}

// Options say how a plan is run.
type Options struct {
	Threads  int               // 0: all cores
	Progress func(samples int) // told of samples that are done, in any order; may be nil
}

// share lists every device as often as it takes shards at a time: a GPU that needs more lanes than a shard has to be
// busy runs several as one batch. They are held in memory meanwhile: shardMemory bounds them.
func (p *Plan) share(devices []cuda.Device, shards int) []cuda.Device {
	in := &p.Info
	bytes := int64(float64(in.SamplesPerShard) * p.denseBytes())
	bytes += int64(float64(in.SamplesPerShard)*p.protocol.Rate()*float64(in.Duration)) * 18 // as stored, and as a device takes it
	most := max(1, min(shards, int(shardMemory/max(bytes, 1)))/max(1, len(devices)))
	var all []cuda.Device
	for _, d := range devices {
		for range max(1, min(most, p.fill(d)/max(in.SamplesPerShard, laneBlock))) {
			all = append(all, d)
		}
	}
	return all
}

// laneBlock is the run of lanes that a core or a block of a GPU integrates together, however few are asked for.
const laneBlock = 128

// shardMemory is what shards that run at a time on devices larger than one may take together.
const shardMemory = 4 << 30

// Run simulates the shards the writer lacks and writes them, a shard or several at a time on each device, while the
// next one's input is drawn. When ctx is cancelled it finishes and writes the shards in hand, begins no other, and
// returns the cause; a later run with resume does the rest. Memory is bounded by two shards and those on the devices.
func (p *Plan) Run(ctx context.Context, devices []cuda.Device, w *traces.Writer, o Options) error {
	if o.Threads <= 0 {
		o.Threads = runtime.NumCPU()
	}
	work, fail := context.WithCancelCause(context.WithoutCancel(ctx)) // ends on an error alone
	defer fail(nil)
	inputs, outputs := make(chan *drawn), make(chan *drawn)
	drawing := p.onDevices(devices)
	var wg sync.WaitGroup
	wg.Go(func() { // draws
		defer close(inputs)
		for _, k := range w.Missing() {
			if ctx.Err() != nil {
				return
			}
			first, count := p.Info.ShardSamples(k)
			d, err := p.input(work, drawing, first, count, o.Threads)
			if err != nil {
				fail(err)
				return
			}
			d.index = k
			select {
			case inputs <- d:
			case <-ctx.Done():
				return
			case <-work.Done():
				return
			}
		}
	})
	wg.Go(func() { // writes
		for d := range outputs {
			if work.Err() != nil {
				continue
			}
			if err := w.WriteShard(d.index, d.shard); err != nil {
				fail(err)
			} else if o.Progress != nil {
				o.Progress(d.shard.Samples)
			}
		}
	})
	var integrating sync.WaitGroup
	for _, dev := range p.share(devices, len(w.Missing())) {
		integrating.Go(func() {
			for d := range inputs {
				if _, err := p.run(work, dev, d); err != nil {
					fail(err)
					return
				}
				d.batch = nil
				outputs <- d
			}
		})
	}
	integrating.Wait()
	close(outputs)
	wg.Wait()
	if work.Err() != nil {
		return context.Cause(work)
	}
	return context.Cause(ctx)
}

// Words says what was simulated in a line.
func (p *Plan) Words() string {
	return fmt.Sprintf("%s, %d synapses, dt %g ms", p.Info.Neuron, len(p.Cell.Synapses), p.Cell.Program.Dt)
}
