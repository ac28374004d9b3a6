package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/team"
	"neq/surrogates"
	"neq/trainer/equivalence"
	"neq/trainer/fidelity"
)

// SweepOptions say which surrogates to fit to what, and where to.
type SweepOptions struct {
	Surrogates []Entry
	Config     Config // of every trial, but for what an entry changes
	DataDir    string
	OutDir     string
	Split      string            // scored; default "test"
	BurnIn     *int              // ms not scored; nil: the longest receptive field of all trials, at most half an episode
	Resamples  int               // of the bootstrap, 0: 1,000
	Part       int               // 0 <= Part < Parts: this process runs trials Part, Part+Parts, ...
	Parts      int               // 0 and 1: all trials
	Resume     bool              // skip finished trials, go on with interrupted ones, try failed ones again
	Overwrite  bool              // remove the sweep that is in OutDir
	Threads    int               // cores, 0: all
	GPUs       []*driver.Context // none: the CPU. Trials take turns on them
	Parallel   int               // trials at a time, each with its share of Threads; 0: by Threads

	Study  equivalence.Study // of the report: title, neuron, stimulus, threshold ...; what is empty is filled from the data set
	Hooks  []func(Progress)  // of the fits, of one at a time: what runs beside it is not told. Title is the trial's
	Trials []func(TrialDone) // after every trial, skipped ones too. Never two at once
}

// TrialDone is what became of a trial.
type TrialDone struct {
	Trial   Trial
	Index   int             // in the sweep
	Of      int             // trials in this part
	Done    int             // of them, this one included
	Skipped bool            // it was done before
	Row     equivalence.Row // Error set where it failed
}

// SweepResult is the rows of this part's trials, in the order of the sweep.
type SweepResult struct {
	Rows   []equivalence.Row
	BurnIn int // ms
}

// FailedTrials says that some trials of a sweep failed; the others are done.
type FailedTrials struct {
	Of     int
	Failed []equivalence.Row
}

func (e *FailedTrials) Error() string {
	var list []string
	for _, r := range e.Failed {
		list = append(list, fmt.Sprintf("%s: %s", r.Name, r.Error))
	}
	return fmt.Sprintf("trainer: %d of %d trials failed:\n  %s", len(e.Failed), e.Of, strings.Join(list, "\n  "))
}

// Files and folders of a sweep.
const (
	trialsFolder = "trials"
	trialFile    = "trial.json"
	studyFile    = "study.json"
	rowFile      = "row.json"
)

// trialRecord is trial.json: what a trial's row.json answers. A row beside another record is not this trial's.
type trialRecord struct {
	Fit       identity `json:"fit"`
	Split     string   `json:"split"`
	BurnIn    int      `json:"burn_in_ms"`
	Resamples int      `json:"resamples"`
}

// sweep is a sweep under way.
type sweep struct {
	o       SweepOptions
	src     source
	info    traces.Info
	trials  []Trial
	records []trialRecord
	mine    []int // trials of this part
	burn    int
	pick    pick
	lock    sync.Mutex // of what follows, and of hooks
	lead    int        // trial whose fit is told, -1 for none
	done    int
}

