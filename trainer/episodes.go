package trainer

import (
	"fmt"
	"sort"
	"strings"

	"neq/data/traces"
)

// source is what the trainer needs of a trace data set.
type source interface {
	Info() traces.Info
	Shard(k int) (*traces.Shard, error) // safe to call from several goroutines
}

// episodes is a split of a data set: samples First <= i < First+Count.
type episodes struct {
	source
	info  traces.Info
	name  string
	first int
	count int
}

// split finds a split by name; a data set without it is an error that lists those there are. Of what a data set on disk
// records beside the soma's voltage only the variables named are read.
func split(s source, name string, record ...string) (episodes, error) {
	info := s.Info()
	switch set := s.(type) {
	case *traces.Set:
		s = set.Recording(record...)
	case *kept:
		s = set.recording(record...)
	}
	var names []string
	for _, p := range info.Splits {
		if p.Name == name && p.Count > 0 {
			return episodes{s, info, name, p.First, p.Count}, nil
		}
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.Count))
	}
	return episodes{}, fmt.Errorf("trainer: the data set has no samples in split %q, only in %s", name, strings.Join(names, ", "))
}

// shards are the indices of the first shard of the split and the one after its last.
func (e *episodes) shards() (from, to int) {
	n := e.info.SamplesPerShard
	return e.first / n, (e.first + e.count + n - 1) / n
}

// inShard is the run of samples, counted from the shard's first, that belong to the split.
func (e *episodes) inShard(s *traces.Shard) (from, to int) {
	return max(0, e.first-s.First), min(s.Samples, e.first+e.count-s.First)
}

// check refuses a shard not read from a data set whose arrays do not fit what info says; those read from one
// were checked there.
func check(s *traces.Shard, info traces.Info) error {
	d := info.Duration
	if len(s.InputStart) != s.Samples+1 || len(s.InputSynapse) != len(s.InputTime) || int(s.InputStart[s.Samples]) > len(s.InputTime) {
		return fmt.Errorf("trainer: a shard of %d samples of %d ms holds arrays of other lengths", s.Samples, d)
	}
	for i, y := range s.InputSynapse {
		if y < 0 || int(y) >= info.Inputs {
			return fmt.Errorf("trainer: event %d is of synapse %d, the data set has %d", i, y, info.Inputs)
		}
	}
	return nil
}

// each calls f with every shard of the split and its run of samples, in order, until max samples were seen
// (0: all). It holds one shard at a time.
func (e *episodes) each(max int, f func(s *traces.Shard, from, to int) error) error {
	if max <= 0 || max > e.count {
		max = e.count
	}
	from, to := e.shards()
	for k := from; k < to && max > 0; k++ {
		s, err := e.Shard(k)
		if err != nil {
			return err
		}
		a, b := e.inShard(s)
		b = min(b, a+max)
		max -= b - a
		if err := f(s, a, b); err != nil {
			return err
		}
	}
	return nil
}

// between are the indices i of ascending times t[i] with from <= t[i] < to.
func between(t []float32, from, to float32) (int, int) {
	a := sort.Search(len(t), func(i int) bool { return t[i] >= from })
	b := a + sort.Search(len(t)-a, func(i int) bool { return t[a+i] >= to })
	return a, b
}

// inputs appends the input events of sample i with from <= time < to ms as 1 ms bins counted from
// origin (<= from).
func inputs(s *traces.Shard, i, origin, from, to int, bin, synapse []int32) ([]int32, []int32) {
	lo, hi := s.InputStart[i], s.InputStart[i+1]
	t, y := s.InputTime[lo:hi], s.InputSynapse[lo:hi]
	a, b := between(t, float32(max(0, from)), float32(to))
	for k := a; k < b; k++ {
		bin = append(bin, int32(t[k])-int32(origin))
	}
	return bin, append(synapse, y[a:b]...)
}

// spikes sets dst[k] to 1 where sample i spikes in ms from+k, else to 0.
func spikes(s *traces.Shard, i, from int, dst []float32) {
	clear(dst)
	t := s.SpikeTime[s.SpikeStart[i]:s.SpikeStart[i+1]]
	a, b := between(t, float32(from), float32(from+len(dst)))
	for k := a; k < b; k++ {
		dst[int(t[k])-from] = 1
	}
}

// clipped copies src to dst, values above clip (nil: none) cut to it.
func clipped(dst, src []float32, clip *float64) {
	copy(dst, src)
	if clip == nil {
		return
	}
	c := float32(*clip)
	for k, v := range dst {
		if v > c {
			dst[k] = c
		}
	}
}
