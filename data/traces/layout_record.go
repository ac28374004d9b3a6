package traces

import (
	"slices"
	"strconv"
	"strings"
)

// block is what one array holds of Info.Record: a variable, or one state at a number of sites.
type block struct {
	name         string // of the array
	state        string // "v", "nats2.m"
	unit         string
	first, count int // of Info.Record
	sited        bool
}

// blocks lists the arrays of what is recorded. The sites of a state follow one another; where they do not, it would
// need the array's name twice, which Check refuses.
func (in *Info) blocks() []block {
	var out []block
	for i, v := range in.Record {
		b := block{name: v.Name, state: v.Name, unit: v.Unit, first: i, count: 1, sited: v.Site != ""}
		if b.sited {
			b.state, _, _ = strings.Cut(v.Name, "@")
			b.name = strings.ReplaceAll(b.state, ".", "_")
			if n := len(out); n > 0 && out[n-1].sited && out[n-1].state == b.state {
				out[n-1].count++
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

func windowName(w int, of string) string { return "window" + strconv.Itoa(w) + "_" + of }

// recordArrays lists the arrays of recorded variables, then those of each window: soma_v and the recorded variables.
func (in *Info) recordArrays() []array {
	n, per := int64(in.Samples), int64(in.SamplesPerShard)
	dense := func(b block, name, time string, values int) array {
		a := array{name: name, dtype: "<f4", dims: []string{"sample", time}, shape: []int64{n, int64(values)},
			chunk: []int64{per, int64(values)}, fill: "NaN", attrs: map[string]any{"units": b.unit, "long_name": b.state + " at the soma"}}
		if in.Halved(b.unit) && b.first >= 0 {
			a.dtype = "<f2"
		}
		if b.sited {
			a.dims = slices.Insert(a.dims, 1, b.name+"_site")
			a.shape, a.chunk = slices.Insert(a.shape, 1, int64(b.count)), slices.Insert(a.chunk, 1, int64(b.count))
			a.attrs["long_name"] = b.state
			a.attrs["coordinates"] = b.name + "_segment"
		}
		return a
	}
	var out []array
	for _, b := range in.blocks() {
		out = append(out, dense(b, b.name, "time", in.Duration))
	}
	for i, w := range in.Windows {
		for _, b := range append([]block{{name: "soma_v", state: "membrane potential", unit: "mV", first: -1, count: 1}}, in.blocks()...) {
			out = append(out, dense(b, windowName(i, b.name), windowName(i, "time"), w.Values()))
		}
	}
	return out
}

// column is a fixed array and its values.
type column struct {
	array
	values any // []int32, []float64 or []string
}

// columns are the coordinates of what is recorded, and the cell's segments.
func (in *Info) columns() []column {
	var out []column
	add := func(name, dim string, values any, attrs map[string]any) {
		dtype, n := "", 0
		switch v := values.(type) {
		case []int32:
			dtype, n = "<i4", len(v)
		case []float64:
			dtype, n = "<f8", len(v)
		case []string:
			longest := 1
			for _, s := range v {
				longest = max(longest, len([]rune(s)))
			}
			dtype, n = "<U"+strconv.Itoa(longest), len(v)
		}
		out = append(out, column{fixedArray(name, dtype, dim, n, attrs), values})
	}
	for _, b := range in.blocks() {
		if !b.sited {
			continue
		}
		var sites []string
		var segments []int32
		for _, v := range in.Record[b.first : b.first+b.count] {
			sites, segments = append(sites, v.Site), append(segments, v.Segment)
		}
		add(b.name+"_site", b.name+"_site", sites, map[string]any{"units": "1", "long_name": "where " + b.state + " is recorded"})
		add(b.name+"_segment", b.name+"_site", segments, map[string]any{"units": "1", "long_name": "segment that " + b.state + " is recorded in"})
	}
	for i, w := range in.Windows {
		t := make([]float64, w.Values())
		for k := range t {
			t[k] = w.Start + float64(k)*w.Every
		}
		add(windowName(i, "time"), windowName(i, "time"), t, map[string]any{"units": "ms", "long_name": "time from the start of a sample"})
	}
	if in.Cell == nil {
		return out
	}
	segments := in.Cell.Segments
	text := func(name, long string, of func(Segment) string) {
		v := make([]string, len(segments))
		for i, s := range segments {
			v[i] = of(s)
		}
		add("segment_"+name, "segment", v, map[string]any{"units": "1", "long_name": long})
	}
	whole := func(name, long string, of func(Segment) int32) {
		v := make([]int32, len(segments))
		for i, s := range segments {
			v[i] = of(s)
		}
		add("segment_"+name, "segment", v, map[string]any{"units": "1", "long_name": long})
	}
	number := func(name, unit, long string, of func(Segment) float64) {
		v := make([]float64, len(segments))
		for i, s := range segments {
			v[i] = of(s)
		}
		add("segment_"+name, "segment", v, map[string]any{"units": unit, "long_name": long})
	}
	text("region", "region of a segment", func(s Segment) string { return s.Region })
	whole("section", "number of a segment's section in its region", func(s Segment) int32 { return s.Section })
	whole("index", "place of a segment in its section", func(s Segment) int32 { return s.Index })
	whole("parent", "parent segment, -1 of the first", func(s Segment) int32 { return s.Parent })
	number("x", "1", "centre of a segment along its section", func(s Segment) float64 { return s.X })
	number("distance", "um", "path from the soma to the centre of a segment", func(s Segment) float64 { return s.Distance })
	number("length", "um", "length of a segment", func(s Segment) float64 { return s.Length })
	number("diameter", "um", "diameter of a segment", func(s Segment) float64 { return s.Diameter })
	number("area", "um2", "membrane area of a segment", func(s Segment) float64 { return s.Area })
	add("synapse_segment", "synapse", in.Cell.Synapses, map[string]any{"units": "1", "long_name": "segment a synapse is on"})
	return out
}

func (in *Info) recordCoordinates() []array {
	var out []array
	for _, c := range in.columns() {
		out = append(out, c.array)
	}
	return out
}

// codes are strings as numpy's <U has them: code points, padded with zeros.
func codes(text []string, width int) []int32 {
	out := make([]int32, len(text)*width)
	for i, s := range text {
		for j, r := range []rune(s) {
			out[i*width+j] = r
		}
	}
	return out
}
