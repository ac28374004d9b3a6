package simulate

import (
	"context"
	"math"
	"time"

	"neq/cuda"
)

// Estimate is what a data set will take.
type Estimate struct {
	Bytes         int64         // in memory; on disk it is compressed, to about half
	NeuronSeconds float64       // of biology
	Time          time.Duration // on the device, from a short trial; 0 where that failed
}

// Estimate runs a trial of a few cells for a few ms and scales it up. The trial grows until it takes half a second, or lasts
// 100 ms.
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
	drawing, running := time.Duration(0), first
	ms := min(2, in.Duration)
	for ok {
		if drawing, running, ok = run(ms, samples); running-first >= trialTime || ms >= min(in.Duration, 100) {
			break
		}
		ms = min(4*ms, in.Duration, 100)
	}
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

// fill is how many cells keep a device busy.
func (p *Plan) fill(dev cuda.Device) int { return cuda.FillFor(dev, &p.Cell.Program) }
