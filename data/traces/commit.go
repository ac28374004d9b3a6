package traces

import (
	"fmt"
	"os"
	"path/filepath"

	"neq/internal/atomicfile"
)

// Commit makes the folder a data set, if all the shards of the set are there. A *Incomplete says that other parts
// are still to come: that is no failure of a part.
func (w *Writer) Commit() error { return commit(w.dir, w.disk) }

// commit trusts receipts for the contents and looks at the length of every file. Everything it writes follows from
// neq.json and the receipts, so that parts ending at once write the same.
func commit(dir string, disk atomicfile.Disk) error {
	h, err := readHeader(dir)
	if err != nil {
		return err
	}
	in := &h.Info
	m := &manifest{Format: formatName, Number: formatNumber, Shards: make([]shardEntry, in.Shards())}
	missing := &Incomplete{Dir: dir, Shards: in.Shards()}
	for k := range m.Shards {
		if m.Shards[k], err = readReceipt(dir, in, k); err == nil {
			err = checkLengths(dir, &m.Shards[k])
		}
		if err != nil {
			missing.Missing = append(missing.Missing, k)
		}
	}
	if len(missing.Missing) > 0 {
		return missing
	}
	if err := makeFolders(dir, in); err != nil {
		return err
	}
	files, err := in.zarrFiles()
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	c, err := newCodec()
	if err != nil {
		return err
	}
	for path, b := range in.fixedChunks(c) {
		files[path] = b
	}
	put := func(path string, b []byte) error {
		return advise(disk.WriteFile(filepath.Join(dir, filepath.FromSlash(path)), b))
	}
	for _, path := range in.otherFiles() {
		b := files[path]
		if path == headerFile {
			if b, err = readBounded(filepath.Join(dir, headerFile), maxHeader); err != nil {
				return fmt.Errorf("traces: %w", err)
			}
		} else if err := put(path, b); err != nil {
			return err
		}
		m.Files = append(m.Files, newEntry(path, b))
	}
	b, err := seal(m)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return put(manifestFile, b)
}

// fixedChunks encodes the arrays that follow from Info alone, by path.
func (in *Info) fixedChunks(c *codec) map[string][]byte {
	out := map[string][]byte{}
	for _, col := range in.columns() {
		switch v := col.values.(type) {
		case []int32:
			out[col.chunkFile(0)] = encode(c, nil, v)
		case []float64:
			out[col.chunkFile(0)] = encode(c, nil, v)
		case []string:
			out[col.chunkFile(0)] = encode(c, nil, codes(v, col.itemSize()/4))
		}
	}
	for _, a := range in.fixedArrays() {
		if a.shape[0] == 0 {
			continue // an array of nothing has no chunk
		}
		switch a.name {
		case "time":
			t := make([]float64, in.Duration)
			for i := range t {
				t[i] = float64(i)
			}
			out[a.chunkFile(0)] = encode(c, nil, t)
		case "synapse_group":
			g := make([]int32, in.Inputs)
			for i, s := range in.Synapses {
				for j := range s.Count {
					g[s.First+j] = int32(i)
				}
			}
			out[a.chunkFile(0)] = encode(c, nil, g)
		}
	}
	return out
}

func checkLengths(dir string, s *shardEntry) error {
	for _, f := range s.Files {
		st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return err
		}
		if st.Size() != f.Length {
			return fmt.Errorf("%s: %d bytes, want %d", f.Path, st.Size(), f.Length)
		}
	}
	return nil
}

// checkShardFiles reads a shard's receipt and compares every file with it.
func checkShardFiles(dir string, in *Info, k int) (shardEntry, error) {
	r, err := readReceipt(dir, in, k)
	if err != nil {
		return r, err
	}
	for _, f := range r.Files {
		if _, err := checkFile(dir, f); err != nil {
			return r, err
		}
	}
	return r, nil
}
