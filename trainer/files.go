package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"neq/internal/atomicfile"
)

// fileSum is a file's length and SHA-256.
type fileSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func sumOf(b []byte) fileSum {
	h := sha256.Sum256(b)
	return fileSum{int64(len(b)), hex.EncodeToString(h[:])}
}

// maxJSON bounds the files that describe a model or a checkpoint; those of a cell of a thousand segments take 300 KB.
const maxJSON = 64 << 20

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, want at most %d", path, info.Size(), limit)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// readSummed reads a file whose length and checksum are known.
func readSummed(path string, want fileSum) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if info.Size() != want.Bytes {
		return nil, fmt.Errorf("trainer: %s has %d bytes, want %d: it is truncated or not the file that was written", path, info.Size(), want.Bytes)
	}
	b, err := readBounded(path, want.Bytes)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if got := sumOf(b); got != want {
		return nil, fmt.Errorf("trainer: %s: checksum %.8s.., want %.8s..: it is damaged", path, got.SHA256, want.SHA256)
	}
	return b, nil
}

func writeJSON(disk atomicfile.Disk, path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
	}
	if err := disk.WriteFile(path, append(b, '\n')); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}
