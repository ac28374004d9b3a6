package trainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/tensor"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/safetensors"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// A checkpoint is a folder checkpoints/step-NNNNNNNNN with the weights, the best weights so far, the optimiser's
// state and state.json. It is written under another name and appears by one rename; the one before it is
// removed only after that.
const (
	checkpointFolder = "checkpoints"
	stepPrefix       = "step-"
	unfinishedPrefix = ".unfinished-"
	stateFile        = "state.json"
	optimiserFile    = "optimiser.safetensors"
	bestFile         = "best.safetensors"
)

// state is state.json: where a fit stands after Step steps. Random numbers are counters of the seed and the
// step, so these are the random state too.
type state struct {
	Format       int                `json:"format"`
	Step         int                `json:"step"`
	Validated    int                `json:"validated"` // step of the last validation, 0: none
	Best         *best              `json:"best"`      // null before the first validation
	Worse        int                `json:"worse"`     // validations since the best
	LastAUC      *float64           `json:"last_auc"`
	Sum          lossSum            `json:"sum"` // since the last line of metrics
	MetricsBytes int64              `json:"metrics_bytes"`
	Seconds      float64            `json:"seconds"`
	Identity     json.RawMessage    `json:"identity"` // as given, so that no number is rounded
	Files        map[string]fileSum `json:"files"`
	Checksum     string             `json:"checksum"` // SHA-256 of this file with an empty checksum
}

const stateFormat = 1

// best is the best validation so far.
type best struct {
	Step  int      `json:"step"`
	Score float64  `json:"score"`
	AUC   *float64 `json:"auc"` // null where the neuron never spikes
}

// identity is what must be the same for a fit to go on.
type identity struct {
	Surrogate surrogates.Spec `json:"surrogate"`
	Training  Config          `json:"training"`
	Data      traces.Info     `json:"data"`
	Origin    *Origin         `json:"origin,omitempty"`
}

func newIdentity(spec surrogates.Spec, c Config, info traces.Info) identity {
	c.CheckpointEvery, c.TensorBoard = 0, false // change nothing that is computed
	info.Device, info.Version = "", ""
	spec.Name = ""
	return identity{Surrogate: spec, Training: c, Data: info}
}

// differs names the first key at which two values differ as JSON, "" where they do not.
func differs(a, b any) (key, inA, inB string) {
	flat := func(v any) map[string]string {
		raw, _ := json.Marshal(v) // plain structs always marshal
		var tree any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if d.Decode(&tree) != nil {
			return nil
		}
		m := map[string]string{}
		flatten(m, "", tree)
		return m
	}
	x, y := flat(a), flat(b)
	var keys []string
	for k := range x {
		keys = append(keys, k)
	}
	for k := range y {
		if _, both := x[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	say := func(m map[string]string, k string) string {
		if v, ok := m[k]; ok {
			return v
		}
		return "nothing"
	}
	for _, k := range keys {
		if say(x, k) != say(y, k) {
			return k, say(x, k), say(y, k)
		}
	}
	return "", "", ""
}

func flatten(into map[string]string, key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(into, strings.TrimPrefix(key+"."+k, "."), e)
		}
	case []any:
		for i, e := range v {
			flatten(into, fmt.Sprintf("%s[%d]", key, i), e)
		}
	case nil:
	default:
		into[key] = fmt.Sprint(v)
	}
}

