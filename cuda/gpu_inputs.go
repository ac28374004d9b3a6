package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"neq/cuda/driver"
	"neq/cuda/kernels/inputs"
	"neq/cuda/kernels/ptx"
)

// Inputs are drawn on the GPU a tile of lanes at a time: what a tile needs beside its events (the tables of its plans,
// a byte for each synapse and 4 ms) is many times as large as the events, and is used again by the next. The lanes'
// courses, some 20 kB each, are what is sent; events stay where the cells' kernels look for them; and of those drawn,
// a count for each ms and two bytes an event come back.

const (
	inputScratch = 256 << 20 // bytes of a tile, at most; one lane's where that is more
	inputTile    = 1 << 10   // lanes
	inputPiece   = 1 << 20   // elements fetched at once
)

// inputKernels are those of inputs.cu, in the order in which they run.
var inputKernels = []string{"inputs_smooth", "inputs_amplitude", "inputs_draw", "inputs_release", "inputs_count", "inputs_scan", "inputs_offsets", "inputs_emit"}

// inputRoom is the memory for drawing: see inputs_tile in lanes.h.
type inputRoom struct {
	lane, table       *driver.Buffer[uint64] // table: float64
	first             *driver.Buffer[int32]
	kernel, amplitude *driver.Buffer[float32]
	hit               *driver.Buffer[uint8]
	part, chance      *driver.Buffer[float64]
	group, due        *driver.Buffer[int32]
	receptor          *driver.Buffer[uint16]
	weight            *driver.Buffer[float32]
	drawn, delivered  *driver.Buffer[int32]
	from              *driver.Buffer[int64]
	synapse           *driver.Buffer[uint16]
	counts            [2]*driver.Pinned[int32]
	synapses          [2]*driver.Pinned[uint16]
}

// scratch is the device memory of a lane while it is drawn, in bytes.
func scratch(r *inputs.Recipe, c *inputs.Course) int64 {
	row, spans, intervals := int64(r.Row()), int64(r.Spans()), int64(len(c.Rates[0]))
	return 16*spans*int64(c.Band) + 4*intervals*row + spans*row + 4*spans + 8*(int64(len(r.Groups))*intervals+int64(len(c.Mass))) + int64(unsafe.Sizeof(inputs.Lane{}))
}

// inputTiles divides the lanes of a part into tiles and gives what the largest takes of each.
type inputTiles struct {
	ends                                   []int // lane of the part, exclusive
	lanes, first, table, kernel, amplitude int   // elements
}

func (g *gpuPlan) tiles(in *Inputs) inputTiles {
	var t inputTiles
	r := in.Recipe
	var lanes, table, kernel, amplitude int
	var bytes int64
	end := func(l int) {
		t.ends = append(t.ends, l)
		t.lanes, t.table, t.kernel, t.amplitude = max(t.lanes, lanes), max(t.table, table), max(t.kernel, kernel), max(t.amplitude, amplitude)
		lanes, table, kernel, amplitude, bytes = 0, 0, 0, 0, 0
	}
	for l := range g.lanes {
		c := in.Courses[g.first+l]
		x := scratch(r, c)
		if lanes > 0 && (bytes+x > g.scratch || lanes == inputTile) {
			end(l)
		}
		bytes += x
		lanes++
		table += len(r.Groups)*len(c.Rates[0]) + len(c.Mass)
		kernel += 4 * r.Spans() * c.Band
		amplitude += len(c.Rates[0]) * r.Row()
	}
	end(g.lanes)
	t.first = t.lanes * r.Spans()
	return t
}

