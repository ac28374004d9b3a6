package traces

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Limits on what a data set may ask of memory and of a file system. A header beyond them is refused before
// anything is allocated for it.
const (
	maxChunkValues = 1 << 28 // values in a chunk: 1 GiB of float32
	maxShardBytes  = 4 << 30 // of a shard in memory
	maxSamples     = 1 << 40
	maxShards      = 1 << 24
	maxInputs      = 1 << 24
	maxRecord      = 1 << 16
	maxWindows     = 64
	maxSegments    = 1 << 20
	maxGroups      = 1 << 16
	maxSplits      = 127 // split is an int8
	maxPosition    = 1 << 53
)

// array is one Zarr array of a data set.
type array struct {
	name  string
	dtype string // "<f2", "<f4", "<f8", "<i4", "<i8", "|i1", "<U12"
	dims  []string
	shape []int64
	chunk []int64
	fill  any // of the metadata; nil where readers must not mask values
	attrs map[string]any
	fixed bool // one chunk that follows from Info alone, written at commit; otherwise a chunk per shard
}

// The arrays written shard by shard, in their order on disk; recorded variables follow, then windows.
const (
	somaV = iota
	inputTime
	inputSynapse
	inputStart
	inputCount
	spikeTime
	spikeStart
	spikeCount
	split
	firstExtra
)

// Shards is the number of shards of the set.
func (in *Info) Shards() int {
	if in.SamplesPerShard < 1 {
		return 0
	}
	return (in.Samples + in.SamplesPerShard - 1) / in.SamplesPerShard
}

// ShardSamples returns the first sample of shard k and how many it has.
func (in *Info) ShardSamples(k int) (first, count int) {
	first = k * in.SamplesPerShard
	return first, min(in.SamplesPerShard, in.Samples-first)
}

// eventRoom and spikeRoom are the chunk lengths: a chunk of nothing does not exist in Zarr.
func (in *Info) eventRoom() int { return max(in.EventCapacity, 1) }
func (in *Info) spikeRoom() int { return max(in.SpikeCapacity, 1) }

// shardArrays lists the arrays with a chunk per shard.
func (in *Info) shardArrays() []array {
	n, per, dur := int64(in.Samples), int64(in.SamplesPerShard), int64(in.Duration)
	shards := int64(in.Shards())
	events, spikes := int64(in.eventRoom()), int64(in.spikeRoom())
	const nan = "NaN"
	dense := func(name string, attrs map[string]any) array {
		return array{name: name, dtype: "<f4", dims: []string{"sample", "time"}, shape: []int64{n, dur},
			chunk: []int64{per, dur}, fill: nan, attrs: attrs}
	}
	flat := func(name, dtype, dim string, room int64, fill any, attrs map[string]any) array {
		return array{name: name, dtype: dtype, dims: []string{dim}, shape: []int64{shards * room},
			chunk: []int64{room}, fill: fill, attrs: attrs}
	}
	each := func(name, dtype string, attrs map[string]any) array {
		return array{name: name, dtype: dtype, dims: []string{"sample"}, shape: []int64{n},
			chunk: []int64{per}, attrs: attrs}
	}
	out := []array{
		somaV: dense("soma_v", map[string]any{"units": "mV", "long_name": "membrane potential at the soma"}),
		inputTime: flat("input_time", "<f4", "input_event", events, nan, map[string]any{"units": "ms",
			"long_name": "time of an input event from the start of its sample"}),
		inputSynapse: flat("input_synapse", "<i4", "input_event", events, nil, map[string]any{"units": "1",
			"long_name": "synapse of an input event", "padding": -1}),
		inputStart: each("input_start", "<i8", map[string]any{"units": "1",
			"long_name": "position of a sample's first event in input_time"}),
		inputCount: each("input_count", "<i8", map[string]any{"units": "1", "long_name": "input events of a sample"}),
		spikeTime: flat("spike_time", "<f4", "spike", spikes, nan, map[string]any{"units": "ms",
			"long_name": "time of an output spike from the start of its sample"}),
		spikeStart: each("spike_start", "<i8", map[string]any{"units": "1",
			"long_name": "position of a sample's first spike in spike_time"}),
		spikeCount: each("spike_count", "<i8", map[string]any{"units": "1", "long_name": "output spikes of a sample"}),
		split:      each("split", "|i1", splitAttrs(in.Splits)),
	}
	return append(out, in.recordArrays()...)
}

// fixedArray is an array of one dimension in one chunk.
func fixedArray(name, dtype, dim string, n int, attrs map[string]any) array {
	return array{name: name, dtype: dtype, dims: []string{dim}, shape: []int64{int64(n)},
		chunk: []int64{int64(max(n, 1))}, attrs: attrs, fixed: true}
}

// fixedArrays lists the arrays that follow from Info alone.
func (in *Info) fixedArrays() []array {
	names, kinds := make([]string, len(in.Synapses)), make([]string, len(in.Synapses))
	for i, g := range in.Synapses {
		names[i], kinds[i] = g.Name, g.Kind
	}
	out := []array{
		fixedArray("time", "<f8", "time", in.Duration, map[string]any{"units": "ms", "long_name": "time from the start of a sample"}),
		fixedArray("synapse_group", "<i4", "synapse", in.Inputs, map[string]any{"units": "1",
			"long_name": "group of a synapse", "names": names, "kinds": kinds}),
	}
	return append(out, in.recordCoordinates()...)
}

func (in *Info) arrays() []array { return append(in.fixedArrays(), in.shardArrays()...) }

// splitAttrs names the values of split, once for people and once as the CF conventions do.
func splitAttrs(splits []Split) map[string]any {
	names, values := make([]string, len(splits)), make([]int, len(splits))
	for i, s := range splits {
		names[i], values[i] = s.Name, i
	}
	return map[string]any{"units": "1", "long_name": "split of a sample", "names": names,
		"flag_values": values, "flag_meanings": strings.Join(names, " ")}
}

// chunkFile is the path of shard k's chunk, relative to the data set.
func (a *array) chunkFile(k int) string {
	return path.Join(a.name, strconv.Itoa(k)+strings.Repeat(".0", len(a.shape)-1))
}

// chunkLen is the number of values in a chunk.
func (a *array) chunkLen() int {
	n := int64(1)
	for _, c := range a.chunk {
		n *= c
	}
	return int(n)
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// shardBytes is what a shard takes in memory, decoded.
func (in *Info) shardBytes() int64 {
	n := int64(0)
	for _, a := range in.shardArrays() {
		size := a.itemSize()
		if a.dtype == "<f2" {
			size = 4
		}
		n += int64(a.chunkLen()) * int64(size)
	}
	return n
}

// splitOf is the split of each sample of shard k.
func (in *Info) splitOf(k int, out []int8) {
	first, n := in.ShardSamples(k)
	for i := range out {
		out[i] = -1
	}
	for s, sp := range in.Splits {
		for i := max(sp.First, first); i < min(sp.First+sp.Count, first+n); i++ {
			out[i-first] = int8(s)
		}
	}
}
