package traces

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// example is a small set with a short last shard and every kind of file.
func example() Info {
	return Info{
		Samples: 23, SamplesPerShard: 5, Duration: 60,
		Splits:   []Split{{"train", 0, 17}, {"validation", 17, 2}, {"test", 19, 4}},
		Synapses: []SynapseInfo{{"exc", "ampa", 0, 30}, {"inh", "gaba_a", 30, 10}}, Inputs: 40,
		Record:    []Variable{{Name: "m", Unit: "1"}, {Name: "h_gate", Unit: "1"}},
		Precision: "float16", EventCapacity: 1000, SpikeCapacity: 64,
		Neuron: "hh", Threshold: -20, Seed: 1<<63 + 5, Version: "test", Device: "cpu portable, 1 thread",
		Configuration: map[string]any{"neuron": map[string]any{"model": "hh", "parameters": map[string]any{"tau": 20.0, "n": 3}},
			"simulate": map[string]any{"dt_ms": 0.025, "list": []int{1, 2, 3}}},
	}
}

// full is the example with every optional part: sites, windows, a cell with dendrites.
func full() Info {
	in := example()
	in.Record = append(in.Record, Variable{"v@soma(0.5)", "mV", "soma(0.5)", 0}, Variable{"v@apic[50](0.9)", "mV", "apic[50](0.9)", 2},
		Variable{"ca.ca@soma(0.5)", "mM", "soma(0.5)", 0}, Variable{"ca.ca@apic[50](0.9)", "mM", "apic[50](0.9)", 2})
	in.Windows = []Window{{10, 13, 0.125}, {0, 60, 2.5}}
	in.SpikeRule = "an upward crossing of -20 mV"
	in.Cell = &Cell{Morphology: "a.asc", SHA256: "ab", Synapses: make([]int32, 40), Segments: []Segment{
		{Region: "soma", Parent: -1, X: 0.5, Length: 20, Diameter: 20, Area: 1257},
		{Region: "apic", Section: 49, X: 0.5, Distance: 30, Length: 40, Diameter: 2, Area: 251},
		{Region: "apic", Section: 50, Index: 4, X: 0.9, Parent: 1, Distance: 70, Length: 40, Diameter: 2, Area: 251}}}
	return in
}

// fake makes shard k: what it holds follows from k alone.
func fake(in Info, k int) *Shard {
	r := rand.New(rand.NewPCG(42, uint64(k)))
	first, n := in.ShardSamples(k)
	s := &Shard{First: first, Samples: n, InputStart: []int64{0}, SpikeStart: []int64{0}}
	times := func(n int) []float32 {
		t := make([]float32, n)
		for i := range t {
			t[i] = Time32(r.Float64() * float64(in.Duration))
		}
		slices.Sort(t)
		return t
	}
	for range n {
		room := in.EventCapacity / in.SamplesPerShard
		t := times(r.IntN(room + 1))
		s.InputTime = append(s.InputTime, t...)
		for range t {
			s.InputSynapse = append(s.InputSynapse, int32(r.IntN(in.Inputs)))
		}
		s.InputStart = append(s.InputStart, int64(len(s.InputTime)))
		s.SpikeTime = append(s.SpikeTime, times(r.IntN(in.SpikeCapacity/in.SamplesPerShard+1))...)
		s.SpikeStart = append(s.SpikeStart, int64(len(s.SpikeTime)))
	}
	dense := func(mean, sd float64, times int, halved bool) []float32 {
		v := make([]float32, n*times)
		for i := range v {
			v[i] = float32(mean + sd*r.NormFloat64())
			if halved { // what is kept is what is read
				v[i] = toHalf(v[i]).float()
			}
		}
		return v
	}
	s.SomaV = dense(-65, 5, in.Duration, false)
	for _, v := range in.Record {
		s.Extra = append(s.Extra, dense(0.5, 0.1, in.Duration, in.Halved(v.Unit)))
	}
	for _, w := range in.Windows {
		all := [][]float32{dense(-65, 5, w.Values(), false)}
		for _, v := range in.Record {
			all = append(all, dense(0.5, 0.1, w.Values(), in.Halved(v.Unit)))
		}
		s.Windows = append(s.Windows, all)
	}
	return s
}

// fill writes shards and stops the test on an error.
func fill(t testing.TB, w *Writer, shards []int) {
	t.Helper()
	for _, k := range shards {
		if err := w.WriteShard(k, fake(w.info, k)); err != nil {
			t.Fatal(err)
		}
	}
}

// whole makes a committed data set.
func whole(t testing.TB, in Info) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	w, err := Create(dir, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, w.Missing())
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents reads every file under dir.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameContents(t testing.TB, a, b string) {
	t.Helper()
	x, y := contents(t, a), contents(t, b)
	for name := range x {
		if v, ok := y[name]; !ok || v != x[name] {
			t.Errorf("%s differs or is missing", name)
		}
		delete(y, name)
	}
	for name := range y {
		t.Errorf("%s is there in the second alone", name)
	}
}

