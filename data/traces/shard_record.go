package traces

import (
	"fmt"
	"math"
)

// dense is a recorded variable of a shard, or a window of it: one value after the other, sample by sample.
type dense struct {
	name   string
	values []float32
	times  int // values of a sample
	every  float64
	start  float64 // ms
	half   bool
}

func (s *Shard) checkRecorded(in *Info, want map[int]bool) error {
	if len(s.Extra) != len(in.Record) {
		return fmt.Errorf("%d recorded variables, want %d", len(s.Extra), len(in.Record))
	}
	all := []dense{{"soma_v", s.SomaV, in.Duration, 1, 0, false}}
	for i, v := range in.Record {
		if want == nil || want[i] {
			all = append(all, dense{v.Name, s.Extra[i], in.Duration, 1, 0, in.Halved(v.Unit)})
		}
	}
	if want == nil {
		if len(s.Windows) != len(in.Windows) {
			return fmt.Errorf("%d windows, want %d", len(s.Windows), len(in.Windows))
		}
		for w, x := range in.Windows {
			if len(s.Windows[w]) != 1+len(in.Record) {
				return fmt.Errorf("%d variables in window %d, want %d", len(s.Windows[w]), w, 1+len(in.Record))
			}
			for i, v := range s.Windows[w] {
				name, half := windowName(w, "soma_v"), false
				if i > 0 {
					name, half = in.Record[i-1].Name+" in window "+fmt.Sprint(w), in.Halved(in.Record[i-1].Unit)
				}
				all = append(all, dense{name, v, x.Values(), x.Every, x.Start, half})
			}
		}
	}
	for _, d := range all {
		if err := d.check(s); err != nil {
			return err
		}
	}
	return nil
}

func (d dense) check(s *Shard) error {
	if len(d.values) != s.Samples*d.times {
		return fmt.Errorf("%s has %d values, want %d samples of %d", d.name, len(d.values), s.Samples, d.times)
	}
	for i, x := range d.values {
		if x-x != 0 || d.half && (x >= overHalf || x <= -overHalf) { // NaN or infinite, or so as a float16
			return fmt.Errorf("sample %d: %s is %v at %g ms", s.First+i/d.times, d.name, x, d.start+float64(i%d.times)*d.every)
		}
	}
	return nil
}

// nanHalf is the padding of float16 arrays.
const nanHalf half = 0x7e00

// recordFrames encodes the chunks of recorded variables and windows, in the order of Info.recordArrays.
func (s *Shard) recordFrames(in *Info, c *codec, use func(array int, frame []byte)) {
	at := firstExtra
	put := func(columns [][]float32, times int, half bool) {
		n := in.SamplesPerShard * len(columns) * times
		nan := float32(math.NaN())
		switch {
		case half:
			use(at, encode(c, nil, interleave(columns, s.Samples, times, n, nanHalf, toHalf)))
		case len(columns) == 1:
			use(at, encode(c, nil, padded(columns[0], n, nan)))
		default:
			use(at, encode(c, nil, interleave(columns, s.Samples, times, n, nan, func(x float32) float32 { return x })))
		}
		at++
	}
	blocks := in.blocks()
	for _, b := range blocks {
		put(s.Extra[b.first:b.first+b.count], in.Duration, in.Halved(b.unit))
	}
	for w, x := range in.Windows {
		put(s.Windows[w][:1], x.Values(), false)
		for _, b := range blocks {
			put(s.Windows[w][1+b.first:1+b.first+b.count], x.Values(), in.Halved(b.unit))
		}
	}
}

// interleave puts columns of [samples][times] side by side as [samples][column][times], filled up to n values.
func interleave[T value](columns [][]float32, samples, times, n int, fill T, of func(float32) T) []T {
	out := make([]T, n)
	at := 0
	for i := range samples {
		for _, c := range columns {
			for _, x := range c[i*times : (i+1)*times] {
				out[at] = of(x)
				at++
			}
		}
	}
	for ; at < n; at++ {
		out[at] = fill
	}
	return out
}

// takeRecorded decodes what recordFrames encoded: all of it, or the recorded variables that want names.
func (s *Shard) takeRecorded(in *Info, e *shardEntry, c *codec, frames [][]byte, want map[int]bool) error {
	at := firstExtra
	nan := func(x float32) bool { return x != x }
	get := func(columns [][]float32, times int, halved bool) error {
		a, n, used := at, in.SamplesPerShard*len(columns)*times, s.Samples*len(columns)*times
		at++
		if halved {
			v, err := take(c, e, frames, a, n, used, isNaNHalf)
			if err == nil {
				part(columns, v, s.Samples, times, half.float)
			}
			return err
		}
		v, err := take(c, e, frames, a, n, used, nan)
		switch {
		case err != nil:
		case len(columns) == 1:
			columns[0] = v
		default:
			part(columns, v, s.Samples, times, func(x float32) float32 { return x })
		}
		return err
	}
	blocks := in.blocks()
	if len(in.Record) > 0 {
		s.Extra = make([][]float32, len(in.Record))
	}
	for _, b := range blocks {
		if !in.wanted(b, want) {
			at++
			continue
		}
		if err := get(s.Extra[b.first:b.first+b.count], in.Duration, in.Halved(b.unit)); err != nil {
			return err
		}
		for i := b.first; i < b.first+b.count; i++ {
			if want != nil && !want[i] {
				s.Extra[i] = nil
			}
		}
	}
	if want != nil {
		return nil
	}
	for _, x := range in.Windows {
		columns := make([][]float32, 1+len(in.Record))
		s.Windows = append(s.Windows, columns)
		if err := get(columns[:1], x.Values(), false); err != nil {
			return err
		}
		for _, b := range blocks {
			if err := get(columns[1+b.first:1+b.first+b.count], x.Values(), in.Halved(b.unit)); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted tells whether any variable of a block is to be read.
func (in *Info) wanted(b block, want map[int]bool) bool {
	if want == nil {
		return true
	}
	for i := b.first; i < b.first+b.count; i++ {
		if want[i] {
			return true
		}
	}
	return false
}

// part is interleave backwards: it makes the columns.
func part[T value](columns [][]float32, v []T, samples, times int, of func(T) float32) {
	for j := range columns {
		columns[j] = make([]float32, samples*times)
		for i := range samples {
			from := v[(i*len(columns)+j)*times:][:times]
			to := columns[j][i*times:][:times]
			for t, x := range from {
				to[t] = of(x)
			}
		}
	}
}

func isNaNHalf(h half) bool { return h&0x7fff > 0x7c00 }
