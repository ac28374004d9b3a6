package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/team"
	"neq/trainer/fidelity"
)

// SeedsFile is the summary of several fits, in the folder whose SeedFolder folders are the fits.
const SeedsFile = "seeds.json"

// SeedFolder is the folder of one seed's fit.
func SeedFolder(seed uint64) string { return fmt.Sprintf("seed-%d", seed) }

// Seeds is seeds.json: the same fit from several seeds, which draw its initial weights and its windows.
type Seeds struct {
	Title      string    `json:"title"`
	Parameters int       `json:"parameters"`
	Fits       []SeedFit `json:"fits"`    // in the order of the seeds
	Spread     []Spread  `json:"summary"` // of the fits that were made, over the validation split
}

// SeedFit is what became of one seed.
type SeedFit struct {
	Seed       uint64           `json:"seed"`
	Dir        string           `json:"folder"`
	Steps      int              `json:"steps,omitempty"`
	BestStep   int              `json:"best_step,omitempty"`
	Seconds    float64          `json:"seconds,omitempty"`
	Validation *fidelity.Result `json:"validation,omitempty"`
	Error      string           `json:"error,omitempty"` // the fit failed
}

// Spread is a measure over the seeds.
type Spread struct {
	Metric string  `json:"metric"`
	N      int     `json:"seeds"`
	Mean   float64 `json:"mean"`
	SD     float64 `json:"sd"` // of single fits, n-1 below the sum; 0 of one
	Lowest float64 `json:"lowest"`
	Best   float64 `json:"best"`
}

// ParseSeeds reads "3", three seeds from first on, or "1,2,7", those seeds.
func ParseSeeds(s string, first uint64) ([]uint64, error) {
	words := strings.Split(s, ",")
	var list []uint64
	for _, w := range words {
		v, err := strconv.ParseUint(strings.TrimSpace(w), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: want a number of seeds, such as 3, or a list of them, such as 1,2,7", s)
		}
		if slices.Contains(list, v) {
			return nil, fmt.Errorf("%q: seed %d twice", s, v)
		}
		list = append(list, v)
	}
	if len(words) > 1 {
		return list, nil
	}
	if n := list[0]; n < 1 || n > maxTrials {
		return nil, fmt.Errorf("%q: want 1 to %d seeds", s, maxTrials)
	}
	n := list[0]
	list = list[:0]
	for i := range n {
		list = append(list, first+i)
	}
	return list, nil
}

// FitSeeds fits from every seed, each in a folder of its own in OutDir, and summarises them there. On the CPU small fits
// share the cores, each as it would come out alone. Resume goes on with what is there and adds what is not. A fit that fails
// is recorded and the others go on; the error is then of the first that failed, beside the result.
func FitSeeds(ctx context.Context, o FitOptions, seeds []uint64) (*Seeds, error) {
	set, err := traces.Open(o.DataDir)
	if err != nil {
		return nil, err
	}
	return fitSeeds(ctx, keep(set), o, seeds)
}

func fitSeeds(ctx context.Context, src source, o FitOptions, seeds []uint64) (*Seeds, error) {
	if len(seeds) == 0 {
		return nil, errors.New("trainer: no seeds to fit from")
	}
	if o.Threads <= 0 {
		o.Threads = team.Cores()
	}
	first, err := prepare(src, o) // before a file is touched
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.OutDir, 0o777); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if o.Overwrite {
		if err := os.RemoveAll(filepath.Join(o.OutDir, SeedsFile)); err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
	}
	workers := min(len(seeds), trialsAtATime(o.Threads))
	if o.GPU != nil {
		workers = 1
	}
	s := &Seeds{Title: o.Spec.Title(), Parameters: first.net.Parameters(), Fits: make([]SeedFit, len(seeds))}
	errs := make([]error, len(seeds))
	queue := make(chan int, len(seeds))
	for i := range seeds {
		queue <- i
	}
	close(queue)
	told := &oneOf{hooks: o.Hooks, of: -1}
	var wg sync.WaitGroup
	for w := range workers {
		threads := o.Threads / workers
		if w < o.Threads%workers {
			threads++
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range queue {
				if errs[i] = ctx.Err(); errs[i] != nil {
					continue
				}
				f := o
				f.Config.Seed, f.OutDir, f.Threads = seeds[i], filepath.Join(o.OutDir, SeedFolder(seeds[i])), max(1, threads)
				f.Hooks = []func(Progress){func(p Progress) { told.tell(i, seeds[i], p) }}
				if f.TensorBoard != "" {
					f.TensorBoard = filepath.Join(f.TensorBoard, SeedFolder(seeds[i]))
				}
				s.Fits[i] = SeedFit{Seed: seeds[i], Dir: f.OutDir}
				r, err := fit(ctx, src, f)
				told.leave(i)
				if err != nil {
					errs[i], s.Fits[i].Error = err, err.Error()
					continue
				}
				s.Fits[i].Steps, s.Fits[i].BestStep, s.Fits[i].Seconds, s.Fits[i].Validation = r.Steps, r.BestStep, r.Seconds, r.Validation
			}
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if isCancel(err) {
			return nil, &InterruptedError{fmt.Sprintf("training of %s from %d seeds stopped", s.Title, len(seeds)), err}
		}
	}
	s.summarise()
	if err := writeJSON(atomicfile.Disk{}, filepath.Join(o.OutDir, SeedsFile), s); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return s, fmt.Errorf("seed %d: %w", seeds[i], err)
		}
	}
	return s, nil
}

// summarise spreads what every fit has.
func (s *Seeds) summarise() {
	for _, name := range fidelity.Metrics() {
		var v []float64
		for _, f := range s.Fits {
			if f.Validation == nil {
				continue
			}
			if x, _, err := f.Validation.Metric(name); err == nil { // else it is not defined on this split
				v = append(v, x)
			}
		}
		if len(v) == 0 {
			continue
		}
		p := Spread{Metric: name, N: len(v), Lowest: slices.Min(v), Best: slices.Max(v)}
		for _, x := range v {
			p.Mean += x / float64(len(v))
		}
		for _, x := range v {
			p.SD += (x - p.Mean) * (x - p.Mean) / float64(max(1, len(v)-1))
		}
		p.SD = math.Sqrt(p.SD)
		s.Spread = append(s.Spread, p)
	}
}

// oneOf passes on the progress of one of several fits that run at once.
type oneOf struct {
	lock  sync.Mutex
	hooks []func(Progress)
	of    int // -1: the next that tells
}

func (t *oneOf) tell(i int, seed uint64, p Progress) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.of < 0 {
		t.of = i
	}
	if t.of != i {
		return
	}
	p.Title = fmt.Sprintf("%s, seed %d", p.Title, seed)
	for _, h := range t.hooks {
		h(p)
	}
}

func (t *oneOf) leave(i int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.of == i {
		t.of = -1
	}
}
