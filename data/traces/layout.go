package traces

import (
	"fmt"
	"math"
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
	maxRecord      = 64
	maxGroups      = 1 << 16
	maxSplits      = 127 // split is an int8
	maxPosition    = 1 << 53
)

// array is one Zarr array of a data set.
type array struct {
	name  string
	dtype string // "<f4", "<f8", "<i4", "<i8", "|i1"
	dims  []string
	shape []int64
	chunk []int64
	fill  any // of the metadata; nil where readers must not mask values
	attrs map[string]any
	fixed bool // one chunk that follows from Info alone, written at commit; otherwise a chunk per shard
}

// The arrays written shard by shard, in their order on disk; recorded variables follow.
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
	for _, v := range in.Record {
		out = append(out, dense(v.Name, map[string]any{"units": v.Unit, "long_name": v.Name + " at the soma"}))
	}
	return out
}

// fixedArrays lists the arrays that follow from Info alone.
func (in *Info) fixedArrays() []array {
	names, kinds := make([]string, len(in.Synapses)), make([]string, len(in.Synapses))
	for i, g := range in.Synapses {
		names[i], kinds[i] = g.Name, g.Kind
	}
	one := func(name, dtype, dim string, n int, attrs map[string]any) array {
		return array{name: name, dtype: dtype, dims: []string{dim}, shape: []int64{int64(n)},
			chunk: []int64{int64(max(n, 1))}, attrs: attrs, fixed: true}
	}
	return []array{
		one("time", "<f8", "time", in.Duration, map[string]any{"units": "ms", "long_name": "time from the start of a sample"}),
		one("synapse_group", "<i4", "synapse", in.Inputs, map[string]any{"units": "1",
			"long_name": "group of a synapse", "names": names, "kinds": kinds}),
	}
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
	name := strconv.Itoa(k)
	if len(a.shape) == 2 {
		name += ".0"
	}
	return path.Join(a.name, name)
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
		n += int64(a.chunkLen()) * int64(a.itemSize())
	}
	return n
}

// Check refuses an Info that is impossible, or bigger than the limits.
func (in *Info) Check() error {
	bad := func(format string, args ...any) error { return fmt.Errorf("traces: "+format, args...) }
	ranges := []struct {
		name      string
		v, lo, hi int
	}{
		{"samples", in.Samples, 1, maxSamples},
		{"samples_per_shard", in.SamplesPerShard, 1, maxChunkValues},
		{"duration_ms", in.Duration, 1, maxChunkValues},
		{"inputs", in.Inputs, 0, maxInputs},
		{"event_capacity", in.EventCapacity, 0, maxChunkValues},
		{"spike_capacity", in.SpikeCapacity, 0, maxChunkValues},
		{"number of recorded variables", len(in.Record), 0, maxRecord},
		{"number of synapse groups", len(in.Synapses), 0, maxGroups},
		{"number of splits", len(in.Splits), 1, maxSplits},
	}
	for _, r := range ranges {
		if r.v < r.lo || r.v > r.hi {
			return bad("%s is %d: must be from %d to %d", r.name, r.v, r.lo, r.hi)
		}
	}
	if n := in.SamplesPerShard * in.Duration; n > maxChunkValues { // both are at most 2^28
		return bad("a shard of %d samples of %d ms has %d values: at most %d, use fewer samples per shard",
			in.SamplesPerShard, in.Duration, n, maxChunkValues)
	}
	if n := in.shardBytes(); n > maxShardBytes {
		return bad("a shard takes %d bytes of memory: at most %d, use fewer samples per shard", n, int64(maxShardBytes))
	}
	if in.Shards() > maxShards {
		return bad("%d samples in shards of %d are %d shards: at most %d, use more samples per shard",
			in.Samples, in.SamplesPerShard, in.Shards(), maxShards)
	}
	if in.Shards()*max(in.eventRoom(), in.spikeRoom()) > maxPosition {
		return bad("%d shards of %d events are too many", in.Shards(), max(in.eventRoom(), in.spikeRoom()))
	}
	if math.IsNaN(in.Threshold) || math.IsInf(in.Threshold, 0) {
		return bad("threshold_mv is %v", in.Threshold)
	}
	if err := covered("splits", in.Samples, len(in.Splits), func(i int) (string, int, int) {
		return in.Splits[i].Name, in.Splits[i].First, in.Splits[i].Count
	}); err != nil {
		return err
	}
	if err := covered("synapses", in.Inputs, len(in.Synapses), func(i int) (string, int, int) {
		return in.Synapses[i].Name, in.Synapses[i].First, in.Synapses[i].Count
	}); err != nil {
		return err
	}
	taken := map[string]bool{"shards": true}
	for _, a := range (&Info{}).arrays() {
		taken[a.name] = true
	}
	for _, v := range in.Record {
		if !plainName.MatchString(v.Name) {
			return bad("recorded variable %q: a name is a letter, then letters, digits, _ or -", v.Name)
		}
		if low := strings.ToLower(v.Name); taken[low] {
			return bad("recorded variable %q: the name is taken", v.Name)
		} else {
			taken[low] = true
		}
	}
	return nil
}

// covered checks that named runs follow one another from 0 to total.
func covered(what string, total, n int, run func(i int) (name string, first, count int)) error {
	next := 0
	seen := map[string]bool{}
	for i := range n {
		name, first, count := run(i)
		switch {
		case name == "" || strings.ContainsAny(name, " \t\r\n"):
			return fmt.Errorf("traces: %s: entry %d is named %q: want a name without blanks", what, i, name)
		case seen[name]:
			return fmt.Errorf("traces: %s: %q is there twice", what, name)
		case first != next || count < 0 || count > total-next:
			return fmt.Errorf("traces: %s: %q has %d from %d: want at most %d from %d",
				what, name, count, first, total-next, next)
		}
		seen[name] = true
		next += count
	}
	if next != total {
		return fmt.Errorf("traces: %s cover %d of %d", what, next, total)
	}
	return nil
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
