package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"neq/internal/atomicfile"
)

// Merge makes dir a whole data set out of the parts in it and in other folders, which are left as they are. It copies the
// shards that dir lacks, checks every checksum, and commits. A *Incomplete says which shards no folder has whole, a
// *Mismatch which folder is of another configuration. A dir that does not exist or is empty is made.
func Merge(dir string, others ...string) error { return merge(atomicfile.Disk{}, dir, others) }

func merge(disk atomicfile.Disk, dir string, others []string) error {
	headers := make([]*header, len(others))
	for i, o := range others {
		h, err := readHeader(o)
		if err != nil {
			return err
		}
		headers[i] = h
	}
	h, err := readHeader(dir)
	if errors.Is(err, fs.ErrNotExist) && len(others) > 0 {
		h, err = headers[0], begin(disk, dir, headers[0])
	}
	if err != nil {
		return err
	}
	in := &h.Info
	for i, o := range others {
		err := compare(o, headers[i].Info, *in)
		var other *Mismatch
		if errors.As(err, &other) {
			other.merging = true
		}
		if err != nil {
			return err
		}
	}
	if err := makeFolders(dir, in); err != nil {
		return err
	}
	missing := &Incomplete{Dir: dir, Shards: in.Shards()}
	for k := range in.Shards() {
		if _, err := checkShardFiles(dir, in, k); err == nil {
			continue
		}
		if len(missing.Missing) == 0 {
			if err := uncommit(dir); err != nil {
				return err
			}
		}
		found := false
		for _, o := range others {
			if r, err := checkShardFiles(o, in, k); err == nil {
				if err := copyShard(disk, dir, o, r); err != nil {
					return fmt.Errorf("traces: shard %d of %s: %w", k, dir, err)
				}
				found = true
				break
			}
		}
		if !found {
			missing.Missing = append(missing.Missing, k)
		}
	}
	if len(missing.Missing) > 0 {
		return missing
	}
	removeTemps(dir, in)
	return commit(dir, disk)
}

// begin starts a data set of the same header in a folder that must be empty.
func begin(disk atomicfile.Disk, dir string, h *header) error {
	kind, err := look(dir)
	if err != nil {
		return err
	}
	if kind != isEmpty {
		return fmt.Errorf("traces: %s is not empty and holds no trace data set: merge into another folder", dir)
	}
	if err := makeFolders(dir, &h.Info); err != nil {
		return err
	}
	return writeHeader(dir, h.Info, disk)
}

// copyShard copies the files of a shard, then its receipt.
func copyShard(disk atomicfile.Disk, dir, from string, r shardEntry) error {
	for _, e := range r.Files {
		b, err := checkFile(from, e)
		if err != nil {
			return err
		}
		if err := disk.WriteFile(filepath.Join(dir, filepath.FromSlash(e.Path)), b); err != nil {
			return advise(err)
		}
	}
	b, err := seal(&receipt{shardEntry: r})
	if err != nil {
		return err
	}
	return advise(disk.WriteFile(filepath.Join(dir, filepath.FromSlash(receiptPath(r.Shard))), b))
}
