package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"neq/internal/atomicfile"
)

type folderKind int

const (
	isEmpty   folderKind = iota // absent, or nothing but what a writer leaves that was killed at its start
	isSet                       // has a neq.json
	isForeign                   // has something else
)

// look tells what a folder holds.
func look(dir string) (folderKind, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return isEmpty, nil
	}
	if err != nil {
		return isForeign, fmt.Errorf("traces: %w", err)
	}
	kind := isEmpty
	for _, e := range entries {
		switch {
		case e.Name() == headerFile:
			return isSet, nil
		case atomicfile.IsTemp(e.Name()):
		case e.IsDir() && emptyFolder(filepath.Join(dir, e.Name())):
		default:
			kind = isForeign
		}
	}
	return kind, nil
}

func emptyFolder(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// makeFolders makes the folders of a set and their names durable.
func makeFolders(dir string, in *Info) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	for _, name := range in.folders() {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("traces: %w", err)
		}
	}
	return errors.Join(atomicfile.SyncFolder(dir), atomicfile.SyncFolder(filepath.Dir(filepath.Clean(dir))))
}

func (in *Info) folders() []string {
	out := []string{receiptsDir}
	for _, a := range in.arrays() {
		out = append(out, a.name)
	}
	return out
}

// uncommit makes a set unreadable while some of its shards are made again. The manifest goes first.
func uncommit(dir string) error { return removeFiles(dir, manifestFile, ".zmetadata", ".zgroup") }

// removeFiles removes those of the files that are there, in order.
func removeFiles(dir string, names ...string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("traces: %w", err)
		}
	}
	return atomicfile.SyncFolder(dir)
}

// dropShard removes a shard, its receipt first.
func dropShard(dir string, arrays []array, k int) error {
	paths := []string{receiptPath(k)}
	for i := range arrays {
		paths = append(paths, arrays[i].chunkFile(k))
	}
	for _, p := range paths {
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(p))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("traces: %w", err)
		}
	}
	return nil
}

var (
	inArray    = regexp.MustCompile(`^(\d+(\.\d+){0,2}|\.zarray|\.zattrs)$`)
	inReceipts = regexp.MustCompile(`^\d+\.json$`)
)

// clearSet removes the data set in dir: the files one consists of, by name, and the folders that are empty after that.
// neq.json goes last, so that a clearing cut short can be taken up again.
func clearSet(dir string) error {
	in := &Info{}
	if h, err := readHeader(dir); err == nil {
		in = &h.Info
	} // else the recorded variables are not known: their folders stay, as any other file
	if err := uncommit(dir); err != nil {
		return err
	}
	removeTemps(dir, in)
	for _, name := range in.folders() {
		match := inArray
		if name == receiptsDir {
			match = inReceipts
		}
		folder := filepath.Join(dir, name)
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		left := 0
		for _, e := range entries {
			if !e.Type().IsRegular() || !match.MatchString(e.Name()) {
				left++
				continue
			}
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return fmt.Errorf("traces: %w", err)
			}
		}
		if left == 0 {
			if err := os.Remove(folder); err != nil {
				return fmt.Errorf("traces: %w", err)
			}
		}
	}
	return removeFiles(dir, ".zattrs", headerFile)
}

// removeTemps removes what killed writers left; best effort.
func removeTemps(dir string, in *Info) {
	for _, name := range slices.Concat([]string{"."}, in.folders()) {
		folder := filepath.Join(dir, name)
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			if atomicfile.IsTemp(e.Name()) && e.Type().IsRegular() {
				os.Remove(filepath.Join(folder, e.Name()))
			}
		}
	}
}
