package traces

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

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
		{"number of windows", len(in.Windows), 0, maxWindows},
		{"number of synapse groups", len(in.Synapses), 0, maxGroups},
		{"number of splits", len(in.Splits), 1, maxSplits},
	}
	for _, r := range ranges {
		if r.v < r.lo || r.v > r.hi {
			hint := ""
			if strings.HasSuffix(r.name, "_capacity") && r.v > r.hi {
				hint = ": use fewer samples per shard"
			}
			return bad("%s is %d: must be from %d to %d%s", r.name, r.v, r.lo, r.hi, hint)
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
	if in.Precision != "" && in.Precision != "float16" && in.Precision != "float32" {
		return bad("record_precision is %q: must be float16 or float32", in.Precision)
	}
	if err := in.checkRecord(); err != nil {
		return err
	}
	return in.checkCell()
}

// checkRecord looks at the names that arrays and their coordinates get from what is recorded.
func (in *Info) checkRecord() error {
	taken := map[string]bool{"shards": true}
	for _, a := range (&Info{Cell: &Cell{}}).arrays() {
		taken[a.name] = true
	}
	take := func(what string, names ...string) error {
		for _, n := range names {
			if low := strings.ToLower(n); !plainName.MatchString(n) {
				return fmt.Errorf("traces: %s: a name is a letter, then letters, digits, _ or -", what)
			} else if taken[low] {
				return fmt.Errorf("traces: %s: the name is taken", what)
			} else {
				taken[low] = true
			}
		}
		return nil
	}
	for _, b := range in.blocks() {
		what := fmt.Sprintf("recorded variable %q", in.Record[b.first].Name)
		names := []string{b.name}
		if b.sited {
			names = append(names, b.name+"_site", b.name+"_segment")
		}
		for w := range in.Windows {
			names = append(names, windowName(w, b.name))
		}
		if err := take(what, names...); err != nil {
			return err
		}
		if n := in.SamplesPerShard * in.Duration; b.count > maxChunkValues/n {
			return fmt.Errorf("traces: a shard of %d samples has %d values of %s at %d sites: at most %d, use fewer samples per shard",
				in.SamplesPerShard, n*b.count, b.name, b.count, maxChunkValues)
		}
		seen := map[string]bool{}
		for _, v := range in.Record[b.first : b.first+b.count] {
			switch {
			case b.sited && (v.Name != b.state+"@"+v.Site || len(v.Site) > maxSite || strings.ContainsFunc(v.Site, unprintable) || seen[v.Site]):
				return fmt.Errorf("traces: recorded variable %q: want %s@SITE, each site once", v.Name, b.state)
			case v.Unit != in.Record[b.first].Unit:
				return fmt.Errorf("traces: recorded variable %q is in %q, %q in %q", v.Name, v.Unit, in.Record[b.first].Name, in.Record[b.first].Unit)
			case v.Segment < 0 || v.Segment > 0 && (in.Cell == nil || int(v.Segment) >= len(in.Cell.Segments)):
				return fmt.Errorf("traces: recorded variable %q is of segment %d, which there is none of", v.Name, v.Segment)
			}
			seen[v.Site] = true
		}
	}
	for i, w := range in.Windows {
		if !(w.Start >= 0 && w.Start < w.Stop && w.Stop <= float64(in.Duration) && w.Every > 0 && (w.Stop-w.Start)/w.Every <= maxChunkValues) {
			return fmt.Errorf("traces: window %d is from %g to %g ms every %g: want 0 <= start < stop <= %d, every above 0",
				i, w.Start, w.Stop, w.Every, in.Duration)
		}
		most := 1
		for _, b := range in.blocks() {
			most = max(most, b.count)
		}
		if in.SamplesPerShard*w.Values() > maxChunkValues/most {
			return fmt.Errorf("traces: a shard of %d samples has %d values in window %d at %d sites: use fewer samples per shard",
				in.SamplesPerShard, in.SamplesPerShard*w.Values(), i, most)
		}
		if err := take(fmt.Sprintf("window %d", i), windowName(i, "time"), windowName(i, "soma_v")); err != nil {
			return err
		}
	}
	return nil
}

// maxSite is the longest name of a site.
const maxSite = 100

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func (in *Info) checkCell() error {
	c := in.Cell
	if c == nil {
		return nil
	}
	if n := len(c.Segments); n < 1 || n > maxSegments {
		return fmt.Errorf("traces: a cell of %d segments: must be from 1 to %d", n, maxSegments)
	}
	if len(c.Synapses) != in.Inputs {
		return fmt.Errorf("traces: %d synapses on segments, want %d", len(c.Synapses), in.Inputs)
	}
	for i, s := range c.Synapses {
		if s < 0 || int(s) >= len(c.Segments) {
			return fmt.Errorf("traces: synapse %d is on segment %d, there are %d", i, s, len(c.Segments))
		}
	}
	for i, s := range c.Segments {
		if s.Parent < -1 || int(s.Parent) >= len(c.Segments) || int(s.Parent) == i || s.Region == "" || len(s.Region) > maxSite || strings.ContainsFunc(s.Region, unprintable) || strings.Contains(s.Region, " ") {
			return fmt.Errorf("traces: segment %d of region %q has parent %d: want a name, and another segment or -1", i, s.Region, s.Parent)
		}
		for _, x := range []float64{s.X, s.Distance, s.Length, s.Diameter, s.Area} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("traces: segment %d has a %v", i, x)
			}
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
