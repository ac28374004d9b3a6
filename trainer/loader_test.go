package trainer

import (
	"context"
	"math"
	"slices"
	"testing"

	"neq/data/traces"
	"neq/surrogates/ops"
)

func loaderOf(t testing.TB, src source, change func(*Config)) (*loader, *Config) {
	t.Helper()
	data, err := split(src, "train")
	if err != nil {
		t.Fatal(err)
	}
	// 500 - 91 + 1 = 410 starts make 5 stretches of 82: where a window starts says which stretch it is of.
	c := &Config{Batch: 6, Window: 91, ShardsInMemory: 2, Seed: 5}
	if change != nil {
		change(c)
	}
	c.Fill(20, data.info.Duration)
	l, err := newLoader(data, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.wait)
	return l, c
}

// key names a window by what it holds, not by where it lies in memory.
type key struct{ sample, start int }

func windowsOf(t testing.TB, l *loader, step int) []key {
	t.Helper()
	rows := make([]window, l.batch)
	if err := l.windows(step, 0, rows); err != nil {
		t.Fatal(err)
	}
	var out []key
	for _, w := range rows {
		out = append(out, key{w.shard.First + w.local, w.start})
	}
	return out
}

// The windows of a step depend on the seed and the step alone: not on where the loader started.
func TestWindowsArePureInStep(t *testing.T) {
	src := memory{synthetic: small()}
	l, _ := loaderOf(t, src, nil)
	var in [][]key
	for step := range 60 {
		in = append(in, windowsOf(t, l, step))
	}
	if l.index < 2 {
		t.Fatalf("60 steps stay in group %d: the test needs more", l.index)
	}
	for _, step := range []int{0, 17, 59, 31, 30, 3} {
		fresh, _ := loaderOf(t, src, nil)
		if got := windowsOf(t, fresh, step); !slices.Equal(got, in[step]) {
			t.Errorf("step %d from a fresh loader: %v, want %v", step, got, in[step])
		}
	}
	other, _ := loaderOf(t, src, func(c *Config) { c.Seed = 6 })
	if slices.Equal(windowsOf(t, other, 0), in[0]) {
		t.Error("another seed chose the same windows")
	}
}

// In one epoch every stretch of every training sample is used once, and nothing outside the split is.
func TestWindowsCover(t *testing.T) {
	for _, c := range []struct {
		name   string
		shards int // in memory
		change func(*synthetic)
	}{
		{"all in memory", 5, func(*synthetic) {}},
		{"a shard at a time", 1, func(*synthetic) {}},
		{"split ends inside a shard", 9, func(s *synthetic) { s.train = 37 }},
	} {
		syn := small()
		c.change(&syn)
		l, cfg := loaderOf(t, memory{synthetic: syn}, func(cfg *Config) { cfg.ShardsInMemory, cfg.Batch = c.shards, 5 })
		from, to := l.data.shards()
		steps := l.steps * (to - from) / l.group
		seen := map[key]int{}
		for step := range steps {
			for _, k := range windowsOf(t, l, step) {
				if k.sample >= syn.train || k.start < 0 || k.start+cfg.Window > syn.duration {
					t.Fatalf("%s: window %v outside the training split", c.name, k)
				}
				room := syn.duration - cfg.Window + 1
				seen[key{k.sample, k.start * l.cuts / room}]++
			}
		}
		want := steps * cfg.Batch // all of them but a last part of a batch
		if all := syn.train * l.cuts; all-want >= cfg.Batch*(to-from)/l.group+1 {
			t.Errorf("%s: an epoch is %d windows of %d", c.name, want, all)
		}
		if len(seen) != want {
			t.Errorf("%s: %d different stretches, want %d", c.name, len(seen), want)
		}
	}
}

// No more shards are held than two groups, and each is read once an epoch.
func TestMemoryIsBoundedByShards(t *testing.T) {
	src := memory{synthetic: small(), reads: make(chan int, 1000)}
	src.train = 80 // 10 shards
	l, _ := loaderOf(t, src, nil)
	rows := make([]window, l.batch)
	for step := range 5 * l.steps {
		if err := l.windows(step, 0, rows); err != nil {
			t.Fatal(err)
		}
		if len(l.now) > 2 {
			t.Fatalf("%d shards in a group of 2", len(l.now))
		}
	}
	l.wait() // one group ahead
	times := map[int]int{}
	for len(src.reads) > 0 {
		times[<-src.reads]++
	}
	total := 0
	for k, n := range times {
		total += n
		if n > 2 {
			t.Errorf("shard %d was read %d times in an epoch", k, n)
		}
	}
	if total > 12 || len(times) != 10 {
		t.Errorf("%d reads of %d shards, want at most 12 of 10", total, len(times))
	}
}

