package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"neq/internal/atomicfile"
)

// Options say what to do with a folder that is not empty, and which part of the set this writer makes.
type Options struct {
	Resume    bool // go on with the data set there: keep its good shards
	Overwrite bool // delete the data set there, and nothing else
	Part      int  // 0 <= Part < Parts: this writer's run of shards; see PartShards
	Parts     int  // 0 and 1: the whole set
	Disk      atomicfile.Disk
}

// PartShards is the run of shards of one part of so many: from <= k < to. Parts differ by one shard at most.
func (in *Info) PartShards(part, parts int) (from, to int) {
	n := in.Shards()
	parts = max(parts, 1)
	cut := func(i int) int { return i*(n/parts) + i*(n%parts)/parts }
	return cut(part), cut(part + 1)
}

// Incomplete is a data set some of whose shards are not there, or not as they were written.
type Incomplete struct {
	Dir     string
	Shards  int   // of the whole set
	Missing []int // ascending
}

func (e *Incomplete) Error() string {
	if len(e.Missing) == 0 {
		return fmt.Sprintf("traces: %s has all of its %d shards but was not committed: run neq merge %s", e.Dir, e.Shards, e.Dir)
	}
	return fmt.Sprintf("traces: %s has %d of %d shards, %s missing: run neq simulate --resume, or neq merge with the other parts",
		e.Dir, e.Shards-len(e.Missing), e.Shards, runs(e.Missing))
}

// runs prints numbers as 0, 4-7, 9 and so on.
func runs(v []int) string {
	out := ""
	for i := 0; i < len(v); {
		j := i
		for j+1 < len(v) && v[j+1] == v[j]+1 {
			j++
		}
		if out != "" {
			out += ", "
		}
		if len(out) > 60 {
			return out + fmt.Sprintf("and %d more", len(v)-i)
		}
		out += fmt.Sprint(v[i])
		if j > i {
			out += fmt.Sprintf("-%d", v[j])
		}
		i = j + 1
	}
	return out
}

// Writer writes a data set, or a part of one, shard by shard. Safe for concurrent use.
type Writer struct {
	dir      string
	info     Info // as in neq.json, but Device and Version are this writer's
	from, to int
	codec    *codec
	disk     atomicfile.Disk
	arrays   []array

	mu   sync.Mutex
	have map[int]bool // shards of this part: true when there, false while being written
}

