package traces

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"neq/internal/atomicfile"
)

// A folder of predictions is a Zarr v2 group beside a data set: what a surrogate says about each sample of a split. Its
// coordinate sample holds places in the data set, so that data.soma_v[pred.sample] lies beside pred.predicted_soma_v.
const (
	predictionsFile   = "predictions.json" // what the folder is to hold: written first
	predictionsFormat = "neq predictions"
	maxPredictions    = 1 << 20 // bytes of it
)

// PredictionInfo describes a folder of predictions.
type PredictionInfo struct {
	Model     string   `json:"model"`                     // the surrogate's name
	Weights   string   `json:"weights_sha256"`            // of its weights
	Data      string   `json:"data_manifest_sha256"`      // of the data set: Set.Identity
	Neuron    string   `json:"neuron"`                    // of the data set
	Split     string   `json:"split"`                     // of the data set
	First     int      `json:"first_sample"`              // of the split
	Samples   int      `json:"samples"`                   // in it
	Chunk     int      `json:"samples_per_chunk"`         //
	Duration  int      `json:"duration_ms"`               // of a sample
	Threshold *float64 `json:"spike_threshold,omitempty"` // probability from which the surrogate is said to spike
	Version   string   `json:"version"`                   // of neq; not compared
}

type predictionHeader struct {
	sealed
	Format string         `json:"format"`
	Number int            `json:"format_version"`
	Info   PredictionInfo `json:"info"`
}

func (in *PredictionInfo) check() error {
	switch {
	case in.Samples < 1 || in.First < 0 || in.Samples > maxSamples || in.First > maxSamples:
		return fmt.Errorf("traces: predictions of %d samples from %d", in.Samples, in.First)
	case in.Chunk < 1 || in.Duration < 1 || in.Chunk > maxChunkValues/in.Duration:
		return fmt.Errorf("traces: predictions in chunks of %d samples of %d ms", in.Chunk, in.Duration)
	case (in.Samples-1)/in.Chunk >= maxShards:
		return fmt.Errorf("traces: predictions of %d samples in chunks of %d: too many files", in.Samples, in.Chunk)
	}
	return nil
}

// chunks is how many files an array has, samples those of one.
func (in *PredictionInfo) chunks() int { return (in.Samples + in.Chunk - 1) / in.Chunk }

func (in *PredictionInfo) samples(k int) (first, count int) {
	return in.First + k*in.Chunk, min(in.Chunk, in.Samples-k*in.Chunk)
}

// The arrays of a folder of predictions; the first two have a chunk per run of samples.
func (in *PredictionInfo) arrays() []array {
	n, per, duration := int64(in.Samples), int64(in.Chunk), int64(in.Duration)
	dense := func(name, unit, long string) array {
		return array{name: name, dtype: "<f4", dims: []string{"sample", "time"}, shape: []int64{n, duration}, chunk: []int64{per, duration},
			fill: "NaN", attrs: map[string]any{"units": unit, "long_name": long}}
	}
	return []array{
		dense("spike_probability", "1", "predicted probability of an output spike in a ms"),
		dense("predicted_soma_v", "mV", "predicted membrane potential at the soma"),
		fixedArray("sample", "<i8", "sample", in.Samples, map[string]any{"units": "1", "long_name": "place of a sample in the data set"}),
		fixedArray("time", "<f8", "time", in.Duration, map[string]any{"units": "ms", "long_name": "time from the start of a sample"}),
	}
}

// Identity tells this data set from any other: the checksum of its manifest.
func (s *Set) Identity() string { return s.identity }

// PredictionWriter writes a folder of predictions, chunk by chunk.
type PredictionWriter struct {
	dir    string
	info   PredictionInfo
	arrays []array
	codec  *codec
	disk   atomicfile.Disk
	have   []bool
}

// CreatePredictions starts a folder of predictions, or goes on with the one there, by the rules of Create.
func CreatePredictions(dir string, info PredictionInfo, o Options) (*PredictionWriter, error) {
	if err := info.check(); err != nil {
		return nil, err
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	w := &PredictionWriter{dir: dir, info: info, arrays: info.arrays(), codec: c, disk: o.Disk, have: make([]bool, info.chunks())}
	there, err := w.enter(o)
	if err != nil {
		return nil, err
	}
	for _, a := range w.arrays {
		if err := os.MkdirAll(filepath.Join(dir, a.name), 0o777); err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
	}
	if err := errors.Join(atomicfile.SyncFolder(dir), atomicfile.SyncFolder(filepath.Dir(filepath.Clean(dir)))); err != nil {
		return nil, err
	}
	if !there {
		b, err := seal(&predictionHeader{Format: predictionsFormat, Number: formatNumber, Info: info})
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		return w, advise(w.disk.WriteFile(filepath.Join(dir, predictionsFile), b))
	}
	for k := range w.have {
		w.have[k] = w.whole(k)
	}
	if len(w.Missing()) > 0 {
		return w, removeFiles(dir, ".zmetadata", ".zgroup")
	}
	return w, nil
}

// enter decides whether the folder may be used, and whether predictions of this kind are there to go on with.
func (w *PredictionWriter) enter(o Options) (there bool, err error) {
	entries, err := os.ReadDir(w.dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return false, os.MkdirAll(w.dir, 0o777)
	}
	if err != nil {
		return false, fmt.Errorf("traces: %w", err)
	}
	if !o.Resume && !o.Overwrite {
		return false, &NotEmpty{w.dir}
	}
	h := &predictionHeader{}
	err = readSealed(filepath.Join(w.dir, predictionsFile), maxPredictions, h)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("traces: %s is not empty and holds no predictions (no %s): choose another folder", w.dir, predictionsFile)
	case o.Overwrite:
		return false, w.clear()
	case err != nil:
		return false, fmt.Errorf("traces: %w: give --overwrite to replace it", err)
	case h.Format != predictionsFormat || h.Number != formatNumber:
		return false, fmt.Errorf("traces: %s holds format %q version %d, this neq writes %q version %d: give --overwrite to replace it",
			w.dir, h.Format, h.Number, predictionsFormat, formatNumber)
	}
	is := w.info
	h.Info.Version, is.Version = "", ""
	a, err := plain(h.Info)
	if err != nil {
		return false, fmt.Errorf("traces: %w", err)
	}
	b, err := plain(is)
	if err != nil {
		return false, fmt.Errorf("traces: %w", err)
	}
	if key, va, vb, differs := difference("", a, b); differs {
		return false, &Mismatch{Dir: w.dir, Key: key, There: va, Here: vb, what: "predictions of something else"}
	}
	return true, nil
}