// fit makes room for drawing the lanes of a plan.
func (x *inputRoom) fit(c *driver.Context, g *gpuPlan, in *Inputs) error {
	r, t := in.Recipe, g.tiles(in)
	words := int(unsafe.Sizeof(inputs.Lane{}) / 8)
	n, spans := r.Synapses, r.Spans()
	todo := []func() error{
		grow(c, &x.lane, words*t.lanes), grow(c, &x.table, t.table), grow(c, &x.first, t.first), grow(c, &x.kernel, t.kernel), grow(c, &x.amplitude, t.amplitude),
		grow(c, &x.hit, t.lanes*spans*r.Row()), grow(c, &x.part, n), grow(c, &x.chance, n), grow(c, &x.group, n), grow(c, &x.due, r.Bins),
		grow(c, &x.receptor, n), grow(c, &x.weight, n), grow(c, &x.drawn, 4*spans*g.lanes), grow(c, &x.delivered, 4*spans*g.lanes),
		grow(c, &x.from, g.lanes+1), grow(c, &x.synapse, g.events),
	}
	for i := range 2 {
		todo = append(todo, growPinned(c, &x.counts[i], min(4*spans*g.lanes, inputPiece)), growPinned(c, &x.synapses[i], min(g.events, inputPiece)))
	}
	for _, f := range todo {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (x *inputRoom) free() error {
	return errors.Join(drop(&x.lane), drop(&x.table), drop(&x.first), drop(&x.kernel), drop(&x.amplitude), drop(&x.hit), drop(&x.part), drop(&x.chance),
		drop(&x.group), drop(&x.due), drop(&x.receptor), drop(&x.weight), drop(&x.drawn), drop(&x.delivered), drop(&x.from), drop(&x.synapse))
}

func (x *inputRoom) freePinned() error {
	return errors.Join(dropPinned(&x.counts[0]), dropPinned(&x.counts[1]), dropPinned(&x.synapses[0]), dropPinned(&x.synapses[1]))
}

// inputKernels finds the kernels that draw.
func (d *gpuDevice) inputKernels() (map[string]*driver.Kernel, error) {
	m := d.modules["inputs"]
	if m == nil {
		var err error
		if m, err = d.c.Load("inputs.ptx", ptx.Text("inputs")); err != nil {
			return nil, err
		}
		d.modules["inputs"] = m
	}
	all := map[string]*driver.Kernel{}
	for _, name := range inputKernels {
		if d.kernels[name] == nil {
			k, err := m.Kernel(name)
			if err != nil {
				return nil, err
			}
			d.kernels[name] = k
		}
		all[name] = d.kernels[name]
	}
	return all, nil
}

// moreEvents is the error of a part with more events than there was room for: it is run again with more.
type moreEvents struct{ perLane int }

func (e *moreEvents) Error() string {
	return fmt.Sprintf("room for %d events of a cell is needed", e.perLane)
}

// draw draws the events of the part's lanes on the compute stream and waits for how many there are.
func (r *gpuRun) draw() error {
	room, g, in := r.d.room, r.plan, r.b.Inputs
	x, rec := &room.inputs, in.Recipe
	k, err := r.d.inputKernels()
	if err != nil {
		return err
	}
	group := make([]int32, rec.Synapses)
	for s := range group {
		group[s] = -1
	}
	for i, q := range rec.Groups {
		for s := q.First; s < q.First+q.Count; s++ {
			group[s] = int32(i)
		}
	}
	s := room.compute
	if err := errors.Join(write(s, x.part, rec.Parts), write(s, x.chance, in.Chance), write(s, x.group, group), write(s, x.due, in.Due),
		write(s, x.receptor, in.Receptor), write(s, x.weight, in.Weight)); err != nil {
		return err
	}
	t := inputs.Tile{
		Seed: rec.Seed, Stream: rec.Stream, Shares: rec.Shares, Release: in.Release, Row: int32(rec.Row()), Synapses: int32(rec.Synapses),
		Bins: int32(rec.Bins), Spans: int32(rec.Spans()), Capacity: int32(g.events), Low: rec.Low, High: rec.High,
		Lane: x.lane.Addr(), First: x.first.Addr(), Table: x.table.Addr(), Kernel: x.kernel.Addr(), Amplitude: x.amplitude.Addr(), Hit: x.hit.Addr(),
		Part: x.part.Addr(), Group: x.group.Addr(), Chance: x.chance.Addr(), Receptor: x.receptor.Addr(), Weight: x.weight.Addr(), Due: x.due.Addr(),
		Drawn: x.drawn.Addr(), Delivered: x.delivered.Addr(), From: x.from.Addr(), Offset: room.offset.Addr(), Synapse: x.synapse.Addr(),
		Step: room.step.Addr(), At: room.receptor.Addr(), W: room.weight.Addr(),
	}
	from := 0
	for _, to := range g.tiles(in).ends {
		if err := r.drawTile(k, t, from, to); err != nil {
			return err
		}
		from = to
	}
	r.from = make([]int64, g.lanes+1)
	part, err := x.from.Part(0, g.lanes+1)
	if err != nil {
		return err
	}
	if err := part.Read(s, r.from); err != nil {
		return err
	}
	if n := r.from[g.lanes]; n > int64(g.events) {
		most := int64(0)
		for l := range g.lanes {
			most = max(most, r.from[l+1]-r.from[l])
		}
		return &moreEvents{int(most + most/8)}
	}
	return nil
}

// drawTile draws the lanes from <= l < to of the part.
func (r *gpuRun) drawTile(k map[string]*driver.Kernel, t inputs.Tile, from, to int) error {
	room, in, rec := r.d.room, r.b.Inputs, r.b.Inputs.Recipe
	x := &room.inputs
	var lanes []inputs.Lane
	var first []int32
	var table []float64
	var kernel, amplitude int64
	band, intervals := 0, 0
	for l := from; l < to; l++ {
		c := in.Courses[r.plan.first+l]
		n := inputs.Lane{Sample: c.Sample, Length: int32(c.Length), Before: int32(c.Before), Band: int32(c.Band), Intervals: int32(len(c.Rates[0])),
			Far: int32(len(c.Mass) / 2), Lane: int32(l), First: int64(len(first)), Rates: int64(len(table)), Kernel: kernel, Amplitude: amplitude}
		first = append(first, c.First...)
		for _, rates := range c.Rates {
			table = append(table, rates...)
		}
		n.Mass = int64(len(table))
		table = append(table, c.Mass...)
		kernel += 4 * int64(rec.Spans()) * int64(c.Band)
		amplitude += int64(len(c.Rates[0])) * int64(rec.Row())
		band, intervals = max(band, c.Band), max(intervals, len(c.Rates[0]))
		lanes = append(lanes, n)
	}
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&lanes[0])), len(lanes)*int(unsafe.Sizeof(lanes[0])/8))
	bits := unsafe.Slice((*uint64)(unsafe.Pointer(&table[0])), len(table))
	s := room.compute
	if err := errors.Join(write(s, x.lane, words), write(s, x.first, first), write(s, x.table, bits)); err != nil {
		return err // which wait for the tile before
	}
	t.Lanes = int32(len(lanes))
	tile := driver.ByValue(&t, x.lane, x.first, x.table, x.kernel, x.amplitude, x.hit, x.part, x.group, x.chance, x.receptor, x.weight, x.due,
		x.drawn, x.delivered, x.from, room.offset, x.synapse, room.step, room.receptor, room.weight)
	shape := func(threads, rows, lanes int) driver.Shape {
		y := driver.Threads(threads, 128)
		y.Grid[1], y.Grid[2] = rows, lanes
		return y
	}
	n, row, spans := len(lanes), rec.Row(), rec.Spans()
	return s.Burst(func(s *driver.Stream) error {
		return errors.Join(
			k["inputs_smooth"].Launch(s, shape(spans*band, 1, n), tile),
			k["inputs_amplitude"].Launch(s, shape(row, (intervals+3)/4, n), tile, float64(inputs.MaxMean)),
			k["inputs_draw"].Launch(s, shape(row, spans, n), tile),
			k["inputs_release"].Launch(s, shape(rec.Synapses, 1, n), tile),
			k["inputs_count"].Launch(s, shape(spans, 1, n), tile),
			k["inputs_scan"].Launch(s, shape(n, 1, 1), tile),
			k["inputs_offsets"].Launch(s, shape(1, 1, 1), tile),
			k["inputs_emit"].Launch(s, shape(spans, 1, n), tile))
	})
}

