package compress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/trainer"
)

// Files and folders of a compression.
const (
	requestFile  = "request.json"
	reportFile   = "report.json"
	pictureFile  = "report.svg"
	levelsFolder = "levels"
	rowFile      = "row.json"
)

// Files are the names Run makes in its folder.
func Files() []string { return []string{requestFile, reportFile, pictureFile, levelsFolder} }

// job is a compression under way.
type job struct {
	o   Options
	req Request
	set *traces.Set
	rep Report
}

// Run compresses a model level by level. Errors: *trainer.InterruptedError when ctx ended, *trainer.MismatchError when
// Out holds the answer to another request.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Resume && o.Overwrite {
		return nil, errors.New("compress: both resume and overwrite: give one")
	}
	if err := o.Fill(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	m, err := trainer.Load(o.Model)
	if err != nil {
		return nil, err
	}
	set, err := traces.Open(o.Data)
	if err != nil {
		return nil, err
	}
	if err := m.Fits(set.Info()); err != nil {
		return nil, err
	}
	j := &job{o: o, set: set}
	if j.req, err = o.request(m, set.Info()); err != nil {
		return nil, err
	}
	if o.Prune == "structured" || o.Prune == "synapses" {
		if _, _, err := Structured(m.Network, 1, o.Prune == "synapses"); err != nil {
			return nil, err
		}
	}
	if err := j.enter(); err != nil {
		return nil, err
	}
	if err := j.levels(ctx, m); err != nil {
		var in *trainer.InterruptedError
		if !errors.As(err, &in) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			err = &trainer.InterruptedError{What: fmt.Sprintf("compression of %s stopped after %d levels", m.Title, len(j.rep.Rows)), Err: err}
		}
		return nil, err
	}
	j.rep.answer(o.Tolerance)
	if err := writeJSON(filepath.Join(o.Out, reportFile), &j.rep); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(o.Out, pictureFile), []byte(j.rep.Picture(true)+"\n")); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return &j.rep, nil
}

// enter makes Out ready.
func (j *job) enter() error {
	path := filepath.Join(j.o.Out, requestFile)
	entries, err := os.ReadDir(j.o.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("compress: %w", err)
	}
	switch {
	case j.o.Overwrite:
		for _, name := range Files() { // request.json first: without it nothing is gone on with
			if err := os.RemoveAll(filepath.Join(j.o.Out, name)); err != nil {
				return fmt.Errorf("compress: %w", err)
			}
		}
	case len(entries) > 0 && !j.o.Resume:
		return fmt.Errorf("compress: %s is not empty: use --resume to go on with what is there, or --overwrite", j.o.Out)
	}
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		var was Request
		if err := json.Unmarshal(b, &was); err != nil {
			return fmt.Errorf("compress: %s is damaged: %w: start again with --overwrite", path, err)
		}
		if key, old, now := was.differs(j.req); key != "" {
			return &trainer.MismatchError{Path: j.o.Out, Key: key, Was: old, Is: now}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("compress: %w", err)
	default:
		if err := os.MkdirAll(filepath.Join(j.o.Out, levelsFolder), 0o777); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		if err := writeJSON(path, j.req); err != nil {
			return err
		}
	}
	return nil
}

// level is one row to be: a model and where its units or weights were taken away.
type level struct {
	name   string
	keep   float64
	bits   int
	mask   Mask
	groups []chosen
	before *Score
}

// levels makes all rows, in order.
func (j *job) levels(ctx context.Context, m *trainer.Model) error {
	j.rep = Report{Version: j.o.Version, Request: j.req, Parameters: m.Parameters}
	first := level{name: "original", bits: Full}
	if j.req.Prune == "structured" || j.req.Prune == "synapses" {
		var err error
		if first.mask, first.groups, err = Structured(m.Network, 1, j.req.Prune == "synapses"); err != nil {
			return err
		}
	}
	if err := j.row(ctx, &first, func() (*trainer.Model, error) { return m, nil }); err != nil {
		return err
	}
	if err := j.round(ctx, m, first); err != nil {
		return err
	}
	for _, keep := range j.req.Keep {
		next, err := j.prune(ctx, m, keep)
		if err != nil {
			return err
		}
		m = next
	}
	return nil
}

func (j *job) dir(name string) string { return filepath.Join(j.o.Out, levelsFolder, name) }

