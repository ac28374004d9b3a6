package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/traces"
	"neq/internal/memory"
	"neq/internal/team"
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

// Options say how a plan is run.
type Options struct {
	Threads  int               // 0: all cores
	Progress func(samples int) // told of samples that are done, in any order; may be nil
}

// share lists every device as often as it takes shards at a time: one that needs more lanes than a shard has to be busy
// runs several, a GPU as one batch. They are held in memory meanwhile: shardMemory bounds them.
func (p *Plan) share(devices []cuda.Device, shards int) []cuda.Device {
	per := p.Info.SamplesPerShard
	room := min(shardMemory, memory.Physical()/4)
	most := max(1, min(shards, int(room/p.shardBytes()))/max(1, len(devices)))
	var all []cuda.Device
	for _, d := range devices {
		atOnce := p.fill(d) / max(per, laneBlock)
		if p.Cell.Program.Tree != nil {
			atOnce = (p.fill(d) + per - 1) / per
		}
		for range max(1, min(most, atOnce)) {
			all = append(all, d)
		}
	}
	return all
}

// shardBytes is what a shard takes in memory: its events as stored and as a device takes them, and its recorded values.
func (p *Plan) shardBytes() float64 {
	return float64(p.Info.SamplesPerShard) * (p.denseBytes() + 18*p.protocol.Rate()*float64(p.Info.Duration))
}

// laneBlock is the run of point neurons that a core or a block of a GPU integrates together, however few are asked for.
const laneBlock = 128

// shardMemory is what shards that run at a time on devices larger than one may take together.
const shardMemory = 4 << 30

// Run simulates the shards the writer lacks and writes them, a shard or several at a time on each device, while the
// next one's input is drawn. When ctx is cancelled it finishes and writes the shards in hand, begins no other, and
// returns the cause; a later run with resume does the rest. Memory is bounded by two shards and those on the devices.
func (p *Plan) Run(ctx context.Context, devices []cuda.Device, w *traces.Writer, o Options) error {
	if o.Threads <= 0 {
		o.Threads = team.Cores()
	}
	work, fail := context.WithCancelCause(context.WithoutCancel(ctx)) // ends on an error alone
	defer fail(nil)
	inputs, outputs := make(chan *drawn), make(chan *drawn)
	share := p.share(devices, len(w.Missing()))
	spare := make(chan [][]float32, len(share)+1) // room for what a device records, of shards that are written
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
			select {
			case spare <- d.trace:
			default:
			}
		}
	})
	var integrating sync.WaitGroup
	for _, dev := range share {
		integrating.Go(func() {
			for d := range inputs {
				select {
				case d.batch.Trace = <-spare:
				default:
				}
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
