package traces

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"neq/internal/atomicfile"
)

func TestCreateRefusesWhatIsThere(t *testing.T) {
	in := example()
	foreign := t.TempDir()
	write(t, filepath.Join(foreign, "notes.txt"), []byte("mine"))
	set := whole(t, in)
	for _, c := range []struct {
		dir  string
		o    Options
		want []string
	}{
		{set, Options{}, []string{set, "--resume", "--overwrite"}},
		{set, Options{Parts: 3, Part: 1}, []string{"--resume", "--overwrite"}},
		{set, Options{Resume: true, Overwrite: true}, []string{"--resume", "--overwrite"}},
		{foreign, Options{}, []string{"--resume", "--overwrite"}},
		{foreign, Options{Resume: true}, []string{"no trace data set"}},
		{foreign, Options{Overwrite: true}, []string{"no trace data set"}},
		{t.TempDir(), Options{Part: 3, Parts: 3}, []string{"part 3 of 3"}},
		{t.TempDir(), Options{Part: -1}, []string{"part -1"}},
		{filepath.Join(foreign, "notes.txt"), Options{}, []string{"notes.txt"}},
	} {
		before := contents(t, filepath.Dir(set))
		_, err := Create(c.dir, in, c.o)
		if err == nil {
			t.Errorf("%+v: no error", c.o)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q lacks %q", c.o, err, want)
			}
		}
		for name, b := range contents(t, filepath.Dir(set)) {
			if before[name] != b {
				t.Errorf("%+v: changed %s", c.o, name)
			}
		}
	}
	if b, _ := os.ReadFile(filepath.Join(foreign, "notes.txt")); string(b) != "mine" {
		t.Error("changed a file of others")
	}
}

