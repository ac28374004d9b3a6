package traces

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kindOf names the kind of a data set's file: one of each is damaged below.
func kindOf(name string) string { return regexp.MustCompile(`/\d+`).ReplaceAllString(name, "/N") }

func flip(b []byte) []byte { b[len(b)/2] ^= 0x10; return b }

// Whatever is done to whatever file of a set, Verify lists that file, reading it fails with its name, and the set's other
// shards still read.
func TestDamageIsNamed(t *testing.T) {
	in := example()
	whole := contents(t, whole(t, in))
	kinds := map[string]string{}
	for name := range whole {
		if k := kindOf(name); kinds[k] == "" || strings.Contains(name, "/2") {
			kinds[k] = name // of the shards, number 2
		}
	}
	if n := 2*len(in.arrays()) + len(in.arrays()) + 6; len(kinds) != n { // metadata, chunks, and what is at the root
		t.Fatalf("%d kinds of file, want %d", len(kinds), n)
	}
	// One copy, healed after each damage.
	dir := t.TempDir()
	for name, b := range whole {
		write(t, filepath.Join(dir, name), []byte(b))
	}
	for _, damage := range []struct {
		name string
		do   func([]byte) []byte // nil: the file is gone
	}{
		{"flipped bit", flip},
		{"truncated", func(b []byte) []byte { return b[:len(b)*2/3] }},
		{"empty", func([]byte) []byte { return nil }},
		{"longer", func(b []byte) []byte { return append(b, 0) }},
		{"gone", nil},
	} {
		for _, name := range kinds {
			path := filepath.Join(dir, filepath.FromSlash(name))
			original := []byte(whole[name])
			if damage.do == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, damage.do([]byte(whole[name])))
			}
			report, err := Verify(dir, nil)
			var damaged *Damaged
			var incomplete *Incomplete
			switch {
			case damage.do == nil && name == headerFile:
				if err == nil || !strings.Contains(err.Error(), headerFile) {
					t.Errorf("%s %s: %v", name, damage.name, err)
				}
			case damage.do == nil && name == manifestFile:
				if !errors.As(err, &incomplete) {
					t.Errorf("%s %s: %v", name, damage.name, err)
				}
			case !errors.As(err, &damaged) || len(report.Problems) != 1 || report.Problems[0].File != name:
				t.Errorf("%s %s: report %+v, error %v", name, damage.name, report, err)
			case !strings.Contains(err.Error(), name):
				t.Errorf("%s %s: the error does not name it: %v", name, damage.name, err)
			}
			readDamaged(t, dir, name, damage.name)
			write(t, path, original)
		}
	}
	if _, err := Verify(dir, nil); err != nil {
		t.Errorf("healed, but: %v", err)
	}
}