// Create starts a data set in dir, or goes on with the one there. A folder with anything in it needs Resume or
// Overwrite, except that a part joins the set another part of the same configuration has begun. A *Mismatch
// says that the set there is another one. Files of others in the folder are left alone, always.
func Create(dir string, info Info, o Options) (*Writer, error) {
	o.Parts = max(o.Parts, 1)
	if o.Part < 0 || o.Part >= o.Parts {
		return nil, fmt.Errorf("traces: part %d of %d: parts count from 0", o.Part, o.Parts)
	}
	if o.Resume && o.Overwrite {
		return nil, errors.New("traces: --resume and --overwrite contradict one another: give one")
	}
	if err := info.Check(); err != nil {
		return nil, err
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, info: info, codec: c, disk: o.Disk, arrays: info.shardArrays(), have: map[int]bool{}}
	w.from, w.to = info.PartShards(o.Part, o.Parts)

	there, err := w.enter(o)
	if err != nil {
		return nil, err
	}
	if err := makeFolders(dir, &info); err != nil {
		return nil, err
	}
	if !there {
		if err := writeHeader(dir, info, o.Disk); err != nil {
			return nil, err
		}
		return w, nil
	}
	for k := w.from; k < w.to; k++ {
		if _, err := checkShardFiles(dir, &info, k); err == nil {
			w.have[k] = true
		}
	}
	if len(w.Missing()) > 0 {
		if err := uncommit(dir); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// enter decides whether the folder may be used and clears what --overwrite replaces. It tells whether a set of
// this configuration is there to go on with.
func (w *Writer) enter(o Options) (there bool, err error) {
	kind, err := look(w.dir)
	if err != nil {
		return false, err
	}
	switch {
	case kind == isEmpty:
		return false, nil
	case kind == isForeign && (o.Resume || o.Overwrite):
		return false, fmt.Errorf("traces: %s is not empty and holds no trace data set (no %s): choose another folder",
			w.dir, headerFile)
	case kind == isForeign:
		return false, w.notEmpty()
	case o.Overwrite && o.Parts == 1:
		return false, clearSet(w.dir)
	case !o.Resume && o.Parts == 1:
		return false, w.notEmpty()
	}
	h, err := readHeader(w.dir)
	if err != nil {
		return false, fmt.Errorf("%w: give --overwrite without --part to replace it", err)
	}
	if err := compare(w.dir, h.Info, w.info); err != nil {
		return false, err
	}
	if o.Parts == 1 {
		removeTemps(w.dir, &w.info)
	}
	for k := w.from; k < w.to; k++ {
		switch {
		case o.Overwrite:
			err = dropShard(w.dir, w.arrays, k)
		case !o.Resume:
			if _, e := os.Lstat(filepath.Join(w.dir, receiptPath(k))); e == nil {
				err = w.notEmpty()
			}
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (w *Writer) notEmpty() error {
	return &NotEmpty{w.dir}
}

// NotEmpty is a folder with something in it where neither Resume nor Overwrite was given.
type NotEmpty struct{ Dir string }

func (e *NotEmpty) Error() string {
	return fmt.Sprintf("traces: %s is not empty: give --resume to go on with what is there or --overwrite to replace it, "+
		"or choose another folder", e.Dir)
}

func writeHeader(dir string, info Info, disk atomicfile.Disk) error {
	info.Splits, info.Synapses, info.Record = some(info.Splits), some(info.Synapses), some(info.Record)
	b, err := seal(&header{Format: formatName, Number: formatNumber, Info: info})
	if err != nil {
		return fmt.Errorf("traces: configuration: %w", err)
	}
	return advise(disk.WriteFile(filepath.Join(dir, headerFile), b))
}

// some is v, or an empty list where there is none: [] in JSON rather than null.
func some[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// advise says what to do about a full disk.
func advise(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("traces: the disk is full: make room, then run neq simulate --resume: %w", err)
	default:
		return fmt.Errorf("traces: %w", err)
	}
}

// Missing lists the shards of this part that are to be made: not there, or not with the checksums they were written
// with.
func (w *Writer) Missing() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int
	for k := w.from; k < w.to; k++ {
		if !w.have[k] {
			out = append(out, k)
		}
	}
	return out
}

// WriteShard checks and writes shard k of this part. It counts once this returns nil: a receipt is written after
// all of its files are on the disk. The bytes depend on the shard's contents and k alone.
func (w *Writer) WriteShard(k int, s *Shard) error {
	name := fmt.Sprintf("traces: shard %d of %s", k, w.dir)
	if k < w.from || k >= w.to {
		return fmt.Errorf("%s: this part makes shards %d <= k < %d", name, w.from, w.to)
	}
	if err := s.check(&w.info, k); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.mu.Lock()
	_, taken := w.have[k]
	if !taken {
		w.have[k] = false
	}
	w.mu.Unlock()
	if taken {
		return fmt.Errorf("%s: is already there", name)
	}
	err := w.write(k, s)
	w.mu.Lock()
	if err == nil {
		w.have[k] = true
	} else {
		delete(w.have, k)
	}
	w.mu.Unlock()
	if err != nil {
		dropShard(w.dir, w.arrays, k) // best effort: without a receipt it does not count
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// write encodes the chunks one after the other and lets their files sync side by side: waiting for the disk is
// most of the time it takes.
func (w *Writer) write(k int, s *Shard) error {
	r := &receipt{shardEntry: shardEntry{Shard: k, First: s.First, Samples: s.Samples,
		Events: int64(len(s.InputTime)), Spikes: int64(len(s.SpikeTime)),
		Device: w.info.Device, Version: w.info.Version, Files: make([]entry, len(w.arrays))}}
	receiptFile := filepath.Join(w.dir, filepath.FromSlash(receiptPath(k)))
	if err := os.Remove(receiptFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // a stale receipt must not outlive its files
	}
	errs := make([]error, len(w.arrays))
	var wait sync.WaitGroup
	s.frames(&w.info, k, w.codec, func(a int, frame []byte) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			r.Files[a] = newEntry(w.arrays[a].chunkFile(k), frame)
			errs[a] = w.disk.WriteFile(filepath.Join(w.dir, filepath.FromSlash(r.Files[a].Path)), frame)
		}()
	})
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return advise(err)
		}
	}
	b, err := seal(r)
	if err != nil {
		return err
	}
	return advise(w.disk.WriteFile(receiptFile, b))
}
