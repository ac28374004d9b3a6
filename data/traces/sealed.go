package traces

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// The JSON files of a data set carry their own checksum, as the first member of the object:
//
//	"seal": "<SHA-256 of the file with this value as 64 zeros>"
const noSeal = "0000000000000000000000000000000000000000000000000000000000000000"

var sealKey = []byte("{\n  \"seal\": \"")

// sealed is embedded first in what is written as a sealed file.
type sealed struct {
	Seal string `json:"seal"`
}

func (s *sealed) setSeal(v string) { s.Seal = v }

type sealable interface{ setSeal(string) }

// seal encodes v with its checksum.
func seal(v sealable) ([]byte, error) {
	v.setSeal(noSeal)
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	sum := sha256.Sum256(b)
	text := hex.EncodeToString(sum[:])
	copy(b[len(sealKey):], text)
	v.setSeal(text)
	return b, nil
}

// unseal checks the checksum and decodes into v. Numbers in untyped places become json.Number, so that no
// integer loses digits.
func unseal(b []byte, v sealable) error {
	if !bytes.HasPrefix(b, sealKey) || len(b) < len(sealKey)+len(noSeal) {
		return errors.New("is cut short or was not written by neq")
	}
	at := len(sealKey)
	said := string(b[at : at+len(noSeal)])
	h := sha256.New()
	h.Write(b[:at])
	io.WriteString(h, noSeal)
	h.Write(b[at+len(noSeal):])
	if got := hex.EncodeToString(h.Sum(nil)); got != said {
		return fmt.Errorf("checksum starts %.12s, want %.12q: the file is damaged or was edited", got, said)
	}
	return decodeJSON(b, v)
}

func decodeJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the object")
	}
	return nil
}

// readSealed reads a sealed file of at most limit bytes.
func readSealed(path string, limit int64, v sealable) error {
	b, err := readBounded(path, limit)
	if err != nil {
		return err
	}
	if err := unseal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readBounded reads a regular file no longer than limit.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d", path, info.Size(), limit)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}
