package cuda

import (
	"fmt"
	"math"
)

// How much a part of a batch may be.
const (
	gpuLanes  = 1 << 20  // lanes of a part; its counters are of 32 bits
	gpuSteps  = 2048     // steps of a chunk, the time between two looks at the context: some milliseconds
	gpuPinned = 64 << 20 // bytes of traces of a chunk, of which the host pins two
	gpuPiece  = 1 << 16  // spikes fetched at once
)

// gpuMore is how much room a part turned out to need of each lane.
type gpuMore struct{ spikes, events int }

// gpuPlan is what a part of a batch takes on the GPU. A chunk is the time whose traces come back together.
type gpuPlan struct {
	first, lanes int // of the batch
	size         gpuSize
	variables    int // recorded
	every        int
	chunk        int // steps
	records      int // of a chunk, at most
	perLane      int // spikes of a chunk and lane that there is room for, on average over the lanes
	capacity     int // spikes of a chunk
	events       int
	segments     []segment
	most         int   // events of a lane that there is room for, where they are drawn
	scratch      int64 // bytes of device memory of a tile of lanes while they are drawn
	fixed        int64 // bytes of device memory that are not of lanes
	bytes        int64 // of device memory
	least        int64 // what the first lane alone takes
}

// segment is a time in which the injected current of every lane is constant.
type segment struct{ from, to int }

// planGPU plans a run of the lanes from first on: as many as the budget (bytes) holds, in parts of like size; none
// where not one fits. There is room for more.spikes of a lane in a chunk, 0 for two per ms and a burst.
func planGPU(prog gpuProgram, dt float64, b *Batch, first int, more gpuMore, budget int64) *gpuPlan {
	g := &gpuPlan{first: first, size: prog.size(), variables: len(b.Record), every: b.Every, segments: b.segments()}
	left := b.Lanes - first
	g.records = 1
	g.chunk = g.size.steps
	if g.every <= g.chunk {
		g.records = g.chunk / g.every
		if most := gpuPinned / (4 * max(1, g.variables) * min(left, gpuLanes)); g.records > most {
			g.records = max(1, most)
		}
		g.chunk = g.records * g.every
	}
	g.chunk = min(g.chunk, b.Steps)
	perLane := more.spikes
	if perLane == 0 {
		perLane = 8 + int(2*min(float64(g.chunk)*dt, gpuSteps))
	}
	g.perLane = min(perLane, g.chunk) // a lane spikes once in a step

	// Lanes in parts of like size: as many as fit, then evenly.
	offset := b.Events.Offset
	lanes := gpuLanes
	if b.Inputs != nil {
		g.most = max(b.Inputs.Most, more.events)
		lanes = min(lanes, math.MaxInt32/max(1, g.most))
	}
	g.fixed = 8*int64(g.size.tables) + 4*int64(len(g.size.nodes))
	budget = g.planInputs(b.Inputs, left, budget)
	events := func(l int) int { return int(offset[l+1]-offset[l]) + g.most }
	total, most := int64(0), int64(0)
	for l := first; l < b.Lanes; l++ {
		x := g.lane(events(l)) + b.Inputs.laneBytes(g.most)
		if l == first {
			g.least = x + g.fixed
		}
		total, most = total+x, max(most, x)
	}
	parts := max((total+budget-1)/max(1, budget), int64((left+lanes-1)/lanes))
	share := min(budget, (total+parts-1)/parts+most)
	for g.lanes < min(left, lanes) {
		l := first + g.lanes
		x := g.lane(events(l)) + b.Inputs.laneBytes(g.most)
		if g.bytes+x > share {
			break
		}
		g.bytes += x
		g.lanes++
	}
	if g.lanes > 0 {
		g.bytes += g.fixed
		g.events = int(offset[first+g.lanes]-offset[first]) + g.lanes*g.most
		g.capacity = g.lanes * g.perLane
	}
	return g
}

// lane is the device memory of a lane with that many events, in bytes.
func (g *gpuPlan) lane(events int) int64 {
	n := g.size.width*(g.size.state+g.size.other) + // state
		8 + 4 + 8 + // cursor, count, offset
		4*len(g.segments)*g.size.into + // currents
		2*(4*g.variables*g.records+12*g.perLane) // traces and spikes of two chunks
	return int64(n) + 10*int64(events)
}

// segments divides the steps where a current begins or ends.
func (b *Batch) segments() []segment {
	var s []segment
	for from := 0; from < b.Steps; {
		to := b.injected(nil, 0, 0, from, b.Steps)
		s = append(s, segment{from, to})
		from = to
	}
	return s
}

// byteWords writes bytes as a person would.
func byteWords(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}