func equalShards(t testing.TB, got, want *Shard) {
	t.Helper()
	if len(got.InputTime) == 0 && len(want.InputTime) == 0 {
		got.InputTime, got.InputSynapse = want.InputTime, want.InputSynapse
	}
	if len(got.SpikeTime) == 0 && len(want.SpikeTime) == 0 {
		got.SpikeTime = want.SpikeTime
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("shard from %d differs from what was written", want.First)
	}
}

func TestRoundTrip(t *testing.T) {
	small := full()
	small.Samples, small.SamplesPerShard, small.Record = 1, 5, nil // one short shard
	small.Splits = []Split{{"train", 0, 1}, {"test", 1, 0}}
	silent := full()
	silent.Inputs, silent.Synapses, silent.EventCapacity, silent.SpikeCapacity = 0, nil, 0, 0 // no inputs, no spikes
	silent.Cell.Synapses = nil
	even := full()
	even.SamplesPerShard, even.Samples, even.Splits = 4, 8, []Split{{"train", 0, 8}}
	single := full()
	single.Precision, single.Windows = "", nil
	for name, in := range map[string]Info{"full": full(), "example": example(), "float32": single, "one sample": small, "silent": silent, "even": even} {
		t.Run(name, func(t *testing.T) {
			dir := whole(t, in)
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if s.Shards() != in.Shards() {
				t.Errorf("%d shards, want %d", s.Shards(), in.Shards())
			}
			for k := range s.Shards() {
				got, err := s.Shard(k)
				if err != nil {
					t.Fatal(err)
				}
				equalShards(t, got, fake(in, k))
			}
			if err := compare(dir, s.Info(), in); err != nil {
				t.Error(err)
			}
			if got := s.Info(); got.Seed != in.Seed || got.Device != in.Device || got.Version != in.Version {
				t.Errorf("provenance %v %q %q", got.Seed, got.Device, got.Version)
			}
			for _, sp := range in.Splits {
				if first, n, err := s.SplitRange(sp.Name); err != nil || first != sp.First || n != sp.Count {
					t.Errorf("split %s: %d from %d, %v", sp.Name, n, first, err)
				}
			}
			if _, _, err := s.SplitRange("holdout"); err == nil || !strings.Contains(err.Error(), "train") {
				t.Errorf("a split that is not there: %v", err)
			}
			total := int64(0)
			for name, b := range contents(t, dir) {
				if name != manifestFile && !strings.HasPrefix(name, receiptsDir) {
					total += int64(len(b))
				}
			}
			if s.Bytes() != total {
				t.Errorf("Bytes %d, want %d", s.Bytes(), total)
			}
		})
	}
}

// Many writers at once, in any order, leave the same bytes as one; so does an encoder that has been used before.
func TestSameBytesAnyOrder(t *testing.T) {
	in := example()
	one := whole(t, in)
	many := filepath.Join(t.TempDir(), "set")
	w, err := Create(many, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for _, k := range []int{3, 1, 4, 0, 2} {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := w.WriteShard(k, fake(in, k)); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	sameContents(t, one, many)
	a, _ := Open(one)
	b, _ := Open(many)
	x, err := a.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if y, err := b.Digest(); err != nil || x != y {
		t.Errorf("digests %s, %s, %v", x, y, err)
	}
}

func TestOpenIncomplete(t *testing.T) {
	in := example()
	dir := filepath.Join(t.TempDir(), "set")
	w, err := Create(dir, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, []int{0, 3})
	_, err = Open(dir)
	var inc *Incomplete
	if !errors.As(err, &inc) || !slices.Equal(inc.Missing, []int{1, 2, 4}) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"2 of 5 shards", "1-2, 4 missing", "neq simulate --resume", "neq merge"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if err := w.Commit(); !errors.As(err, &inc) {
		t.Errorf("commit of an incomplete set: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".zgroup")); err == nil {
		t.Error("an incomplete set looks like a Zarr group")
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), headerFile) {
		t.Errorf("an empty folder: %v", err)
	}
}

// A view of some recorded variables reads those alone, and nothing of the files of others.
func TestRecording(t *testing.T) {
	in := full()
	dir := whole(t, in)
	for _, name := range []string{"h_gate/0.0", "ca_ca/0.0.0", "window1_soma_v/0.0"} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), []byte("rubbish"))
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Shard(0); err == nil {
		t.Error("read a damaged shard")
	}
	got, err := s.Recording("v@apic[50](0.9)", "m").Shard(0)
	if err != nil {
		t.Fatal(err)
	}
	want := fake(in, 0)
	want.Windows, want.Extra[1], want.Extra[2], want.Extra[4], want.Extra[5] = nil, nil, nil, nil, nil
	equalShards(t, got, want)
	if got, err = s.Recording().Shard(0); err != nil || len(got.Extra) != 6 || got.Extra[0] != nil {
		t.Errorf("read %d variables, %v", len(got.Extra), err)
	}
}
