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

// Estimate runs a trial of a few cells for a few ms and scales it up.
func (p *Plan) Estimate(ctx context.Context, dev cuda.Device, threads int) Estimate {
	in := &p.Info
	n := int64(in.Samples)
	e := Estimate{NeuronSeconds: float64(n) * float64(in.Duration) / 1000}
	e.Bytes = n*int64(in.Duration)*4*int64(1+len(in.Record)) + int64(float64(n)*p.protocol.Rate()*float64(in.Duration))*8
	trial, samples := *p, min(in.Samples, cuda.Fill(dev), 1024)
	trial.steps = p.every
	warm, err := trial.input(ctx, trial.onDevices([]cuda.Device{dev}), 0, 1, threads) // a GPU compiles its kernels first
	if err != nil || dev.Run(ctx, &p.Cell.Program, warm.batch) != nil {
		return e
	}
	trial.steps = min(p.steps, 100*p.every)
	start := time.Now()
	d, err := trial.input(ctx, trial.onDevices([]cuda.Device{dev}), 0, samples, threads)
	if err != nil {
		return e
	}
	drawing := time.Since(start)
	if err := dev.Run(ctx, &p.Cell.Program, d.batch); err != nil {
		return e
	}
	running := time.Since(start) - drawing
	full := math.Ceil(float64(in.Samples) / float64(max(samples, cuda.Fill(dev)))) // batches that fill the device take the trial's time
	e.Time = time.Duration(float64(in.Samples)/float64(samples)*float64(drawing) + full*float64(running)*float64(p.steps)/float64(trial.steps))
	return e
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
	bytes := int64(in.SamplesPerShard) * int64(in.Duration) * 4 * int64(1+len(in.Record))
	bytes += int64(float64(in.SamplesPerShard)*p.protocol.Rate()*float64(in.Duration)) * 18 // as stored, and as a device takes it
	most := max(1, min(shards, int(shardMemory/max(bytes, 1)))/max(1, len(devices)))
	var all []cuda.Device
	for _, d := range devices {
		for range max(1, min(most, cuda.Fill(d)/max(in.SamplesPerShard, laneBlock))) {
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