// readDamaged checks that the chunk's own shard fails, naming the file, and that no other does.
func readDamaged(t *testing.T, dir, name, damage string) {
	t.Helper()
	s, err := Open(dir)
	if name == headerFile || name == manifestFile {
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s %s: opened with %v", name, damage, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s %s: %v", name, damage, err)
		return
	}
	in := s.Info()
	chunks := map[string]bool{}
	for _, a := range in.shardArrays() {
		chunks[a.chunkFile(2)] = true
	}
	for k := range s.Shards() {
		_, err := s.Shard(k)
		if bad := k == 2 && chunks[name]; bad != (err != nil) || bad && !strings.Contains(err.Error(), name) {
			t.Errorf("%s %s: shard %d: %v", name, damage, k, err)
		}
	}
	if _, err := s.Digest(); chunks[name] != (err != nil) {
		t.Errorf("%s %s: digest: %v", name, damage, err)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Resume makes again what is gone or bad and nothing else; the set is as before, byte for byte.
func TestResumeAfterDamage(t *testing.T) {
	in := example()
	good := whole(t, in)
	dir := whole(t, in)
	os.Remove(filepath.Join(dir, "shards", "0.json"))
	os.Remove(filepath.Join(dir, "soma_v", "3.0"))
	b, err := os.ReadFile(filepath.Join(dir, "input_time", "1"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "input_time", "1"), flip(b))
	write(t, filepath.Join(dir, "soma_v", ".neq-tmp-00"), []byte("left by a killed writer"))
	w, err := Create(dir, in, Options{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Missing(); len(got) != 3 || got[0] != 0 || got[1] != 1 || got[2] != 3 {
		t.Fatalf("to make again: %v, want 0 1 3", got)
	}
	var inc *Incomplete
	if _, err := Open(dir); !errors.As(err, &inc) {
		t.Errorf("open while it is being made again: %v", err)
	}
	if err := w.WriteShard(2, fake(in, 2)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a shard that is there: %v", err)
	}
	fill(t, w, w.Missing())
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	sameContents(t, good, dir)
	if w, err = Create(dir, in, Options{Resume: true}); err != nil || len(w.Missing()) != 0 {
		t.Errorf("resuming a whole set: %v", err)
	}
	if _, err := Open(dir); err != nil {
		t.Errorf("resuming a whole set must leave it open to readers: %v", err)
	}
}

// A lying set whose checksums are all right: what the arrays say must agree.
func TestVerifyStructure(t *testing.T) {
	in := example()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, lie := range []struct {
		array int
		frame func(s *Shard) []byte
		want  string
	}{
		{somaV, func(s *Shard) []byte {
			return encode(c, nil, padded(s.SomaV[:len(s.SomaV)-1], 5*60, float32(math.Inf(1))))
		}, "soma_v is +Inf at 59 ms"},
		{inputSynapse, func(s *Shard) []byte {
			return encode(c, nil, padded(append([]int32{40}, s.InputSynapse[1:]...), 1000, -1))
		}, "synapse 40"},
		{inputSynapse, func(s *Shard) []byte { return encode(c, nil, padded(s.InputSynapse, 1000, 0)) }, "padding"},
		{inputTime, func(s *Shard) []byte {
			return encode(c, nil, padded(append([]float32{59.5}, s.InputTime[1:]...), 1000, float32(math.NaN())))
		}, "comes after"},
		{inputStart, func(s *Shard) []byte { return encode(c, nil, make([]int64, 5)) }, "input_start/2"},
		{inputCount, func(s *Shard) []byte { return encode(c, nil, []int64{1 << 60, 0, 0, 0, 0}) }, "input_start/2"},
		{spikeCount, func(s *Shard) []byte { return encode(c, nil, make([]int64, 5)) }, "spike"},
		{split, func(s *Shard) []byte { return encode(c, nil, make([]int8, 4)) }, "want 5"},
		{split, func(s *Shard) []byte { return encode(c, nil, []int8{0, 0, 0, 0, 1}) }, "split 1"},
		{firstExtra, func(s *Shard) []byte { return []byte("not zstd at all") }, "m/2.0"},
	} {
		dir := whole(t, in)
		w := &Writer{dir: dir, info: in, codec: c, arrays: in.shardArrays(), from: 0, to: 5, have: map[int]bool{}}
		s := fake(in, 2)
		frame := lie.frame(s)
		r, err := readReceipt(dir, &in, 2)
		if err != nil {
			t.Fatal(err)
		}
		r.Files[lie.array] = newEntry(w.arrays[lie.array].chunkFile(2), frame)
		write(t, filepath.Join(dir, r.Files[lie.array].Path), frame)
		b, err := seal(&receipt{shardEntry: r})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, receiptPath(2)), b)
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(dir, nil)
		if err == nil || len(report.Problems) != 1 || report.Problems[0].Shard != 2 || !strings.Contains(err.Error(), lie.want) {
			t.Errorf("%s: want %q, got %v", w.arrays[lie.array].name, lie.want, err)
		}
	}
}

func TestVerifyProgressAndIncomplete(t *testing.T) {
	in := example()
	dir := filepath.Join(t.TempDir(), "set")
	w, err := Create(dir, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, []int{1, 2})
	steps := 0
	r, err := Verify(dir, func(done, total int) {
		if steps++; done != steps || total != 5 {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	var inc *Incomplete
	if !errors.As(err, &inc) || len(inc.Missing) != 3 || r.Checked != 2 || steps != 5 || len(r.Problems) != 0 {
		t.Errorf("report %+v, error %v", r, err)
	}
}
