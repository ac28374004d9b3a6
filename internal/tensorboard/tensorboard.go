// Package tensorboard writes event files as TensorBoard reads them: records in TensorFlow's framing, each an Event message
// with scalar summaries (tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto).
package tensorboard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Scalar is a named value of a step.
type Scalar struct {
	Tag   string
	Value float64 // stored as a float32
}

// Writer appends events to a file of its own. Steps should not descend.
type Writer struct {
	file  *os.File
	out   *bufio.Writer
	event []byte // of the record in hand
	value []byte
	now   func() time.Time
}

// filePrefix is what TensorBoard knows event files by; it reads those of a folder in the order of their names.
const filePrefix = "events.out.tfevents."

// Create starts a new event file in a folder, which it makes, after all that are there. TensorBoard is told to forget what
// they say about steps from purge on, as they were written by a run that this one takes over from there.
func Create(dir string, purge int64) (*Writer, error) {
	return create(dir, purge, time.Now)
}

func create(dir string, purge int64, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	seconds := now().Unix()
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filePrefix)
		if n, err := strconv.ParseInt(strings.SplitN(rest, ".", 2)[0], 10, 64); ok && err == nil && n < 1e10-1 {
			seconds = max(seconds, n+1)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	var f *os.File
	for ; ; seconds++ { // another process may have taken the name since
		f, err = os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s%010d.%s.%d.0", filePrefix, seconds, host, os.Getpid())), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	w := &Writer{file: f, out: bufio.NewWriter(f), now: now}
	w.begin(0)
	w.event = protowire.AppendTag(w.event, 3, protowire.BytesType) // Event.file_version
	w.event = protowire.AppendString(w.event, "brain.Event:2")
	err = w.record()
	if err == nil {
		w.begin(purge)
		w.event = protowire.AppendTag(w.event, 7, protowire.BytesType)                         // Event.session_log
		w.event = protowire.AppendBytes(w.event, []byte{1<<3 | byte(protowire.VarintType), 1}) // status: START
		err = w.record()
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// begin starts an event.
func (w *Writer) begin(step int64) {
	now := float64(w.now().UnixMicro()) / 1e6
	w.event = protowire.AppendTag(w.event[:0], 1, protowire.Fixed64Type) // Event.wall_time
	w.event = protowire.AppendFixed64(w.event, math.Float64bits(now))
	w.event = protowire.AppendTag(w.event, 2, protowire.VarintType) // Event.step
	w.event = protowire.AppendVarint(w.event, uint64(step))
}

// Write adds an event with the scalars of a step.
func (w *Writer) Write(step int64, scalars ...Scalar) error {
	w.begin(step)
	summary := 0
	for _, s := range scalars {
		summary += protowire.SizeTag(1) + protowire.SizeBytes(sizeOf(s))
	}
	w.event = protowire.AppendTag(w.event, 5, protowire.BytesType) // Event.summary
	w.event = protowire.AppendVarint(w.event, uint64(summary))
	for _, s := range scalars {
		w.value = protowire.AppendTag(w.value[:0], 1, protowire.BytesType) // Summary.Value.tag
		w.value = protowire.AppendString(w.value, s.Tag)
		w.value = protowire.AppendTag(w.value, 2, protowire.Fixed32Type) // Summary.Value.simple_value
		w.value = protowire.AppendFixed32(w.value, math.Float32bits(float32(s.Value)))
		w.event = protowire.AppendTag(w.event, 1, protowire.BytesType) // Summary.value
		w.event = protowire.AppendBytes(w.event, w.value)
	}
	return w.record()
}

// sizeOf is the length of a scalar's Summary.Value.
func sizeOf(s Scalar) int {
	return protowire.SizeTag(1) + protowire.SizeBytes(len(s.Tag)) + protowire.SizeTag(2) + protowire.SizeFixed32()
}

// record writes the event in TensorFlow's framing: its length and its bytes, each followed by a checksum.
func (w *Writer) record() error {
	var head [12]byte
	binary.LittleEndian.PutUint64(head[:8], uint64(len(w.event)))
	binary.LittleEndian.PutUint32(head[8:], masked(head[:8]))
	var tail [4]byte
	binary.LittleEndian.PutUint32(tail[:], masked(w.event))
	for _, b := range [][]byte{head[:], w.event, tail[:]} {
		if _, err := w.out.Write(b); err != nil {
			return fmt.Errorf("tensorboard: %w", err)
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the CRC-32C of b as TensorFlow stores it (tensorflow/core/lib/hash/crc32c.h).
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// Flush writes what was added so far to the file.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

// Close flushes and closes the file.
func (w *Writer) Close() error {
	err := w.Flush()
	if e := w.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("tensorboard: %w", e)
	}
	return err
}
