package traces

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Set is a whole data set on disk, open for reading. Safe for concurrent use.
type Set struct {
	dir      string
	info     Info
	files    []entry
	shards   []shardEntry
	codec    *codec
	identity string       // the manifest's seal
	want     map[int]bool // of Info.Record: what Shard reads; nil: all of it, and the windows
	reads    map[int]bool // of the arrays, where want is not nil
}

// Open opens the data set in dir. A *Incomplete says that it is not all there. Numbers in Info().Configuration
// are json.Number.
func Open(dir string) (*Set, error) {
	h, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(dir, &h.Info)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, incomplete(dir, &h.Info)
	}
	if err != nil {
		return nil, fmt.Errorf("traces: %w: run neq merge %s to write it again", err, dir)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Set{dir: dir, info: h.Info, files: m.Files, shards: m.Shards, codec: c, identity: m.Seal}, nil
}

// incomplete says which shards of an uncommitted set are there, by their receipts.
func incomplete(dir string, in *Info) *Incomplete {
	e := &Incomplete{Dir: dir, Shards: in.Shards()}
	for k := range in.Shards() {
		if _, err := readReceipt(dir, in, k); err != nil {
			e.Missing = append(e.Missing, k)
		}
	}
	return e
}

// Info describes the set.
func (s *Set) Info() Info { return s.info }

// Dir is the folder of the set.
func (s *Set) Dir() string { return s.dir }

// Shards is the number of shards.
func (s *Set) Shards() int { return len(s.shards) }

// Shard reads shard k and checks it: checksums before decoding, and what it says after. The caller owns it.
func (s *Set) Shard(k int) (*Shard, error) {
	if k < 0 || k >= len(s.shards) {
		return nil, fmt.Errorf("traces: shard %d of %s: there are %d", k, s.dir, len(s.shards))
	}
	e := &s.shards[k]
	frames := make([][]byte, len(e.Files))
	for i, f := range e.Files {
		if s.want != nil && !s.reads[i] {
			continue
		}
		b, err := checkFile(s.dir, f)
		if err != nil {
			return nil, s.damaged(k, err)
		}
		frames[i] = b
	}
	out, err := fromSomeFrames(&s.info, e, s.codec, frames, s.want)
	if err != nil {
		return nil, s.damaged(k, err)
	}
	return out, nil
}

// Recording is the set seen without its windows and without recorded variables but those named: Shard neither reads nor
// keeps the others. A data set of all segments is many times larger than what a surrogate learns from.
func (s *Set) Recording(names ...string) *Set {
	view := *s
	view.want, view.reads = map[int]bool{}, map[int]bool{}
	for i, v := range s.info.Record {
		if slices.Contains(names, v.Name) {
			view.want[i] = true
		}
	}
	for a := range firstExtra {
		view.reads[a] = true
	}
	for i, b := range s.info.blocks() {
		view.reads[firstExtra+i] = s.info.wanted(b, view.want)
	}
	return &view
}

func (s *Set) damaged(k int, err error) error {
	return fmt.Errorf("traces: shard %d of %s: %w: run neq simulate --resume to make it again", k, s.dir, err)
}

// SplitRange is the run of samples of a split.
func (s *Set) SplitRange(name string) (first, count int, err error) {
	var names []string
	for _, sp := range s.info.Splits {
		if sp.Name == name {
			return sp.First, sp.Count, nil
		}
		names = append(names, sp.Name)
	}
	return 0, 0, fmt.Errorf("traces: %s has no split %q: it has %q", s.dir, name, names)
}

// Bytes is the set's size on disk.
func (s *Set) Bytes() int64 {
	n := int64(0)
	for _, f := range s.files {
		n += f.Length
	}
	for i := range s.shards {
		n += s.shards[i].bytes()
	}
	return n
}

func (e *shardEntry) bytes() int64 {
	n := int64(0)
	for _, f := range e.Files {
		n += f.Length
	}
	return n
}

// Digest is the SHA-256 of the contents of all chunk files, shard by shard in the order of the arrays: two sets
// of the same data have the same digest whatever made them.
func (s *Set) Digest() (string, error) {
	h := sha256.New()
	for k := range s.shards {
		for _, f := range s.shards[k].Files {
			b, err := checkFile(s.dir, f)
			if err != nil {
				return "", s.damaged(k, err)
			}
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