// takeInputs brings in the events drawn, while the first chunk runs.
func (r *gpuRun) takeInputs() error {
	in, g, room := r.b.Inputs, r.plan, r.d.room
	if in == nil {
		return nil
	}
	x, bins, width := &room.inputs, in.Recipe.Bins, 4*in.Recipe.Spans()
	n := int(r.from[g.lanes])
	r.inputTime, r.inputSynapse = make([]float32, n), make([]int32, n)
	// Entry [lane][ms] is how many events of the lane there were before: those up to it are of earlier ms.
	at := 0
	err := inPieces(room.spikes, x.drawn, x.counts, width*g.lanes, func(i int, part []int32) {
		for j, before := range part {
			l, ms := (i+j)/width, (i+j)%width
			for until := int(r.from[l]) + int(before); at < until; at++ {
				r.inputTime[at] = float32(ms - 1)
			}
			if ms == width-1 {
				for until := int(r.from[l+1]); at < until; at++ {
					r.inputTime[at] = float32(ms)
				}
			}
		}
	})
	if err != nil {
		return err
	}
	err = inPieces(room.spikes, x.synapse, x.synapses, n, func(i int, part []uint16) {
		for j, s := range part {
			r.inputSynapse[i+j] = int32(s)
		}
	})
	if err == nil && at != n || n > 0 && r.inputTime[n-1] >= float32(bins) {
		return fmt.Errorf("%d of %d input events came back from %s: the GPU or its memory is not to be trusted", at, n, r.d.Name())
	}
	return err
}