// prune makes the level that keeps a fraction, from the model of the level before.
func (j *job) prune(ctx context.Context, m *trainer.Model, keep float64) (*trainer.Model, error) {
	l := level{name: "keep-" + strconv.FormatFloat(keep, 'g', -1, 64), keep: keep, bits: Full}
	if j.req.Prune == "magnitude" {
		l.mask = Magnitude(m.Network, keep, j.req.Scope)
	} else {
		var err error
		if l.mask, l.groups, err = Structured(m.Network, keep, j.req.Prune == "synapses"); err != nil {
			return nil, err
		}
	}
	var pruned *trainer.Model
	err := j.row(ctx, &l, func() (_ *trainer.Model, err error) {
		pruned, err = j.tune(ctx, m, &l)
		return pruned, err
	})
	if err != nil {
		return nil, err
	}
	if pruned == nil { // its row was there
		if pruned, err = trainer.Load(j.dir(l.name)); err != nil {
			return nil, err
		}
	}
	return pruned, j.round(ctx, pruned, l)
}

// tune scores what is left of a model, trains it and leaves it in the level's folder.
func (j *job) tune(ctx context.Context, m *trainer.Model, l *level) (*trainer.Model, error) {
	left, err := m.Clone()
	if err != nil {
		return nil, err
	}
	l.mask.apply(left.Network)
	if l.before, err = j.score(ctx, left, -1); err != nil {
		return nil, err
	}
	start := trainer.Start{Model: m, Keep: l.mask, Origin: trainer.Origin{Prune: j.req.Prune, Scope: j.req.Scope, Keep: l.keep}}
	spec := m.Spec
	spec.Name = j.req.Title + "-" + l.name
	if j.req.Steps > 0 {
		_, err = trainer.Fit(ctx, trainer.FitOptions{Spec: spec, Config: j.req.tuning(m.Config), DataDir: j.o.Data, OutDir: j.dir(l.name),
			Resume: true, Threads: j.o.Threads, Start: &start, Hooks: j.o.Hooks})
	} else {
		left.Spec.Name, left.Title = spec.Name, spec.Name
		left.Origin = start.Pinned()
		err = j.save(ctx, left, l.name)
	}
	if err != nil {
		return nil, err
	}
	return trainer.Load(j.dir(l.name))
}

// round makes a level's rounded models.
func (j *job) round(ctx context.Context, m *trainer.Model, from level) error {
	for _, bits := range j.req.Bits {
		l := from
		l.name, l.bits, l.before = fmt.Sprintf("%s-%dbit", from.name, bits), bits, nil
		err := j.row(ctx, &l, func() (*trainer.Model, error) {
			r, err := m.Clone()
			if err != nil {
				return nil, err
			}
			Quantise(r.Network, bits, j.req.Per)
			r.Spec.Name = j.req.Title + "-" + l.name
			r.Title = r.Spec.Name
			start := trainer.Start{Model: m, Keep: l.mask, Origin: trainer.Origin{Prune: j.req.Prune, Scope: j.req.Scope, Keep: l.keep, Bits: bits, Per: j.req.Per}}
			if l.keep == 0 {
				start.Origin.Prune, start.Origin.Scope, start.Keep = "", "", nil
			}
			r.Origin = start.Pinned()
			return r, j.save(ctx, r, l.name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// save validates a changed model and leaves it in its level's folder.
func (j *job) save(ctx context.Context, m *trainer.Model, name string) error {
	if err := m.Validate(ctx, j.set, j.o.Threads); err != nil {
		return err
	}
	return m.Save(j.dir(name))
}

// row makes a level's row of the model that work leaves, and keeps it; a row that is there is taken as it is.
func (j *job) row(ctx context.Context, l *level, work func() (*trainer.Model, error)) error {
	path := filepath.Join(j.dir(l.name), rowFile)
	row := Row{Name: l.name, Keep: l.keep, Bits: l.bits}
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &row); err != nil || row.Name != l.name {
			return fmt.Errorf("compress: %s is damaged: remove it to make the level again", path)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("compress: %w", err)
	default:
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := work()
		if err != nil {
			return err
		}
		row.Size = measure(m.Network, l.mask, l.groups, l.bits, j.req.Per)
		if row.After, err = j.score(ctx, m, j.req.Resamples); err != nil {
			return err
		}
		row.Before = l.before
		if err := os.MkdirAll(j.dir(l.name), 0o777); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		if err := writeJSON(path, row); err != nil {
			return err
		}
	}
	j.rep.Rows = append(j.rep.Rows, row)
	if j.o.Done != nil {
		j.o.Done(row)
	}
	return nil
}

// score is a model's fidelity on the split.
func (j *job) score(ctx context.Context, m *trainer.Model, resamples int) (*Score, error) {
	e, err := m.Evaluate(ctx, j.set, j.req.Split, trainer.EvaluateOptions{Threads: j.o.Threads, Resamples: resamples})
	if err != nil {
		return nil, err
	}
	return newScore(e.Fidelity), nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("compress: %s: %w", path, err)
	}
	if err := atomicfile.WriteFile(path, append(b, '\n')); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return nil
}
