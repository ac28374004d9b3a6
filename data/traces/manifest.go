package traces

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The files beside the Zarr group.
const (
	headerFile   = "neq.json"      // what the set is to hold: written first
	receiptsDir  = "shards"        // <k>.json, written after shard k's chunks: what makes it count
	manifestFile = "manifest.json" // every file's length and checksum: written last
	formatName   = "neq traces"
	formatNumber = 1
	maxHeader    = 64 << 20
	maxReceipt   = 1 << 20
	maxManifest  = 1 << 30
)

type header struct {
	sealed
	Format string `json:"format"`
	Number int    `json:"format_version"`
	Info   Info   `json:"info"`
}

// entry is a file of the set.
type entry struct {
	Path   string `json:"path"` // relative, with slashes
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

// shardEntry says what a shard consists of.
type shardEntry struct {
	Shard   int     `json:"shard"`
	First   int     `json:"first_sample"`
	Samples int     `json:"samples"`
	Events  int64   `json:"input_events"`
	Spikes  int64   `json:"output_spikes"`
	Device  string  `json:"device"`  // that made it
	Version string  `json:"version"` // of neq that made it
	Files   []entry `json:"files"`   // in the order of Info.shardArrays
}

type receipt struct {
	sealed
	shardEntry
}

type manifest struct {
	sealed
	Format string       `json:"format"`
	Number int          `json:"format_version"`
	Files  []entry      `json:"files"`  // all but the shards' and the manifest
	Shards []shardEntry `json:"shards"` // in order
}

func (e entry) check(b []byte) error {
	if int64(len(b)) != e.Length {
		return fmt.Errorf("%d bytes, want %d", len(b), e.Length)
	}
	if got := checksum(b); got != e.SHA256 {
		return fmt.Errorf("checksum starts %.12s, want %.12s", got, e.SHA256)
	}
	return nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func newEntry(path string, b []byte) entry { return entry{path, int64(len(b)), checksum(b)} }

// maxFrame bounds the length of a chunk's file: Zstandard stores what it cannot shrink, 3 bytes a block over.
func maxFrame(a *array) int64 {
	n := int64(a.chunkLen()) * int64(a.itemSize())
	return n + n/1024 + 64
}

func (a *array) itemSize() int {
	switch {
	case a.dtype == "|i1":
		return 1
	case a.dtype == "<f2":
		return 2
	case a.dtype == "<f4" || a.dtype == "<i4":
		return 4
	case strings.HasPrefix(a.dtype, "<U"):
		n, _ := strconv.Atoi(a.dtype[2:])
		return 4 * n
	default:
		return 8
	}
}

// wordSize is the size of what shuffling takes apart: a string's code points.
func (a *array) wordSize() int {
	if strings.HasPrefix(a.dtype, "<U") {
		return 4
	}
	return a.itemSize()
}

// readHeader reads and checks neq.json.
func readHeader(dir string) (*header, error) {
	h := &header{}
	err := readSealed(filepath.Join(dir, headerFile), maxHeader, h)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("traces: %s is no trace data set: it has no %s: %w", dir, headerFile, fs.ErrNotExist)
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("traces: %s is no trace data set but a file: %w", dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, filepath.Join(dir, headerFile))
	}
	return h, nil
}

func (h *header) check() error {
	if h.Format != formatName || h.Number != formatNumber {
		return fmt.Errorf("traces: format %q version %d: this neq reads %q version %d",
			h.Format, h.Number, formatName, formatNumber)
	}
	return h.Info.Check()
}

func receiptPath(k int) string { return receiptsDir + "/" + strconv.Itoa(k) + ".json" }

// readReceipt reads and checks the receipt of shard k; fs.ErrNotExist where the shard has not been made.
func readReceipt(dir string, in *Info, k int) (shardEntry, error) {
	r := &receipt{}
	if err := readSealed(filepath.Join(dir, filepath.FromSlash(receiptPath(k))), maxReceipt, r); err != nil {
		return shardEntry{}, err
	}
	if err := r.check(in, k, in.shardArrays()); err != nil {
		return shardEntry{}, fmt.Errorf("%s: %w", receiptPath(k), err)
	}
	return r.shardEntry, nil
}

// check compares what a receipt says with what the set's header asks of shard k.
func (s *shardEntry) check(in *Info, k int, arrays []array) error {
	first, n := in.ShardSamples(k)
	switch {
	case s.Shard != k || s.First != first || s.Samples != n:
		return fmt.Errorf("is of shard %d with %d samples from %d, want shard %d with %d from %d",
			s.Shard, s.Samples, s.First, k, n, first)
	case s.Events < 0 || s.Events > int64(in.EventCapacity):
		return fmt.Errorf("%d input events, want at most %d", s.Events, in.EventCapacity)
	case s.Spikes < 0 || s.Spikes > int64(in.SpikeCapacity):
		return fmt.Errorf("%d output spikes, want at most %d", s.Spikes, in.SpikeCapacity)
	case len(s.Files) != len(arrays):
		return fmt.Errorf("%d files, want %d", len(s.Files), len(arrays))
	}
	for i := range arrays {
		f := &s.Files[i]
		if want := arrays[i].chunkFile(k); f.Path != want {
			return fmt.Errorf("file %q, want %q", f.Path, want)
		}
		if most := maxFrame(&arrays[i]); f.Length < 1 || f.Length > most {
			return fmt.Errorf("%s: %d bytes, want from 1 to %d", f.Path, f.Length, most)
		}
	}
	return nil
}

// readManifest reads and checks manifest.json; fs.ErrNotExist where the set has not been committed.
func readManifest(dir string, in *Info) (*manifest, error) {
	m := &manifest{}
	if err := readSealed(filepath.Join(dir, manifestFile), maxManifest, m); err != nil {
		return nil, err
	}
	if err := m.check(in); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestFile), err)
	}
	return m, nil
}

