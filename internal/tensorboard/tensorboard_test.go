package tensorboard

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// event is a line of testdata/decode.py.
type event struct {
	WallTime float64            `json:"wall_time"`
	Step     int64              `json:"step"`
	Version  string             `json:"version"`
	Session  int                `json:"session"`
	Scalars  map[string]float64 `json:"scalars"`
}

// decoded reads a folder's event files, in TensorBoard's order, with a decoder that shares nothing with the writer.
func decoded(t *testing.T, dir string) (files []string, events []event) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, filePrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", append([]string{"testdata/decode.py"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, e)
	}
	return files, events
}

func TestEventsDecode(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3: the event files were not decoded")
	}
	dir := filepath.Join(t.TempDir(), "board")
	at := func() time.Time { return time.UnixMicro(1_700_000_000_250_000) }
	w, err := create(dir, 0, at)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 300) // a length of two bytes
	if err := w.Write(20, Scalar{"loss/total", 0.25}, Scalar{"validation/auc", 0.99}); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1<<40, Scalar{long, -1e30}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := create(dir, 21, at) // in the same second, or after the clock was set back
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	files, events := decoded(t, dir)
	if len(files) != 2 || !strings.HasPrefix(filepath.Base(files[0]), "events.out.tfevents.1700000000.") || !strings.HasPrefix(filepath.Base(files[1]), "events.out.tfevents.1700000001.") {
		t.Errorf("files %v", files)
	}
	if len(events) != 6 {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	for i, want := range []event{
		{Step: 0, Version: "brain.Event:2"}, {Step: 0, Session: 1},
		{Step: 20, Scalars: map[string]float64{"loss/total": 0.25, "validation/auc": float64(float32(0.99))}},
		{Step: 1 << 40, Scalars: map[string]float64{long: float64(float32(-1e30))}},
		{Step: 0, Version: "brain.Event:2"}, {Step: 21, Session: 1},
	} {
		e := events[i]
		if e.WallTime != 1_700_000_000.25 || e.Step != want.Step || e.Version != want.Version || e.Session != want.Session || len(e.Scalars) != len(want.Scalars) {
			t.Errorf("event %d: %+v, want %+v", i, e, want)
		}
		for k, v := range want.Scalars {
			if math.Abs(e.Scalars[k]-v) > 1e-9*math.Abs(v) {
				t.Errorf("event %d: %s is %v, want %v", i, k, e.Scalars[k], v)
			}
		}
	}
}

// RFC 3720, B.4: 32 bytes of zeros; the mask is TensorFlow's.
func TestChecksum(t *testing.T) {
	c := uint32(0x8a9136aa)
	if got, want := masked(make([]byte, 32)), (c>>15|c<<17)+0xa282ead8; got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

func TestCreateRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file, 0); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as a folder: %v", err)
	}
}

// A run's file is there as soon as it begins, and holds what was flushed.
func TestFlush(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	size := func() int {
		b, err := os.ReadFile(w.file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	before := size()
	if err := w.Write(1, Scalar{"a", 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if before == 0 || size() <= before {
		t.Errorf("%d bytes, then %d", before, size())
	}
	if n := testing.AllocsPerRun(100, func() { _ = w.Write(2, Scalar{"a", 1}) }); n > 2 {
		t.Errorf("an event allocates %v times", n)
	}
	if !slices.Equal(w.event[:1], []byte{1<<3 | 1}) {
		t.Error("an event does not begin with its time")
	}
}