// Overwrite takes the data set away, files of others stay, wherever they lie.
func TestOverwriteSpares(t *testing.T) {
	in := example()
	dir := whole(t, in)
	mine := []string{"notes.txt", "soma_v/notes.txt", "soma_v/0.0.bak", "shards/0.json.orig", "m/sub/0.0", "plots/0.0", ".zattrs.bak"}
	for _, name := range mine {
		write(t, filepath.Join(dir, name), []byte("mine"))
	}
	smaller := in
	smaller.Samples, smaller.Splits, smaller.Record = 3, []Split{{"train", 0, 3}}, nil
	w, err := Create(dir, smaller, Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Missing(); !slices.Equal(got, []int{0}) {
		t.Errorf("to make: %v", got)
	}
	fill(t, w, w.Missing())
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	got := contents(t, dir)
	for _, name := range mine {
		if got[name] != "mine" {
			t.Errorf("%s is gone or changed", name)
		}
		delete(got, name)
	}
	fresh := contents(t, whole(t, smaller))
	if len(got) != len(fresh) {
		t.Errorf("%d files of the set, want %d", len(got), len(fresh))
	}
	if _, err := Verify(dir, nil); err != nil {
		t.Error(err)
	}
}

func TestResumeNamesWhatDiffers(t *testing.T) {
	dir := whole(t, example())
	for _, c := range []struct {
		change           func(in *Info)
		key, there, here string
	}{
		{func(in *Info) {
			in.Configuration["neuron"].(map[string]any)["parameters"].(map[string]any)["tau"] = 10.5
		}, "neuron.parameters.tau", "20", "10.5"},
		{func(in *Info) { in.Configuration["simulate"].(map[string]any)["list"] = []int{1, 2, 4} }, "simulate.list[2]", "3", "4"},
		{func(in *Info) { in.Configuration["simulate"].(map[string]any)["list"] = []int{1, 2} }, "simulate.list[2]", "3", "absent"},
		{func(in *Info) { delete(in.Configuration, "simulate") }, "simulate.dt_ms", "0.025", "absent"},
		{func(in *Info) { in.Configuration["z"] = true }, "z", "absent", "true"},
		{func(in *Info) { in.Seed++ }, "seed", "9223372036854775813", "9223372036854775814"}, // a float64 could not tell them apart
		{func(in *Info) { in.SamplesPerShard = 6 }, "samples_per_shard", "5", "6"},
		{func(in *Info) { in.Record[1].Unit = "mV" }, "record[1].unit", `"1"`, `"mV"`},
		{func(in *Info) { in.Splits[0].Count, in.Splits[1].First, in.Splits[1].Count = 16, 16, 3 }, "splits[0].count", "17", "16"},
		{func(in *Info) { in.EventCapacity++ }, "event_capacity", "1000", "1001"},
	} {
		in := example()
		c.change(&in)
		_, err := Create(dir, in, Options{Resume: true})
		var m *Mismatch
		if !errors.As(err, &m) || m.Key != c.key || m.There != c.there || m.Here != c.here {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		for _, want := range []string{c.key, c.there, c.here, dir, "--overwrite"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
	}
	in := example()
	in.Device, in.Version = "cuda:0", "another"
	if _, err := Create(dir, in, Options{Resume: true}); err != nil {
		t.Errorf("another device or version is no other data set: %v", err)
	}
}

// Three parts, in one folder or in three, make the bytes that one writer makes.
func TestPartsAndMerge(t *testing.T) {
	in := example()
	one := whole(t, in)
	part := func(dir string, i int) *Writer {
		w, err := Create(dir, in, Options{Part: i, Parts: 3})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	t.Run("one folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "set")
		seen := 0
		for _, i := range []int{2, 0, 1} {
			w := part(dir, i)
			seen += len(w.Missing())
			if err := w.WriteShard(w.to, fake(in, min(w.to, 4))); err == nil {
				t.Error("wrote a shard of another part")
			}
			fill(t, w, w.Missing())
			err := w.Commit()
			var inc *Incomplete
			if i == 1 && err != nil || i != 1 && !errors.As(err, &inc) {
				t.Errorf("part %d: commit: %v", i, err)
			}
		}
		if seen != in.Shards() {
			t.Errorf("the parts have %d shards, want %d", seen, in.Shards())
		}
		sameContents(t, one, dir)
	})
	t.Run("three folders", func(t *testing.T) {
		root := t.TempDir()
		dirs := []string{filepath.Join(root, "a"), filepath.Join(root, "b"), filepath.Join(root, "c")}
		for i, d := range dirs {
			w := part(d, i)
			fill(t, w, w.Missing())
		}
		to := filepath.Join(root, "all")
		err := Merge(to, dirs[0], dirs[2])
		var inc *Incomplete
		if !errors.As(err, &inc) || !slices.Equal(inc.Missing, []int{1, 2}) {
			t.Fatalf("merge of two of three: %v", err)
		}
		if err := Merge(to, dirs[1]); err != nil {
			t.Fatal(err)
		}
		sameContents(t, one, to)
		if err := Merge(dirs[0], dirs[1], dirs[2]); err != nil {
			t.Fatal(err)
		}
		sameContents(t, one, dirs[0])
	})
	t.Run("heals", func(t *testing.T) {
		dir := whole(t, in)
		write(t, filepath.Join(dir, "soma_v", "1.0"), []byte("rubbish"))
		write(t, filepath.Join(dir, ".zmetadata"), []byte("rubbish"))
		if err := Merge(dir, one); err != nil {
			t.Fatal(err)
		}
		sameContents(t, one, dir)
	})
	t.Run("refuses", func(t *testing.T) {
		other := example()
		other.Configuration["neuron"] = map[string]any{"model": "lif"}
		err := Merge(filepath.Join(t.TempDir(), "all"), one, whole(t, other))
		var m *Mismatch
		if !errors.As(err, &m) || m.Key != "neuron.model" || strings.Contains(err.Error(), "--overwrite") {
			t.Errorf("merge of two configurations: %v", err)
		}
		full := t.TempDir()
		write(t, filepath.Join(full, "mine"), nil)
		if err := Merge(full, one); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("merge into a folder of others: %v", err)
		}
		if err := Merge(t.TempDir()); err == nil {
			t.Error("merged nothing into nothing")
		}
	})
	t.Run("overwrite of a part", func(t *testing.T) {
		dir := whole(t, in)
		w, err := Create(dir, in, Options{Part: 1, Parts: 3, Overwrite: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Missing(); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("to make: %v, want this part's alone", got)
		}
		if _, err := os.Stat(filepath.Join(dir, "soma_v", "0.0")); err != nil {
			t.Error("a part's --overwrite deleted another part's shard")
		}
	})
}

func TestPartShardsCover(t *testing.T) {
	for _, shards := range []int{1, 5, 40, 41} {
		for _, parts := range []int{0, 1, 3, 7, 64} {
			in := Info{Samples: shards, SamplesPerShard: 1}
			next := 0
			for p := range max(parts, 1) {
				from, to := in.PartShards(p, parts)
				if from != next || to-from > shards/max(parts, 1)+1 {
					t.Fatalf("%d shards, part %d of %d: %d to %d", shards, p, parts, from, to)
				}
				next = to
			}
			if next != shards {
				t.Errorf("%d parts cover %d of %d shards", parts, next, shards)
			}
		}
	}
}

// However far a disk gets before it is full, what is there is either whole or not there.
func TestDiskFull(t *testing.T) {
	in := example()
	good := whole(t, in)
	size := 0
	for _, b := range contents(t, good) {
		size += len(b)
	}
	for room := 500; room < size; room += size / 9 {
		dir := filepath.Join(t.TempDir(), "set")
		err := func() error {
			w, err := Create(dir, in, Options{Disk: atomicfile.Disk{Fault: atomicfile.FullAfter(int64(room))}})
			if err != nil {
				return err
			}
			for _, k := range w.Missing() {
				if err := w.WriteShard(k, fake(in, k)); err != nil {
					if !strings.Contains(err.Error(), "shard") || slices.Contains(w.Missing(), k) == false {
						t.Errorf("room for %d: shard %d: %v", room, k, err)
					}
					return err
				}
			}
			return w.Commit()
		}()
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "disk is full") {
			t.Fatalf("room for %d: %v", room, err)
		}
		if _, err := Open(dir); err == nil {
			t.Fatalf("room for %d: opened what was cut short", room)
		}
		for name, b := range contents(t, dir) {
			if want, ok := contents(t, good)[name]; !ok || b != want {
				t.Fatalf("room for %d: %s is left, and not whole", room, name)
			}
		}
		w, err := Create(dir, in, Options{Resume: true})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, w, w.Missing())
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		sameContents(t, good, dir)
	}
}

func TestWriteShardChecks(t *testing.T) {
	in := full()
	w, err := Create(filepath.Join(t.TempDir(), "set"), in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for _, c := range []struct {
		name  string
		spoil func(s *Shard)
		want  string
	}{
		{"first", func(s *Shard) { s.First = 5 }, "from 5"},
		{"samples", func(s *Shard) { s.Samples = 4 }, "4 samples"},
		{"nan", func(s *Shard) { s.SomaV[2*60+17] = nan }, "sample 12: soma_v is NaN at 17 ms"},
		{"infinite", func(s *Shard) { s.Extra[1][60] = float32(math.Inf(-1)) }, "sample 11: h_gate is -Inf at 0 ms"},
		{"short voltage", func(s *Shard) { s.SomaV = s.SomaV[1:] }, "299 values"},
		{"no extra", func(s *Shard) { s.Extra = s.Extra[:1] }, "1 recorded variables, want 6"},
		{"beyond float16", func(s *Shard) { s.Extra[3][61] = -65520 }, "sample 11: v@apic[50](0.9) is -65520 at 1 ms"},
		{"no windows", func(s *Shard) { s.Windows = s.Windows[1:] }, "1 windows, want 2"},
		{"window without all", func(s *Shard) { s.Windows[1] = s.Windows[1][:2] }, "2 variables in window 1, want 7"},
		{"short window", func(s *Shard) { s.Windows[0][2] = nil }, "h_gate in window 0 has 0 values"},
		{"nan in a window", func(s *Shard) { s.Windows[0][0][24+4] = nan }, "sample 11: window0_soma_v is NaN at 10.5 ms"},
		{"late", func(s *Shard) { s.InputTime[s.InputStart[3]-1] = 60 }, "sample 12: input event"},
		{"early", func(s *Shard) { s.InputTime[0] = -1 }, "sample 10: input event 0 is at -1 ms"},
		{"nan time", func(s *Shard) { s.SpikeTime[0] = nan }, "output spike 0 is at NaN"},
		{"order", func(s *Shard) { s.InputTime[0] = 59.9 }, "sample 10: input event 1"},
		{"spike order", func(s *Shard) {
			s.SpikeTime[0], s.SpikeTime[1] = 9, 8
			s.SpikeStart = []int64{0, 2, 2, 2, 2, 2}
			s.SpikeTime = s.SpikeTime[:2]
		}, "sample 10: output spike 1"},
		{"synapse", func(s *Shard) { s.InputSynapse[s.InputStart[1]] = 40 }, "sample 11: input event"},
		{"negative synapse", func(s *Shard) { s.InputSynapse[0] = -1 }, "sample 10: input event 0 is of synapse -1"},
		{"lengths", func(s *Shard) { s.InputSynapse = s.InputSynapse[1:] }, "input synapses"},
		{"starts", func(s *Shard) { s.InputStart = s.InputStart[1:] }, "want 6"},
		{"start", func(s *Shard) { s.InputStart[0] = 1 }, "run from 1"},
		{"back", func(s *Shard) { s.SpikeStart[2] = s.SpikeStart[5] + 1 }, "output spikes from"},
		{"events", func(s *Shard) { s.InputTime = make([]float32, 1001); s.InputSynapse = make([]int32, 1001) }, "event_capacity 1000"},
		{"spikes", func(s *Shard) { s.SpikeTime = make([]float32, 65) }, "spike_capacity 64"},
	} {
		s := fake(in, 2)
		if s.InputStart[1] == 0 || s.InputStart[2] == s.InputStart[1] || len(s.SpikeTime) < 2 {
			t.Fatal("the example shard has too few events to spoil")
		}
		c.spoil(s)
		err := w.WriteShard(2, s)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "shard 2 of") {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
	if err := w.WriteShard(5, fake(in, 4)); err == nil {
		t.Error("wrote a shard past the last")
	}
	if got := w.Missing(); len(got) != 5 {
		t.Errorf("refused shards count as made: missing %v", got)
	}
}

func TestInfoLimits(t *testing.T) {
	for _, c := range []struct {
		change func(in *Info)
		want   string
	}{
		{func(in *Info) { in.Samples = 0 }, "samples is 0"},
		{func(in *Info) { in.Samples = math.MaxInt }, "samples is"},
		{func(in *Info) { in.SamplesPerShard = -1 }, "samples_per_shard is -1"},
		{func(in *Info) { in.SamplesPerShard, in.Duration = 1<<28, 1<<28 }, "fewer samples per shard"},
		{func(in *Info) { in.Samples, in.SamplesPerShard = 1<<40, 1 }, "more samples per shard"},
		{func(in *Info) { in.EventCapacity = 1 << 40 }, "event_capacity"},
		{func(in *Info) {
			in.EventCapacity, in.SpikeCapacity, in.SamplesPerShard, in.Duration = 1<<28, 1<<28, 1<<14, 1<<13
		}, "bytes of memory"},
		{func(in *Info) { in.Splits = nil }, "number of splits is 0"},
		{func(in *Info) { in.Splits[1].First++ }, `"validation"`},
		{func(in *Info) { in.Splits[2].Count-- }, "cover 22 of 23"},
		{func(in *Info) { in.Splits[2].Count = math.MaxInt }, `"test"`},
		{func(in *Info) { in.Splits[1].Name = "train" }, "twice"},
		{func(in *Info) { in.Synapses[0].Name = "a b" }, "blanks"},
		{func(in *Info) { in.Inputs = 41 }, "cover 40 of 41"},
		{func(in *Info) { in.Record[0].Name = "../m" }, `"../m"`},
		{func(in *Info) { in.Record[0].Name = "soma_v" }, "taken"},
		{func(in *Info) { in.Record[0].Name = "shards" }, "taken"},
		{func(in *Info) { in.Record[0].Name = "H_gate" }, "taken"},
		{func(in *Info) { in.Record[3].Site = "x" }, "v@SITE"},
		{func(in *Info) { in.Record[3] = in.Record[2] }, "each site once"},
		{func(in *Info) { in.Record[3], in.Record[4] = in.Record[4], in.Record[3] }, "taken"},
		{func(in *Info) { in.Record[3].Segment = 3 }, "segment 3"},
		{func(in *Info) { in.Record[3].Unit = "V" }, "in \"V\""},
		{func(in *Info) { in.Record[0].Name = "window1_time" }, "taken"},
		{func(in *Info) { in.Record[0].Name = "ca_ca_site" }, "taken"},
		{func(in *Info) { in.Record[0].Name = "segment_x" }, "taken"},
		{func(in *Info) { in.Precision = "half" }, "record_precision"},
		{func(in *Info) { in.Windows[0].Stop = 61 }, "window 0"},
		{func(in *Info) { in.Windows[0].Every = math.NaN() }, "window 0"},
		{func(in *Info) { in.Windows[0].Every = 1e-8 }, "fewer samples"},
		{func(in *Info) { in.Cell.Synapses[5] = 3 }, "synapse 5"},
		{func(in *Info) { in.Cell.Segments[1].Parent = 1 }, "segment 1"},
		{func(in *Info) { in.Cell.Segments[1].Length = math.Inf(1) }, "segment 1"},
		{func(in *Info) { in.Threshold = math.NaN() }, "threshold_mv"},
		{func(in *Info) { in.Configuration["x"] = math.NaN() }, "configuration"},
	} {
		in := full()
		c.change(&in)
		dir := filepath.Join(t.TempDir(), "set")
		_, err := Create(dir, in, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
		if _, err := os.Stat(filepath.Join(dir, headerFile)); err == nil {
			t.Errorf("%q: the header was written all the same", c.want)
		}
	}
}

func TestTime32(t *testing.T) {
	for _, ms := range []float64{0, 0.5, 4.99999999, 5, 5.00000001, 5999.9999999, 123.4567} {
		got := Time32(ms)
		if math.Floor(float64(got)) != math.Floor(ms) {
			t.Errorf("%v went to %v, another millisecond", ms, got)
		}
		// Half a float32 step, or a whole one where it was kept from crossing.
		if math.Abs(float64(got)-ms) > 1.2e-7*math.Max(ms, 1) {
			t.Errorf("%v went to %v", ms, got)
		}
	}
}
