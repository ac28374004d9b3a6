package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
)

// Problem is one thing wrong with a data set.
type Problem struct {
	Shard int    `json:"shard"` // -1 where it is not a shard's
	File  string `json:"file"`  // "" where several files contradict one another
	What  string `json:"what"`
}

func (p Problem) String() string {
	s := p.What
	if p.File != "" && !strings.HasPrefix(s, p.File) {
		s = p.File + ": " + s
	}
	if p.Shard >= 0 {
		s = fmt.Sprintf("shard %d: %s", p.Shard, s)
	}
	return s
}

// Report is what Verify found.
type Report struct {
	Dir      string    `json:"dir"`
	Shards   int       `json:"shards"`  // of the whole set
	Checked  int       `json:"checked"` // shards that were there to check
	Bytes    int64     `json:"bytes"`   // that were read
	Missing  []int     `json:"missing"` // shards not made yet
	Problems []Problem `json:"problems"`
}

// Damaged is a data set that is not what was written.
type Damaged struct {
	Dir      string
	Problems []Problem
}

func (d *Damaged) Error() string {
	var b strings.Builder
	bad, other := map[int]bool{}, false
	for _, p := range d.Problems {
		if p.Shard >= 0 {
			bad[p.Shard] = true
		} else {
			other = true
		}
	}
	fmt.Fprintf(&b, "traces: %s is damaged", d.Dir)
	for i, p := range d.Problems {
		if i == 20 {
			fmt.Fprintf(&b, "\n  and %d more", len(d.Problems)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s", p)
	}
	switch {
	case len(bad) > 0:
		b.WriteString("\nrun neq simulate --resume to make what is bad again")
	case other:
		fmt.Fprintf(&b, "\nrun neq merge %s to write it again from the shards", d.Dir)
	}
	return b.String()
}

// Verify reads all of a data set and checks lengths, checksums, that every chunk decodes, and that the arrays agree with
// one another and with the header. It goes on after a problem and lists all of them. The error is nil for a whole set,
// a *Damaged where there are problems, a *Incomplete where shards have not been made yet. progress may be nil.
func Verify(dir string, progress func(done, total int)) (*Report, error) {
	r := &Report{Dir: dir, Missing: []int{}, Problems: []Problem{}}
	add := func(shard int, file string, err error) {
		r.Problems = append(r.Problems, Problem{shard, file, strings.TrimPrefix(err.Error(), "traces: ")})
	}
	h, err := readHeader(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		add(-1, headerFile, err)
		return r, &Damaged{dir, r.Problems}
	}
	in := &h.Info
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	r.Shards = in.Shards()
	m, err := readManifest(dir, in)
	committed := !errors.Is(err, fs.ErrNotExist)
	if committed && err != nil {
		add(-1, manifestFile, err)
	}
	if m != nil {
		for _, e := range m.Files {
			if b, err := checkFile(dir, e); err != nil {
				add(-1, e.Path, err)
			} else {
				r.Bytes += int64(len(b))
			}
		}
	}
	for k := range r.Shards {
		e, err := readReceipt(dir, in, k)
		switch {
		case err == nil && m != nil && !reflect.DeepEqual(e, m.Shards[k]):
			add(k, receiptPath(k), errors.New("is not what the manifest says"))
		case err != nil && errors.Is(err, fs.ErrNotExist) && !committed:
			r.Missing = append(r.Missing, k)
		case err != nil && errors.Is(err, fs.ErrNotExist):
			add(k, receiptPath(k), errors.New("missing"))
		case err != nil:
			add(k, receiptPath(k), shorten(dir, err))
		}
		if m != nil {
			e, err = m.Shards[k], nil
		}
		if err == nil {
			r.Checked++
			r.verifyShard(dir, in, &e, c, add)
		}
		if progress != nil {
			progress(k+1, r.Shards)
		}
	}
	switch {
	case len(r.Problems) > 0:
		return r, &Damaged{dir, r.Problems}
	case len(r.Missing) > 0 || !committed:
		return r, &Incomplete{dir, r.Shards, r.Missing}
	}
	return r, nil
}

// shorten drops the data set's folder from an error that is listed under the data set's name.
func shorten(dir string, err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), filepath.Clean(dir)+string(filepath.Separator), ""))
}

func (r *Report) verifyShard(dir string, in *Info, e *shardEntry, c *codec, add func(int, string, error)) {
	frames := make([][]byte, len(e.Files))
	whole := true
	for i, f := range e.Files {
		b, err := checkFile(dir, f)
		if err != nil {
			add(e.Shard, f.Path, err)
			whole = false
		}
		frames[i] = b
		r.Bytes += int64(len(b))
	}
	if !whole {
		return
	}
	if _, err := fromFrames(in, e, c, frames); err != nil {
		file := ""
		var chunk *chunkError
		if errors.As(err, &chunk) {
			file = chunk.path
		}
		add(e.Shard, file, err)
	}
}
