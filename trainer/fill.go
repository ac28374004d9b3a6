package trainer

import (
	"neq/surrogates"
	"neq/surrogates/ops"
)

// filler turns windows into a batch: events in 1 ms bins and targets. It keeps its memory, so that a step
// allocates nothing once the largest batch was seen.
type filler struct {
	norm   Normalisation
	aux    []int // recorded variables of the auxiliary targets
	burn   int   // ms before the scored part
	size   int   // scored ms
	length int   // duration of an episode, ms
	target surrogates.Targets
}

func newFiller(norm Normalisation, aux []int, batch, burn, size, length int) *filler {
	f := &filler{norm: norm, aux: aux, burn: burn, size: size, length: length}
	n := batch * (burn + size)
	f.target = surrogates.Targets{Spike: make([]float32, n), Voltage: make([]float32, n), Auxiliary: make([][]float32, len(aux))}
	for i := range f.target.Auxiliary {
		f.target.Auxiliary[i] = make([]float32, n)
	}
	return f
}

// fill writes the windows' events to e and their targets to f.target. History before a sample's start is empty, as
// it was in the simulation. Targets of the burn-in are 0: they are not scored.
func (f *filler) fill(w []window, e *ops.Events) {
	e.Start, e.Bin, e.Synapse = append(e.Start[:0], 0), e.Bin[:0], e.Synapse[:0]
	span := f.burn + f.size
	for row, x := range w {
		origin := x.start - f.burn
		e.Bin, e.Synapse = inputs(x.shard, x.local, origin, origin, x.start+f.size, e.Bin, e.Synapse)
		e.Start = append(e.Start, len(e.Bin))
		at := row*span + f.burn
		spikes(x.shard, x.local, x.start, f.target.Spike[at:at+f.size])
		from := x.local*f.length + x.start
		scaled(f.target.Voltage[at:at+f.size], x.shard.SomaV[from:from+f.size], f.norm.Mean, f.norm.SD, f.norm.Clip)
		for j, r := range f.aux {
			a := f.norm.Auxiliary[j]
			scaled(f.target.Auxiliary[j][at:at+f.size], x.shard.Extra[r][from:from+f.size], a.Mean, a.SD, nil)
		}
	}
}