// A batch holds exactly the events and targets of its windows, found here the slow way.
func TestFill(t *testing.T) {
	syn := small()
	syn.record = true
	src := memory{synthetic: syn}
	s, _ := src.Shard(0)
	clip := -60.0
	data, _ := split(src, "train")
	norm, err := normalise(context.Background(), data, &clip, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	const burn, size = 30, 50
	rows := []window{{s, 0, 0}, {s, 3, 10}, {s, 7, syn.duration - size}, {s, 2, 200}}
	f := newFiller(norm, []int{0}, len(rows), burn, size, syn.duration)
	e := &ops.Events{Batch: len(rows), Time: burn + size, Inputs: 11}
	f.fill(rows, e)
	for r, w := range rows {
		type ev struct{ bin, synapse int32 }
		got, want := map[ev]int{}, map[ev]int{}
		for k := e.Start[r]; k < e.Start[r+1]; k++ {
			got[ev{e.Bin[k], e.Synapse[k]}]++
		}
		for k := s.InputStart[w.local]; k < s.InputStart[w.local+1]; k++ {
			bin := int(math.Floor(float64(s.InputTime[k]))) - (w.start - burn)
			if bin >= 0 && bin < burn+size {
				want[ev{int32(bin), s.InputSynapse[k]}]++
			}
		}
		if len(got) != len(want) {
			t.Errorf("row %d: %d different events, want %d", r, len(got), len(want))
		}
		for k, n := range want {
			if got[k] != n {
				t.Errorf("row %d: event %v %d times, want %d", r, k, got[k], n)
			}
		}
		spike := map[int]bool{}
		for k := s.SpikeStart[w.local]; k < s.SpikeStart[w.local+1]; k++ {
			spike[int(s.SpikeTime[k])] = true
		}
		for k := range burn + size {
			at := r*(burn+size) + k
			if k < burn {
				if f.target.Spike[at] != 0 || f.target.Voltage[at] != 0 {
					t.Fatalf("row %d: a target in the burn-in", r)
				}
				continue
			}
			ms := w.start + k - burn
			if (f.target.Spike[at] == 1) != spike[ms] {
				t.Errorf("row %d, %d ms: spike target %v, neuron %v", r, ms, f.target.Spike[at], spike[ms])
			}
			v := min(float64(s.SomaV[w.local*syn.duration+ms]), clip)
			if want := (v - norm.Mean) / norm.SD; math.Abs(float64(f.target.Voltage[at])-want) > 1e-4 { // float32 of some tens of mV over some mV
				t.Errorf("row %d, %d ms: voltage target %v, want %v", r, ms, f.target.Voltage[at], want)
			}
			x := float64(s.Extra[0][w.local*syn.duration+ms])
			if want := (x - norm.Auxiliary[0].Mean) / norm.Auxiliary[0].SD; math.Abs(float64(f.target.Auxiliary[0][at])-want) > 1e-4 {
				t.Errorf("row %d, %d ms: auxiliary target %v, want %v", r, ms, f.target.Auxiliary[0][at], want)
			}
		}
	}
}

// Scale comes from the training split alone, and is that of the plain two-pass formula.
func TestNormalise(t *testing.T) {
	syn := small()
	syn.train = 37 // ends inside a shard
	src := memory{synthetic: syn}
	data, _ := split(src, "train")
	got, err := normalise(context.Background(), data, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := syn.shard(0, syn.train)
	var sum, sq float64
	for _, v := range s.SomaV {
		sum += float64(v)
	}
	mean := sum / float64(len(s.SomaV))
	for _, v := range s.SomaV {
		sq += (float64(v) - mean) * (float64(v) - mean)
	}
	sd := math.Sqrt(sq / float64(len(s.SomaV)))
	seconds := float64(syn.train*syn.duration) / 1000
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"mean", got.Mean, mean}, {"sd", got.SD, sd}, {"rate", got.Rate, float64(len(s.SpikeTime)) / seconds},
		{"input rate", got.InputRate, float64(len(s.InputTime)) / seconds / 11}, {"samples", float64(got.Samples), 37},
	} {
		if math.Abs(c.got-c.want) > 1e-9*math.Abs(c.want) { // float64 sums in another order
			t.Errorf("%s %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestSplitMissing(t *testing.T) {
	syn := small()
	syn.validation = 0
	if _, err := split(memory{synthetic: syn}, "validation"); err == nil {
		t.Error("found a split that is not there")
	}
}

// A step's batch allocates nothing once the buffers have grown.
func TestFillAllocates(t *testing.T) {
	l, c := loaderOf(t, memory{synthetic: small()}, func(c *Config) { c.ShardsInMemory = 5 })
	f := newFiller(Normalisation{SD: 1}, nil, c.Batch, 20, c.Window, 500)
	e := &ops.Events{Bin: make([]int32, 0, 1<<16), Synapse: make([]int32, 0, 1<<16), Start: make([]int, 0, 100)}
	rows := make([]window, c.Batch)
	step := 0
	n := testing.AllocsPerRun(l.steps-2, func() {
		if err := l.windows(step, 0, rows); err != nil {
			t.Fatal(err)
		}
		f.fill(rows, e)
		step++
	})
	if n > 0.5 { // the first call loads the shards; it is not counted
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkLoader(b *testing.B) {
	syn := synthetic{excitatory: 80, inhibitory: 20, duration: 6000, perShard: 20, train: 40, validation: 1, test: 1, rate: 0.003, seed: 1}
	shards := map[int]*traces.Shard{}
	for k := range 3 {
		info := syn.info()
		first, n := info.ShardSamples(k)
		shards[k] = syn.shard(first, n)
	}
	l, c := loaderOf(b, cached{memory{synthetic: syn}, shards}, func(c *Config) { c.Batch, c.Window, c.ShardsInMemory = 16, 400, 2 })
	f := newFiller(Normalisation{SD: 1}, nil, c.Batch, 79, c.Window, syn.duration)
	e := &ops.Events{}
	rows := make([]window, c.Batch)
	if err := l.windows(0, 0, rows); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := l.windows(i, 0, rows); err != nil {
			b.Fatal(err)
		}
		f.fill(rows, e)
	}
	b.ReportMetric(float64(b.N*c.Batch)/b.Elapsed().Seconds(), "windows/s")
}

// cached is a data set whose shards were made beforehand.
type cached struct {
	memory
	shards map[int]*traces.Shard
}

func (c cached) Shard(k int) (*traces.Shard, error) { return c.shards[k], nil }
