package console

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(8005), "8,005"}, {Count(0), "0"}, {Count(999), "999"}, {Count(-1234567), "-1,234,567"},
		{Count(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"},
		{Bytes(0), "0 B"}, {Bytes(999), "999 B"}, {Bytes(1000), "1.0 kB"}, {Bytes(1_200_000_000), "1.2 GB"},
		{Bytes(999_949), "1.0 MB"}, {Bytes(123_456_789), "123 MB"},
		{Rate(0.0521), "0.052"}, {Rate(8.7), "8.7"}, {Rate(42.04), "42.0"}, {Rate(420), "420"}, {Rate(1560.4), "1,560"},
		{Rate(9e8), "900 M"}, {Rate(math.NaN()), "-"},
		{Duration(250 * time.Microsecond), "250 µs"}, {Duration(34 * time.Millisecond), "34 ms"},
		{Duration(840 * time.Millisecond), "0.8 s"}, {Duration(42 * time.Second), "42 s"},
		{Duration(59600 * time.Millisecond), "1 min 00 s"}, {Duration(200 * time.Second), "3 min 20 s"},
		{Duration(2*time.Hour + 5*time.Minute), "2 h 05 min"}, {Duration(76 * time.Hour), "3 d 4 h"},
		{Duration(-42 * time.Second), "-42 s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// clock is a time that only moves when told.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func TestBarOnTerminal(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := start("train", 1000, Options{Out: &out, Unit: "bio-s", Scale: 4, Done: 100}, true, c.now)
	c.t = c.t.Add(2 * time.Second)
	p.Add(200)
	c.t = c.t.Add(time.Second)
	p.Text("loss 0.031 AUC 0.993")
	c.t = c.t.Add(6 * time.Second)
	p.Set(1000)
	p.End()
	p.End()
	p.Add(1)
	got := out.String()
	for _, want := range []string{
		"train", "loss 0.031 AUC 0.993",
		"400 bio-s/s", // 200 steps of 4 in 2 s: the 100 of the earlier run do not count
		"7.0 s left",  // 700 steps at 100 a second
		"100%", "9.0 s",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("bar lacks %q:\n%q", want, got)
		}
	}
	if strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
		t.Errorf("the bar must end its line once:\n%q", got)
	}
}

// A line longer than the terminal would wrap, and every redraw leave one behind.
func TestBarFits(t *testing.T) {
	var out bytes.Buffer
	p := start("train", 10, Options{Out: &out}, true, time.Now)
	p.Text(strings.Repeat("µ", 500))
	p.End()
	for _, line := range strings.Split(strings.ReplaceAll(out.String(), "\x1b[0K", ""), "\r") {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("a line of %d columns", n)
		}
	}
}

func TestLogWithoutTerminal(t *testing.T) {
	var out, log bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := start("simulate", 100, Options{Out: &out, Log: slog.New(slog.NewTextHandler(&log, nil))}, false, c.now)
	for i := 0; i < 50; i++ {
		c.t = c.t.Add(time.Second)
		p.Add(1)
	}
	p.End()
	if out.Len() > 0 {
		t.Errorf("a bar was written to what is no terminal: %q", out.String())
	}
	if n := strings.Count(log.String(), "\n"); n != 5 {
		t.Errorf("%d log lines in 50 s, want one every 10 s:\n%s", n, log.String())
	}
	for _, want := range []string{"msg=simulate", "done=50", "of=100", `left="50 s"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, log.String())
		}
	}
}

func TestQuietAndNil(t *testing.T) {
	var log bytes.Buffer
	p := Start("x", 10, Options{Quiet: true, Log: slog.New(slog.NewTextHandler(&log, nil)), Every: 1})
	p.Add(1)
	p.Set(2)
	p.Text("t")
	p.End()
	if p != nil || log.Len() > 0 {
		t.Errorf("quiet, but %q", log.String())
	}
}

// A file is not a terminal; nor does a total of nothing divide by zero.
func TestFileGetsNoBar(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := Start("x", 0, Options{Out: f})
	p.Add(0)
	p.End()
	if info, _ := f.Stat(); info.Size() != 0 {
		t.Errorf("%d bytes of frames in a file", info.Size())
	}
	var out bytes.Buffer
	q := start("x", 0, Options{Out: &out}, true, time.Now)
	q.Add(1)
	q.End()
}
