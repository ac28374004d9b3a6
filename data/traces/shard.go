package traces

import (
	"fmt"
	"math"
)

// Time32 rounds a time to float32 without letting it cross into the next millisecond: rounding to the nearest
// would move 4.99999999 to 5.
func Time32(ms float64) float32 {
	t := float32(ms)
	if math.Floor(float64(t)) > math.Floor(ms) {
		t = math.Nextafter32(t, float32(math.Inf(-1)))
	}
	return t
}

// check refuses what is no shard k of the set: wrong lengths, events out of order or of no synapse, voltages that
// are not finite. Errors name the sample, counted in the whole set.
func (s *Shard) check(in *Info, k int) error { return s.checkPart(in, k, nil) }

// checkPart checks a shard of which only some recorded variables were read, those that want names: nil is all.
func (s *Shard) checkPart(in *Info, k int, want map[int]bool) error {
	if k < 0 || k >= in.Shards() {
		return fmt.Errorf("there are %d shards", in.Shards())
	}
	first, n := in.ShardSamples(k)
	if s.First != first || s.Samples != n {
		return fmt.Errorf("holds %d samples from %d, want %d from %d", s.Samples, s.First, n, first)
	}
	if len(s.InputSynapse) != len(s.InputTime) {
		return fmt.Errorf("%d input synapses for %d input times", len(s.InputSynapse), len(s.InputTime))
	}
	if len(s.InputTime) > in.EventCapacity {
		return fmt.Errorf("%d input events are over event_capacity %d: use fewer samples per shard or a lower rate",
			len(s.InputTime), in.EventCapacity)
	}
	if len(s.SpikeTime) > in.SpikeCapacity {
		return fmt.Errorf("%d output spikes are over spike_capacity %d: use fewer samples per shard",
			len(s.SpikeTime), in.SpikeCapacity)
	}
	if err := s.checkEvents(in, "input event", s.InputStart, s.InputTime); err != nil {
		return err
	}
	if err := s.checkEvents(in, "output spike", s.SpikeStart, s.SpikeTime); err != nil {
		return err
	}
	for i, syn := range s.InputSynapse {
		if syn < 0 || int(syn) >= in.Inputs {
			return fmt.Errorf("sample %d: input event %d is of synapse %d, there are %d", s.sampleOf(i), i, syn, in.Inputs)
		}
	}
	if len(s.Extra) != len(in.Record) {
		return fmt.Errorf("%d recorded variables, want %d", len(s.Extra), len(in.Record))
	}
	return s.checkRecorded(in, want)
}

// sampleOf is the sample, in the whole set, that input event i belongs to.
func (s *Shard) sampleOf(i int) int {
	k := 0
	for k+1 < s.Samples && s.InputStart[k+1] <= int64(i) {
		k++
	}
	return s.First + k
}

func (s *Shard) checkEvents(in *Info, what string, start []int64, times []float32) error {
	if len(start) != s.Samples+1 {
		return fmt.Errorf("%s starts: %d, want %d", what, len(start), s.Samples+1)
	}
	if start[0] != 0 || start[s.Samples] != int64(len(times)) {
		return fmt.Errorf("%s starts run from %d to %d, want 0 to %d", what, start[0], start[s.Samples], len(times))
	}
	for i := range s.Samples {
		if start[i] > start[i+1] || start[i+1] > int64(len(times)) {
			return fmt.Errorf("sample %d: %ss from %d to %d", s.First+i, what, start[i], start[i+1])
		}
		last := float32(0)
		for e, t := range times[start[i]:start[i+1]] {
			if !(t >= 0 && t < float32(in.Duration)) {
				return fmt.Errorf("sample %d: %s %d is at %v ms, want 0 <= t < %d", s.First+i, what, e, t, in.Duration)
			}
			if t < last {
				return fmt.Errorf("sample %d: %s %d at %v ms comes after one at %v ms", s.First+i, what, e, t, last)
			}
			last = t
		}
	}
	return nil
}

// frames encodes the shard's chunks in the order of Info.shardArrays, handing each to use as soon as it is ready.
func (s *Shard) frames(in *Info, k int, c *codec, use func(array int, frame []byte)) {
	nan := float32(math.NaN())
	per, room, spikes := in.SamplesPerShard, in.eventRoom(), in.spikeRoom()
	use(somaV, encode(c, nil, padded(s.SomaV, per*in.Duration, nan)))
	use(inputTime, encode(c, nil, padded(s.InputTime, room, nan)))
	use(inputSynapse, encode(c, nil, padded(s.InputSynapse, room, -1)))
	start, count := positions(s.InputStart, int64(k)*int64(room), per)
	use(inputStart, encode(c, nil, start))
	use(inputCount, encode(c, nil, count))
	use(spikeTime, encode(c, nil, padded(s.SpikeTime, spikes, nan)))
	start, count = positions(s.SpikeStart, int64(k)*int64(spikes), per)
	use(spikeStart, encode(c, nil, start))
	use(spikeCount, encode(c, nil, count))
	of := make([]int8, per)
	in.splitOf(k, of)
	use(split, encode(c, nil, of))
	s.recordFrames(in, c, use)
}

