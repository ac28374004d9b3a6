package trainer

import (
	"fmt"
	"sync"
	"sync/atomic"

	"neq/data/traces"
	"neq/internal/philox"
	"neq/internal/team"
)

// window is a scored stretch of one sample: it starts at Start ms.
type window struct {
	shard *traces.Shard
	local int // sample, counted from the shard's first
	start int // ms
}

// loader chooses the windows of every step. Shards are taken in groups, in an order permuted anew each time
// all have been seen; while a group is in use the next one loads in the background, so that memory is bounded
// by two groups. In a group every sample is cut into duration/window stretches, one window starts at
// random in each, and the windows are used in a random order before the next pass draws them again. All of
// it is a pure function of (seed, step, row).
type loader struct {
	data  episodes
	seed  uint64
	batch int // windows in a step
	size  int // of a window, ms

	group   int   // shards in a group
	steps   int   // per group
	cuts    int   // windows a sample is cut into
	index   int64 // of the group in memory, -1 for none
	now     map[int]*traces.Shard
	samples []window // of the group in memory, start unset

	pass  uint64  // order's permutation: group<<32 | pass in the group
	order []int32 // permutation of the group's windows

	next   int64 // group being loaded, -1 for none
	loaded chan loadedGroup
}

type loadedGroup struct {
	shards map[int]*traces.Shard
	err    error
}

// Streams of the loader's random numbers, offsets from philox.StreamWindow.
const (
	streamOrder  = philox.StreamWindow + iota // of the windows in a pass
	streamShards                              // order of the shards in an epoch
	streamStart                               // where a window starts
)

func newLoader(data episodes, c *Config) (*loader, error) {
	if c.Window > data.info.Duration {
		return nil, fmt.Errorf("training.window_ms: %d, the data set's episodes last %d ms", c.Window, data.info.Duration)
	}
	from, to := data.shards()
	l := &loader{
		data: data, seed: c.Seed, batch: c.Batch * c.batches(), size: c.Window,
		group: min(c.ShardsInMemory, to-from),
		cuts:  data.info.Duration / c.Window,
		index: -1, next: -1, pass: ^uint64(0),
	}
	windows := l.group * data.info.SamplesPerShard * l.cuts
	if l.group == to-from {
		windows = data.count * l.cuts
	}
	l.steps = max(1, windows/l.batch)
	return l, nil
}

// groupShards lists the shards of group g: positions g*group.. of the permuted orders one after the other.
func (l *loader) groupShards(g int64) []int {
	from, to := l.data.shards()
	n := to - from
	list := make([]int, 0, l.group)
	epoch := int64(-1)
	var order []int32
	for p := g * int64(l.group); len(list) < l.group; p++ {
		if e := p / int64(n); e != epoch {
			epoch = e
			order = permute(order, n, philox.New(l.seed, uint64(e), streamShards))
		}
		list = append(list, from+int(order[p%int64(n)]))
	}
	return list
}

// permute fills p with a permutation of 0..n-1 (Fisher & Yates 1938), reusing its memory.
func permute(p []int32, n int, rnd *philox.Stream) []int32 {
	if cap(p) < n {
		p = make([]int32, n)
	}
	p = p[:n]
	for i := range p {
		j := rnd.Intn(i + 1)
		p[i] = p[j]
		p[j] = int32(i)
	}
	return p
}

// read loads the shards of group g, several at a time, taking those of have that it shares.
func (l *loader) read(g int64, have map[int]*traces.Shard) loadedGroup {
	var absent []int
	m := make(map[int]*traces.Shard, l.group)
	for _, k := range l.groupShards(g) {
		if s, seen := m[k]; seen && s == nil {
			continue // an epoch ends within the group, and the next begins with the same shard
		}
		if m[k] = have[k]; m[k] == nil {
			absent = append(absent, k)
		}
	}
	shards, errs := make([]*traces.Shard, len(absent)), make([]error, len(absent))
	var next atomic.Int64
	var done sync.WaitGroup
	for range min(len(absent), max(1, team.Cores()/2)) {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := next.Add(1) - 1; int(i) < len(absent); i = next.Add(1) - 1 {
				shards[i], errs[i] = l.data.Shard(absent[i])
			}
		}()
	}
	done.Wait()
	for i, k := range absent {
		if errs[i] != nil {
			return loadedGroup{err: errs[i]}
		}
		m[k] = shards[i]
	}
	return loadedGroup{shards: m}
}

// enter makes group g the one in memory and starts to load the one after it.
func (l *loader) enter(g int64) error {
	if g == l.index {
		return nil
	}
	var got loadedGroup
	if l.next == g {
		got = <-l.loaded
		l.next = -1
	} else {
		l.wait()
		got = l.read(g, l.now)
	}
	if got.err != nil {
		return got.err
	}
	l.index, l.now = g, got.shards
	l.samples = l.samples[:0]
	for _, k := range l.groupShards(g) {
		s := l.now[k]
		a, b := l.data.inShard(s)
		for i := a; i < b; i++ {
			l.samples = append(l.samples, window{shard: s, local: i})
		}
	}
	if from, to := l.data.shards(); l.group < to-from {
		l.next, l.loaded = g+1, make(chan loadedGroup, 1)
		go func(have map[int]*traces.Shard, out chan<- loadedGroup) { out <- l.read(g+1, have) }(l.now, l.loaded)
	}
	return nil
}

// wait lets a background load end and forgets it.
func (l *loader) wait() {
	if l.next >= 0 {
		<-l.loaded
		l.next = -1
	}
}

// windows fills dst, one window a row, with those of a step from one on.
func (l *loader) windows(step, from int, dst []window) error {
	g := int64(step / l.steps)
	if err := l.enter(g); err != nil {
		return err
	}
	n := len(l.samples) * l.cuts
	at := (step%l.steps)*l.batch + from
	for row := range dst {
		pass := uint64(g)<<32 | uint64((at+row)/n)
		if pass != l.pass {
			l.order = permute(l.order, n, philox.New(l.seed, pass, streamOrder))
			l.pass = pass
		}
		k := int(l.order[(at+row)%n])
		w := l.samples[k/l.cuts]
		w.start = l.start(pass, k)
		dst[row] = w
	}
	return nil
}

// start draws where window k of a pass starts: in stretch k mod cuts of the room there is.
func (l *loader) start(pass uint64, k int) int {
	room := l.data.info.Duration - l.size + 1
	u := philox.Block([4]uint32{uint32(k), streamStart, uint32(pass), uint32(pass >> 32)},
		[2]uint32{uint32(l.seed), uint32(l.seed >> 32)})[0]
	cut := uint64(k % l.cuts)
	return int((cut<<32 + uint64(u)) * uint64(room) / uint64(l.cuts) >> 32)
}