func (m *manifest) check(in *Info) error {
	if m.Format != formatName || m.Number != formatNumber {
		return fmt.Errorf("format %q version %d: this neq reads %q version %d", m.Format, m.Number, formatName, formatNumber)
	}
	if len(m.Shards) != in.Shards() {
		return fmt.Errorf("%d shards, want %d", len(m.Shards), in.Shards())
	}
	arrays := in.shardArrays()
	for k := range m.Shards {
		if err := m.Shards[k].check(in, k, arrays); err != nil {
			return fmt.Errorf("shard %d: %w", k, err)
		}
	}
	want := in.otherFiles()
	if len(m.Files) != len(want) {
		return fmt.Errorf("%d files, want %d", len(m.Files), len(want))
	}
	for i, f := range m.Files {
		if f.Path != want[i] || f.Length < 0 || f.Length > maxManifest {
			return fmt.Errorf("file %q of %d bytes, want %q", f.Path, f.Length, want[i])
		}
	}
	return nil
}

// otherFiles are the committed files that are neither the manifest nor a shard's, in the order of writing.
func (in *Info) otherFiles() []string {
	out := []string{headerFile}
	for _, a := range in.fixedArrays() {
		if a.shape[0] > 0 {
			out = append(out, a.chunkFile(0))
		}
	}
	for _, a := range in.arrays() {
		out = append(out, a.name+"/.zarray", a.name+"/.zattrs")
	}
	return append(out, ".zattrs", ".zgroup", ".zmetadata")
}

// checkFile reads a file of the set and compares it with its entry.
func checkFile(dir string, e entry) ([]byte, error) {
	p := filepath.Join(dir, filepath.FromSlash(e.Path))
	st, err := os.Stat(p)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: missing", e.Path)
		}
		return nil, err
	}
	if st.Size() != e.Length {
		return nil, fmt.Errorf("%s: %d bytes, want %d", e.Path, st.Size(), e.Length)
	}
	b, err := readBounded(p, e.Length)
	if err != nil {
		return nil, err
	}
	if err := e.check(b); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	return b, nil
}