// padded is v filled up to n values, as Zarr v2 wants the last chunk too; v itself where it is full.
func padded[T value](v []T, n int, fill T) []T {
	if len(v) == n {
		return v
	}
	out := make([]T, n)
	for i := copy(out, v); i < n; i++ {
		out[i] = fill
	}
	return out
}

// positions turns a shard's offsets into positions in the set's flat array and counts, both filled up with -1.
func positions(offset []int64, base int64, per int) (start, count []int64) {
	start, count = make([]int64, per), make([]int64, per)
	n := len(offset) - 1
	for i := range per {
		if i >= n {
			start[i], count[i] = -1, -1
			continue
		}
		start[i], count[i] = base+offset[i], offset[i+1]-offset[i]
	}
	return start, count
}

// chunkError is what is wrong with one file of a shard.
type chunkError struct {
	path string
	err  error
}

func (e *chunkError) Error() string { return e.path + ": " + e.err.Error() }
func (e *chunkError) Unwrap() error { return e.err }

// fromFrames decodes a shard and checks all of it: what one array says must be what the others say.
func fromFrames(in *Info, entry *shardEntry, c *codec, frames [][]byte) (*Shard, error) {
	return fromSomeFrames(in, entry, c, frames, nil)
}

// fromSomeFrames leaves out the recorded variables that want does not name, whose frames may be nil; it names all where
// it is nil.
func fromSomeFrames(in *Info, entry *shardEntry, c *codec, frames [][]byte, want map[int]bool) (*Shard, error) {
	k := entry.Shard
	s := &Shard{First: entry.First, Samples: entry.Samples}
	per, room, spikes := in.SamplesPerShard, in.eventRoom(), in.spikeRoom()
	nan := func(x float32) bool { return x != x }
	minus := func(x int32) bool { return x == -1 }
	minus64 := func(x int64) bool { return x == -1 }
	var err error
	if s.SomaV, err = take(c, entry, frames, somaV, per*in.Duration, s.Samples*in.Duration, nan); err != nil {
		return nil, err
	}
	if s.InputTime, err = take(c, entry, frames, inputTime, room, int(entry.Events), nan); err != nil {
		return nil, err
	}
	if s.InputSynapse, err = take(c, entry, frames, inputSynapse, room, int(entry.Events), minus); err != nil {
		return nil, err
	}
	if s.SpikeTime, err = take(c, entry, frames, spikeTime, spikes, int(entry.Spikes), nan); err != nil {
		return nil, err
	}
	for _, o := range []struct {
		out          *[]int64
		start, count int
		room         int
	}{{&s.InputStart, inputStart, inputCount, room}, {&s.SpikeStart, spikeStart, spikeCount, spikes}} {
		start, err := take(c, entry, frames, o.start, per, s.Samples, minus64)
		if err != nil {
			return nil, err
		}
		count, err := take(c, entry, frames, o.count, per, s.Samples, minus64)
		if err != nil {
			return nil, err
		}
		if *o.out, err = offsets(start, count, int64(k)*int64(o.room), int64(o.room)); err != nil {
			return nil, &chunkError{entry.Files[o.start].Path, err}
		}
	}
	of, err := take(c, entry, frames, split, per, per, func(int8) bool { return false })
	if err != nil {
		return nil, err
	}
	due := make([]int8, per)
	in.splitOf(k, due)
	for i := range of {
		if of[i] != due[i] {
			err := fmt.Errorf("sample %d is of split %d, want %d", s.First+i, of[i], due[i])
			return nil, &chunkError{entry.Files[split].Path, err}
		}
	}
	if err := s.takeRecorded(in, entry, c, frames, want); err != nil {
		return nil, err
	}
	return s, s.checkPart(in, k, want)
}

// take decodes array a's chunk of n values, of which the first used ones count and the rest must be padding.
func take[T value](c *codec, e *shardEntry, frames [][]byte, a, n, used int, isPad func(T) bool) ([]T, error) {
	v, err := decode[T](c, frames[a], n)
	if err != nil {
		return nil, &chunkError{e.Files[a].Path, err}
	}
	for i, x := range v[used:] {
		if !isPad(x) {
			err := fmt.Errorf("value %d is %v, want padding from %d on", used+i, x, used)
			return nil, &chunkError{e.Files[a].Path, err}
		}
	}
	return v[:used:used], nil
}

// offsets is positions backwards.
func offsets(start, count []int64, base, room int64) ([]int64, error) {
	out := make([]int64, len(start)+1)
	for i := range start {
		if start[i] != base+out[i] || count[i] < 0 || count[i] > room-out[i] {
			return nil, fmt.Errorf("entry %d has %d from %d, want at most %d from %d",
				i, count[i], start[i], room-out[i], base+out[i])
		}
		out[i+1] = out[i] + count[i]
	}
	return out, nil
}
