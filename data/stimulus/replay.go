package stimulus

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Replay is a recorded list of input events.
type Replay struct {
	SHA256   string
	samples  map[uint64][]replayed
	common   bool // no sample column: every sample receives the same events
	most     int  // events of the fullest sample
	count    int
	duration int
}

type replayed struct {
	t float32
	s int32
}

// maxReplay bounds the events a file may hold: 64 million, half a gigabyte in memory.
const maxReplay = 64 << 20

// ReadReplay reads a CSV file whose header names the columns time_ms, synapse and, optionally, segment and sample; other
// columns are ignored. Without segment, synapse is a number. With it, synapse names groups: "exc" all those whose name is
// exc or begins with it, and segment counts their synapses, group after group. Times ascend within a sample and lie
// within duration ms. Errors name the file and line.
func ReadReplay(file, dir string, groups []Group, duration int) (*Replay, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	if st, err := os.Stat(file); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("stimulus.file: %s is no regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("stimulus.file: %w", err)
	}
	defer f.Close()
	return readReplay(f, file, groups, duration)
}

func readReplay(in io.Reader, file string, groups []Group, duration int) (*Replay, error) {
	named := map[string][]int32{} // the synapses of groups that begin so
	synapses := 0
	for _, g := range groups {
		synapses = max(synapses, g.First+g.Count)
	}
	sum := sha256.New()
	sc := bufio.NewScanner(io.TeeReader(in, sum))
	r := &Replay{samples: map[uint64][]replayed{}, duration: duration}
	column := map[string]int{}
	line := 0
	fail := func(format string, a ...any) (*Replay, error) {
		return nil, fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, a...))
	}
	for sc.Scan() {
		line++
		text := strings.TrimSpace(sc.Text())
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || text[0] == '#' {
			continue
		}
		field := strings.Split(text, ",")
		if len(column) == 0 {
			for i, n := range field {
				column[strings.TrimSpace(n)] = i + 1
			}
			if column["time_ms"] == 0 || column["synapse"] == 0 {
				return fail("the header is %q: want the columns time_ms,synapse and, optionally, segment and sample", text)
			}
			r.common = column["sample"] == 0
			continue
		}
		get := func(name string) string {
			if i := column[name]; i > 0 && i <= len(field) {
				return strings.TrimSpace(field[i-1])
			}
			return ""
		}
		t, err := strconv.ParseFloat(get("time_ms"), 64)
		if err != nil {
			return fail("time_ms is %q: want a number", get("time_ms"))
		}
		if !(t >= 0 && t < float64(duration)) {
			return fail("time %g ms lies outside the sample: want 0 <= time_ms < %d", t, duration)
		}
		var s int
		if column["segment"] > 0 {
			name := get("synapse")
			of, known := named[name]
			if !known {
				of = beginning(name, groups)
				named[strings.Clone(name)] = of
			}
			i, err := strconv.Atoi(get("segment"))
			switch {
			case len(of) == 0:
				return fail("synapse is %q: no synapse group begins so", name)
			case err != nil || i < 0 || i >= len(of):
				return fail("segment is %q: want a number from 0 to %d, the synapses of the groups that begin with %q", get("segment"), len(of)-1, name)
			}
			s = int(of[i])
		} else if s, err = strconv.Atoi(get("synapse")); err != nil || s < 0 || s >= synapses {
			return fail("synapse is %q: want a number from 0 to %d", get("synapse"), synapses-1)
		}
		var sample uint64
		if !r.common {
			if sample, err = strconv.ParseUint(get("sample"), 10, 48); err != nil {
				return fail("sample is %q: want a number from 0 on", get("sample"))
			}
		}
		ev := replayed{float32(t), int32(s)}
		if ev.t >= float32(duration) {
			ev.t = float32(duration) - 0.01
		}
		have := r.samples[sample]
		if len(have) > 0 && ev.t < have[len(have)-1].t {
			return fail("time %g ms comes after %g ms: times must ascend", t, have[len(have)-1].t)
		}
		if r.count++; r.count > maxReplay {
			return fail("more than %d events", maxReplay)
		}
		r.samples[sample] = append(have, ev)
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		line++
		return fail("longer than %d bytes: this is no CSV of events", bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, fmt.Errorf("stimulus.file: %w", err)
	}
	if len(column) == 0 {
		return fail("empty file: want a header time_ms,synapse and events")
	}
	for _, list := range r.samples {
		slices.SortStableFunc(list, func(a, b replayed) int {
			if a.t != b.t {
				if a.t < b.t {
					return -1
				}
				return 1
			}
			return int(a.s - b.s)
		})
		r.most = max(r.most, len(list))
	}
	r.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return r, nil
}

// beginning lists the synapses of the groups whose names begin so, in order; none where name is empty.
func beginning(name string, groups []Group) []int32 {
	var all []int32
	for _, g := range groups {
		if name == "" || !strings.HasPrefix(g.Name, name) {
			continue
		}
		for i := range g.Count {
			all = append(all, int32(g.First+i))
		}
	}
	return all
}

func (r *Replay) events(sample uint64, e *Events) {
	if r.common {
		sample = 0
	}
	for _, v := range r.samples[sample] {
		e.Time, e.Synapse = append(e.Time, v.t), append(e.Synapse, v.s)
	}
}

// rate is the mean number of events per ms of a sample that has any.
func (r *Replay) rate() float64 {
	return float64(r.count) / float64(max(1, len(r.samples))) / float64(r.duration)
}