// inPieces brings the first n elements of a buffer in, the next piece while f looks at one.
func inPieces[T driver.Element](s *driver.Stream, b *driver.Buffer[T], p [2]*driver.Pinned[T], n int, f func(from int, part []T)) error {
	fetch := func(from, which int) ([]T, error) {
		if from >= n {
			return nil, nil
		}
		to := min(n, from+p[which].Len())
		src, err := b.Part(from, to)
		if err != nil {
			return nil, err
		}
		dst, err := p[which].Part(0, to-from)
		if err != nil {
			return nil, err
		}
		return dst.Slice(), src.Fetch(s, dst)
	}
	part, err := fetch(0, 0)
	for from, which := 0, 1; err == nil && len(part) > 0; which = 1 - which {
		if err = s.Wait(); err != nil {
			break
		}
		var next []T
		next, err = fetch(from+len(part), which)
		f(from, part)
		from += len(part)
		part = next
	}
	return err
}

// laneInputs are the inputs drawn of lanes, in the order of lanes.
type laneInputs struct {
	start   []int64
	time    []float32
	synapse []int32
}

func (o *laneInputs) add(r *gpuRun) {
	base := int64(len(o.time))
	for _, x := range r.from[:r.plan.lanes] {
		o.start = append(o.start, base+x)
	}
	o.time, o.synapse = append(o.time, r.inputTime...), append(o.synapse, r.inputSynapse...)
}

func (o *laneInputs) into(in *Inputs) {
	if in != nil {
		in.Start, in.Time, in.Synapse = append(o.start, int64(len(o.time))), o.time, o.synapse
	}
}

// joinInputs makes one of the jobs' inputs.
func joinInputs(jobs []*gpuJob) *Inputs {
	first := jobs[0].b.Inputs
	if first == nil {
		return nil
	}
	all := &Inputs{Synapses: first.Synapses, Recipe: first.Recipe}
	for _, j := range jobs {
		all.Most = max(all.Most, j.b.Inputs.Most)
		all.Courses = append(all.Courses, j.b.Inputs.Courses...)
	}
	return all
}

// split gives a job's inputs their part of all, from a lane on.
func (in *Inputs) split(all *Inputs, lane int) {
	if in == nil {
		return
	}
	start := all.Start[lane : lane+len(in.Courses)+1]
	from, to := start[0], start[len(in.Courses)]
	in.Time, in.Synapse = append(in.Time[:0], all.Time[from:to]...), append(in.Synapse[:0], all.Synapse[from:to]...)
	in.Start = make([]int64, len(start))
	for i, s := range start {
		in.Start[i] = s - from
	}
}

// likeInputs says whether two batches' inputs can be drawn together.
func likeInputs(x, y *Inputs) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Recipe == y.Recipe && x.Synapses == y.Synapses
}

// planInputs sets aside what drawing takes of a budget, and returns what is left for the lanes.
func (g *gpuPlan) planInputs(in *Inputs, lanes int, budget int64) int64 {
	if in == nil {
		return budget - g.fixed
	}
	total, most := int64(0), int64(0)
	for _, c := range in.Courses[g.first : g.first+lanes] {
		x := scratch(in.Recipe, c)
		total, most = total+x, max(most, x)
	}
	g.scratch = max(most, min(total, inputScratch, budget/4))
	n := int64(in.Recipe.Synapses)
	g.fixed += g.scratch + n*(8+8+4+2+4) + 4*int64(in.Recipe.Bins)
	return budget - g.fixed
}

// laneBytes is the device memory that the events drawn of a lane, at most most, take beside those delivered.
func (in *Inputs) laneBytes(most int) int64 {
	if in == nil {
		return 0
	}
	return 2*int64(most) + 2*16*int64(in.Recipe.Spans()) + 8
}