// writeCheckpoint writes s with its tensors to dir/checkpoints and removes all but it and the one before.
func writeCheckpoint(disk atomicfile.Disk, dir string, s state, who identity, net *surrogates.Network, solver *ops.Solver, bestWeights [][]float32) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("trainer: checkpoint of step %d in %s: %w", s.Step, dir, err)
		}
	}()
	root := filepath.Join(dir, checkpointFolder)
	if err := os.MkdirAll(root, 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(root, unfinishedPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	s.Format, s.Files, s.Checksum = stateFormat, map[string]fileSum{}, ""
	if s.Identity, err = json.Marshal(who); err != nil {
		return err
	}
	write := func(name string, list []safetensors.Tensor) error {
		b, err := encode(list)
		if err != nil {
			return err
		}
		s.Files[name] = sumOf(b)
		return disk.WriteFile(filepath.Join(temp, name), b)
	}
	var weights, bests, optimiser []safetensors.Tensor
	for i, w := range net.Weights() {
		weights = append(weights, safetensors.Tensor{Name: w.Name, Shape: w.Value.Shape(), Data: values(w)})
		if bestWeights != nil {
			bests = append(bests, safetensors.Tensor{Name: w.Name, Shape: w.Value.Shape(), Data: bestWeights[i]})
		}
	}
	for _, t := range solver.State() {
		optimiser = append(optimiser, safetensors.Tensor{Name: t.Name, Shape: t.Value.Shape(), Data: floats(t.Value)})
	}
	if err := write(weightsFile, weights); err != nil {
		return err
	}
	if err := write(optimiserFile, optimiser); err != nil {
		return err
	}
	if bests != nil {
		if err := write(bestFile, bests); err != nil {
			return err
		}
	}
	s.Checksum = s.sum()
	if err := writeJSON(disk, filepath.Join(temp, stateFile), s); err != nil {
		return err
	}
	name := filepath.Join(root, fmt.Sprintf("%s%09d", stepPrefix, s.Step))
	if err := os.RemoveAll(name); err != nil { // the same step, written before an interruption
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return err
	}
	if err := atomicfile.SyncFolder(root); err != nil {
		return err
	}
	steps, err := checkpoints(dir)
	if err != nil {
		return err
	}
	for _, old := range steps[:max(0, len(steps)-2)] {
		if err := os.RemoveAll(filepath.Join(root, fmt.Sprintf("%s%09d", stepPrefix, old))); err != nil {
			return err
		}
	}
	return nil
}

// floats are a tensor's numbers, a scalar's too.
func floats(t *tensor.Dense) []float32 {
	switch v := t.Data().(type) {
	case []float32:
		return v
	case float32:
		return []float32{v}
	}
	return nil
}

func (s state) sum() string {
	s.Checksum = ""
	b, _ := json.Marshal(s) // holds finite numbers only
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// checkpoints lists the steps of the checkpoints in dir, ascending, and clears away unfinished ones.
func checkpoints(dir string) ([]int, error) {
	root := filepath.Join(dir, checkpointFolder)
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinishedPrefix) {
			os.RemoveAll(filepath.Join(root, e.Name()))
			continue
		}
		if number, ok := strings.CutPrefix(e.Name(), stepPrefix); ok {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 {
				steps = append(steps, n)
			}
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// readCheckpoint puts the newest checkpoint of dir into net and solver and returns its state and best weights;
// nil where there is none. A damaged one is an error that says how to go on from the one before it.
func readCheckpoint(dir string, want identity, net *surrogates.Network, solver *ops.Solver) (*state, [][]float32, error) {
	steps, err := checkpoints(dir)
	if err != nil || len(steps) == 0 {
		return nil, nil, err
	}
	at := filepath.Join(dir, checkpointFolder, fmt.Sprintf("%s%09d", stepPrefix, steps[len(steps)-1]))
	s, bests, err := readState(at, want, net, solver)
	if err == nil && s.Step != steps[len(steps)-1] {
		err = fmt.Errorf("trainer: %s is of step %d: its folder was renamed", filepath.Join(at, stateFile), s.Step)
	}
	var other *MismatchError
	if err == nil || errors.As(err, &other) {
		return s, bests, err
	}
	if len(steps) > 1 {
		return nil, nil, fmt.Errorf("%w: remove %s to go on from step %d", err, at, steps[len(steps)-2])
	}
	return nil, nil, fmt.Errorf("%w: remove %s to start again", err, at)
}

func readState(at string, want identity, net *surrogates.Network, solver *ops.Solver) (*state, [][]float32, error) {
	path := filepath.Join(at, stateFile)
	b, err := readBounded(path, maxJSON)
	if err != nil {
		return nil, nil, fmt.Errorf("trainer: %w", err)
	}
	s := &state{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, nil, fmt.Errorf("trainer: %s is damaged: %w", path, err)
	}
	if s.Format != stateFormat {
		return nil, nil, fmt.Errorf("trainer: %s has format %d, this version reads %d: use the version that wrote it, or start again with --overwrite", path, s.Format, stateFormat)
	}
	if got := s.sum(); got != s.Checksum {
		return nil, nil, fmt.Errorf("trainer: %s: checksum %.8s.., want %.8s..: it is damaged", path, got, s.Checksum)
	}
	if key, was, is := differs(s.Identity, want); key != "" {
		return nil, nil, &MismatchError{Path: at, Key: key, Was: was, Is: is}
	}
	read := func(name string) ([]byte, string, error) {
		path := filepath.Join(at, name)
		b, err := readSummed(path, s.Files[name])
		return b, path, err
	}
	var bests [][]float32
	if s.Best != nil {
		b, path, err := read(bestFile)
		if err != nil {
			return nil, nil, err
		}
		if err := decodeWeights(path, b, net); err != nil {
			return nil, nil, err
		}
		bests = copyWeights(nil, net)
	}
	b, path, err = read(weightsFile)
	if err != nil {
		return nil, nil, err
	}
	if err := decodeWeights(path, b, net); err != nil {
		return nil, nil, err
	}
	b, path, err = read(optimiserFile)
	if err != nil {
		return nil, nil, err
	}
	f, err := safetensors.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, fmt.Errorf("trainer: %s: %w", path, err)
	}
	var list []ops.NamedTensor
	for _, t := range f.Tensors {
		list = append(list, ops.NamedTensor{Name: t.Name, Value: tensor.New(tensor.WithShape(t.Shape...), tensor.WithBacking(t.Data))})
	}
	if err := solver.Restore(list); err != nil {
		return nil, nil, fmt.Errorf("trainer: %s: %w", path, err)
	}
	return s, bests, nil
}

// copyWeights copies the network's weights to dst, made where nil.
func copyWeights(dst [][]float32, net *surrogates.Network) [][]float32 {
	if dst == nil {
		dst = make([][]float32, len(net.Weights()))
	}
	for i, w := range net.Weights() {
		dst[i] = append(dst[i][:0], values(w)...)
	}
	return dst
}