var inPredictions = regexp.MustCompile(`^(\d+(\.0)?|\.zarray|\.zattrs)$`)

// clear removes what predictions consist of, by name, predictions.json last.
func (w *PredictionWriter) clear() error {
	if err := removeFiles(w.dir, ".zmetadata", ".zgroup"); err != nil {
		return err
	}
	for _, a := range w.arrays {
		folder := filepath.Join(w.dir, a.name)
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("traces: %w", err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && (inPredictions.MatchString(e.Name()) || atomicfile.IsTemp(e.Name())) {
				if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
					return fmt.Errorf("traces: %w", err)
				}
			}
		}
	}
	return removeFiles(w.dir, ".zattrs", predictionsFile)
}

// whole says whether chunk k was written as a whole: its frames carry checksums of their own.
func (w *PredictionWriter) whole(k int) bool {
	for _, a := range w.arrays[:2] {
		b, err := readBounded(filepath.Join(w.dir, filepath.FromSlash(a.chunkFile(k))), maxFrame(&a))
		if err != nil {
			return false
		}
		if _, err := decode[float32](w.codec, b, a.chunkLen()); err != nil {
			return false
		}
	}
	return true
}

// Missing lists the chunks still to be written.
func (w *PredictionWriter) Missing() []int {
	var out []int
	for k, there := range w.have {
		if !there {
			out = append(out, k)
		}
	}
	return out
}

// Samples are those of chunk k, counted in the data set.
func (w *PredictionWriter) Samples(k int) (first, count int) { return w.info.samples(k) }

// WriteChunk writes chunk k: probabilities and voltages (mV), [count][duration] each.
func (w *PredictionWriter) WriteChunk(k int, probability, voltage []float32) error {
	if k < 0 || k >= len(w.have) {
		return fmt.Errorf("traces: chunk %d of predictions: there are %d", k, len(w.have))
	}
	_, count := w.Samples(k)
	for i, v := range [][]float32{probability, voltage} {
		a := &w.arrays[i]
		if len(v) != count*w.info.Duration {
			return fmt.Errorf("traces: chunk %d of %s: %d values, want %d", k, a.name, len(v), count*w.info.Duration)
		}
		for j, x := range v {
			if x-x != 0 {
				first, _ := w.Samples(k)
				return fmt.Errorf("traces: %s of sample %d is %v at %d ms", a.name, first+j/w.info.Duration, x, j%w.info.Duration)
			}
		}
		frame := encode(w.codec, nil, padded(v, a.chunkLen(), float32(math.NaN())))
		if err := w.disk.WriteFile(filepath.Join(w.dir, filepath.FromSlash(a.chunkFile(k))), frame); err != nil {
			return advise(err)
		}
	}
	w.have[k] = true
	return nil
}

// Commit makes the folder a Zarr group, if all its chunks are there.
func (w *PredictionWriter) Commit() error {
	if m := w.Missing(); len(m) > 0 {
		return fmt.Errorf("traces: %s lacks %d of %d chunks", w.dir, len(m), len(w.have))
	}
	in := w.info
	attributes := map[string]any{"title": "what a surrogate predicts of simulated neurons", "source": "neq " + in.Version, "model": in.Model,
		"weights_sha256": in.Weights, "data_manifest_sha256": in.Data, "neuron": in.Neuron, "split": in.Split}
	if in.Threshold != nil {
		attributes["spike_threshold"] = *in.Threshold
	}
	files, err := zarrFiles(attributes, w.arrays)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	sample, time := make([]int64, in.Samples), make([]float64, in.Duration)
	for i := range sample {
		sample[i] = int64(in.First + i)
	}
	for i := range time {
		time[i] = float64(i)
	}
	files[w.arrays[2].chunkFile(0)], files[w.arrays[3].chunkFile(0)] = encode(w.codec, nil, sample), encode(w.codec, nil, time)
	for _, path := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(p string) bool { return p == ".zmetadata" }), ".zmetadata") {
		if err := w.disk.WriteFile(filepath.Join(w.dir, filepath.FromSlash(path)), files[path]); err != nil {
			return advise(err)
		}
	}
	return nil
}