// Sweep fits every surrogate, scores each on the same held-out milliseconds and leaves a folder that
// equivalence.LoadStudy reads. A trial's row is written last, so a trial with a row is whole. A trial that fails is
// recorded and the others go on; the error is then a *FailedTrials beside the result.
func Sweep(ctx context.Context, o SweepOptions) (*SweepResult, error) {
	set, err := traces.Open(o.DataDir)
	if err != nil {
		return nil, err
	}
	s, err := planSweep(keep(set), o)
	if err != nil {
		return nil, err
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	if err := s.study(ctx); err != nil {
		return nil, s.stopped(err)
	}
	return s.run(ctx)
}

// planSweep expands and checks everything before a file is touched.
func planSweep(src source, o SweepOptions) (*sweep, error) {
	if o.Split == "" {
		o.Split = "test"
	}
	if o.Threads <= 0 {
		o.Threads = team.Cores()
	}
	o.Parts = max(1, o.Parts)
	if o.Parallel <= 0 {
		o.Parallel = trialsAtATime(o.Threads)
	}
	if o.Part < 0 || o.Part >= o.Parts {
		return nil, fmt.Errorf("trainer: part %d of %d: parts count from 0", o.Part, o.Parts)
	}
	if o.Resume && o.Overwrite {
		return nil, errors.New("trainer: both resume and overwrite: give one")
	}
	s := &sweep{o: o, src: src, info: src.Info(), lead: -1}
	for _, name := range []string{"train", o.Split} {
		if _, err := split(src, name); err != nil {
			return nil, err
		}
	}
	var err error
	if s.trials, err = Trials(o.Surrogates, o.Config, s.info.Inputs); err != nil {
		return nil, err
	}
	longest := 0
	for i := range s.trials {
		t := &s.trials[i]
		r, err := prepare(src, FitOptions{Spec: t.Spec, Config: t.Config})
		if err != nil {
			return nil, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		longest = max(longest, settling(r.net.ReceptiveField()))
		s.records = append(s.records, trialRecord{Fit: r.who, Split: o.Split, Resamples: o.Resamples})
		if i%o.Parts == o.Part {
			s.mine = append(s.mine, i)
		}
	}
	s.burn = burnIn(longest, s.info.Duration)
	if o.BurnIn != nil {
		s.burn = *o.BurnIn
	}
	if s.burn < 0 || s.burn >= s.info.Duration {
		return nil, fmt.Errorf("trainer: a burn-in of %d ms leaves nothing of episodes of %d ms", s.burn, s.info.Duration)
	}
	for i := range s.records {
		s.records[i].BurnIn = s.burn
	}
	return s, nil
}

// trialsAtATime is how many trials share so many cores. The steps of a small network are too short to spread over cores,
// and loading and scoring run on one: two trials of a thread each beat one of two. Beyond that each trial holds shards
// of its own, so their number grows slower than the cores.
func trialsAtATime(threads int) int { return min(threads, max(2, threads/4), 8) }

func (s *sweep) dir(i int) string { return filepath.Join(s.o.OutDir, trialsFolder, s.trials[i].Name) }

// enter makes OutDir ready. Parts of one sweep share it, so another part's files do not stop this one.
func (s *sweep) enter() error {
	entries, err := os.ReadDir(s.o.OutDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("trainer: %w", err)
	}
	if s.o.Overwrite {
		if s.o.Parts > 1 {
			return errors.New("trainer: --overwrite with --part would remove what other parts have done: remove the folder first")
		}
		for _, name := range []string{studyFile, trialsFolder} {
			if err := os.RemoveAll(filepath.Join(s.o.OutDir, name)); err != nil {
				return fmt.Errorf("trainer: %w", err)
			}
		}
	} else if len(entries) > 0 && !s.o.Resume && s.o.Parts == 1 {
		return fmt.Errorf("trainer: %s is not empty: use --resume to go on with the sweep there, or --overwrite", s.o.OutDir)
	}
	for _, i := range s.mine {
		var was struct {
			Fit json.RawMessage `json:"fit"`
		}
		path := filepath.Join(s.dir(i), trialFile)
		switch b, err := os.ReadFile(path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("trainer: %w", err)
		case !s.o.Resume:
			return fmt.Errorf("trainer: trial %s is in %s already: use --resume to go on with it", s.trials[i].Name, s.o.OutDir)
		default:
			if err := json.Unmarshal(b, &was); err != nil {
				return fmt.Errorf("trainer: %s is damaged: %w: remove it to train the trial again", path, err)
			}
		}
		if key, old, now := differs(was.Fit, s.records[i].Fit); key != "" {
			return &MismatchError{Path: s.dir(i), Key: key, Was: old, Is: now}
		}
	}
	if err := os.MkdirAll(filepath.Join(s.o.OutDir, trialsFolder), 0o777); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// study writes study.json with the baselines and chooses the episode every trial is shown on.
func (s *sweep) study(ctx context.Context) error {
	st := s.o.Study
	count := func(name string) int {
		e, _ := split(s.src, name)
		return e.count
	}
	train, err := split(s.src, "train")
	if err != nil {
		return err
	}
	held, err := split(s.src, s.o.Split)
	if err != nil {
		return err
	}
	norm, err := normalise(ctx, train, s.o.Config.Voltage.Clip, nil)
	if err != nil {
		return err
	}
	if s.pick, err = pickExample(held, s.burn); err != nil {
		return err
	}
	st.Data = equivalence.Data{Train: count("train"), Validation: count("validation"), Test: held.count, Duration: s.info.Duration,
		BurnIn: s.burn, InputRate: norm.InputRate, Seed: s.info.Seed}
	def(&st.Neuron.Model, s.info.Neuron)
	def(&st.Neuron.Threshold, s.info.Threshold)
	if st.Neuron.Synapses == nil {
		for _, g := range s.info.Synapses {
			st.Neuron.Synapses = append(st.Neuron.Synapses, equivalence.Synapses{Name: g.Name, Kind: g.Kind, Count: g.Count})
		}
	}
	var before equivalence.Study // a resumed study keeps its date
	if b, err := os.ReadFile(filepath.Join(s.o.OutDir, studyFile)); err == nil && json.Unmarshal(b, &before) == nil && st.Created.IsZero() {
		st.Created = before.Created
	}
	if st.Created.IsZero() {
		st.Created = time.Now().UTC().Truncate(time.Second)
	}
	def(&st.Version, s.info.Version)
	st.Trials = nil
	for _, t := range s.trials {
		st.Trials = append(st.Trials, t.Name)
	}
	if st.Baselines, err = baselines(ctx, held, norm, s.burn, s.o.Resamples); err != nil {
		return err
	}
	return equivalence.WriteStudyHeader(s.o.OutDir, st)
}

// baselines scores those who do not look at the input on the episodes the surrogates are scored on.
func baselines(ctx context.Context, held episodes, norm Normalisation, burn, resamples int) ([]fidelity.Baseline, error) {
	var list []fidelity.Episode
	err := held.each(0, func(sh *traces.Shard, from, to int) error {
		for i := from; i < to; i++ {
			list = append(list, newTruth(held.info.Duration, burn, true, norm.Clip).episode(sh, i, Prediction{}))
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return fidelity.Baselines(norm.Rate, norm.Mean, list, fidelity.Options{Rate: norm.Rate, Resamples: resamples})
}

// run runs this part's trials, Parallel at a time.
func (s *sweep) run(ctx context.Context) (*SweepResult, error) {
	rows := make([]*equivalence.Row, len(s.trials))
	queue := make(chan int, len(s.mine))
	for _, i := range s.mine {
		queue <- i
	}
	close(queue)
	workers := max(1, min(s.o.Parallel, s.o.Threads, len(s.mine)))
	var wg sync.WaitGroup
	fatal := make([]error, workers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for w := range workers {
		threads := s.o.Threads / workers
		if w < s.o.Threads%workers {
			threads++
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range queue {
				row, err := s.trial(ctx, i, threads)
				if err != nil {
					fatal[w] = err
					cancel(err)
					return
				}
				rows[i] = row
			}
		}()
	}
	wg.Wait()
	res := &SweepResult{BurnIn: s.burn}
	failed := &FailedTrials{Of: len(s.mine)}
	for _, r := range rows {
		if r == nil {
			continue
		}
		res.Rows = append(res.Rows, *r)
		if r.Error != "" {
			failed.Failed = append(failed.Failed, *r)
		}
	}
	for _, err := range fatal { // what stopped it all before what that stopped
		if err != nil && !isCancel(err) {
			return res, err
		}
	}
	for _, err := range fatal {
		if err != nil {
			return res, s.stopped(err)
		}
	}
	if len(failed.Failed) > 0 {
		return res, failed
	}
	return res, nil
}

func (s *sweep) stopped(err error) error {
	if !isCancel(err) {
		return err
	}
	var in *InterruptedError
	if errors.As(err, &in) {
		err = in.Err
	}
	return &InterruptedError{fmt.Sprintf("sweep stopped after %d of %d trials", s.done, len(s.mine)), err}
}

// trial runs trial i. An error is one that stops the sweep; a trial's own failure is in its row.
func (s *sweep) trial(ctx context.Context, i, threads int) (*equivalence.Row, error) {
	t, dir := s.trials[i], s.dir(i)
	if row := s.finished(i); row != nil {
		s.tell(i, row, true)
		return row, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, rowFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if err := writeJSON(atomicfile.Disk{}, filepath.Join(dir, trialFile), s.records[i]); err != nil {
		return nil, err
	}
	row := &equivalence.Row{Name: t.Title, Family: t.Spec.Family, Seed: t.Config.Seed}
	err := s.fitTrial(ctx, i, threads, row)
	if err != nil {
		if isCancel(err) {
			return nil, err
		}
		row.Error = err.Error()
	}
	if err := equivalence.WriteRow(dir, *row); err != nil {
		return nil, err
	}
	s.tell(i, row, false)
	return row, nil
}

// fitTrial fits, scores and shows a surrogate.
func (s *sweep) fitTrial(ctx context.Context, i, threads int, row *equivalence.Row) error {
	t, dir := s.trials[i], s.dir(i)
	spec := t.Spec
	spec.Name = ""
	var err error
	if row.Spec, err = json.Marshal(spec); err != nil {
		return err
	}
	// Filled before the fit, so that a failed trial's row says what it was.
	net, err := surrogates.New(t.Spec, inputsOf(&s.info), len(t.Config.Loss.Auxiliary), t.Config.Seed)
	if err != nil {
		return err
	}
	row.Parameters, row.Synaptic, row.ReceptiveField = net.Parameters(), net.SynapticParameters(), net.ReceptiveField()
	row.Core = row.Parameters - row.Synaptic
	hook := func(p Progress) {
		s.lock.Lock()
		defer s.lock.Unlock()
		if s.lead < 0 {
			s.lead = i
		}
		if s.lead != i {
			return
		}
		for _, h := range s.o.Hooks {
			h(p)
		}
	}
	defer func() {
		s.lock.Lock()
		defer s.lock.Unlock()
		if s.lead == i {
			s.lead = -1
		}
	}()
	res, err := fit(ctx, s.src, FitOptions{Spec: t.Spec, Config: t.Config, OutDir: dir, Resume: true, Threads: threads, GPU: s.gpu(i), Hooks: []func(Progress){hook}})
	if err != nil {
		return err
	}
	row.MACs, row.State = res.MACs, float64(res.State)
	row.TrainSeconds, row.Steps, row.BioSeconds = res.Seconds, res.Steps, res.BioSeconds
	m, err := Load(dir)
	if err != nil {
		return err
	}
	e, err := m.evaluate(ctx, s.src, s.o.Split, EvaluateOptions{BurnIn: &s.burn, Threads: threads, GPU: s.gpu(i), Resamples: s.o.Resamples})
	if err != nil {
		return err
	}
	row.Fidelity = e.Fidelity
	example, err := m.example(ctx, s.pick, threads)
	if err != nil {
		return err
	}
	if err := equivalence.WriteExample(dir, example); err != nil {
		return err
	}
	return equivalence.WriteFilters(dir, m.filters())
}

// finished is the row of a trial that is done, nil for one that is not, that failed, or that was scored otherwise.
func (s *sweep) finished(i int) *equivalence.Row {
	var row equivalence.Row
	var was json.RawMessage
	for _, f := range []struct {
		name string
		into any
	}{{rowFile, &row}, {trialFile, &was}} {
		b, err := os.ReadFile(filepath.Join(s.dir(i), f.name))
		if err != nil || json.Unmarshal(b, f.into) != nil {
			return nil
		}
	}
	if key, _, _ := differs(was, s.records[i]); key != "" || row.Error != "" {
		return nil
	}
	return &row
}

func (s *sweep) tell(i int, row *equivalence.Row, skipped bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.done++
	for _, h := range s.o.Trials {
		h(TrialDone{Trial: s.trials[i], Index: i, Of: len(s.mine), Done: s.done, Skipped: skipped, Row: *row})
	}
}

// gpu is the one trial i runs on, nil where there is none.
func (s *sweep) gpu(i int) *driver.Context {
	if len(s.o.GPUs) == 0 {
		return nil
	}
	return s.o.GPUs[i%len(s.o.GPUs)]
}
