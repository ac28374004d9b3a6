package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/team"
	"neq/internal/tensorboard"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// FitOptions say what to fit to what, and where to.
type FitOptions struct {
	Spec        surrogates.Spec
	Config      Config
	DataDir     string
	OutDir      string
	Resume      bool             // go on from the last checkpoint in OutDir, from the start where there is none
	Overwrite   bool             // remove a fit that is in OutDir
	Threads     int              // cores, 0: all; the result does not depend on it
	TensorBoard string           // folder of event files; "": OutDir/tensorboard where training.tensorboard is set, else none
	GPU         *driver.Context  // nil: the CPU, in float32. Checkpoints are the same files, and move from one to the other
	Start       *Start           // nil: initial weights
	Hooks       []func(Progress) // called after every step and validation, in order, by the fit's own goroutine

	disk   atomicfile.Disk // that tests fill
	stream bool            // send batches even where the training split would fit on the GPU; for tests
}

// Progress is what a hook sees. NaN where there is no value yet.
type Progress struct {
	Title        string // of the surrogate
	Step, Steps  int
	Loss         float64 // running mean
	AUC, BestAUC float64 // of the last and the best validation
	BioPerSecond float64 // seconds of neuron time trained on per second
	Elapsed      time.Duration
	Left         time.Duration // estimate
	Validated    bool          // this call follows a validation
}

// FitResult is what a fit came to.
type FitResult struct {
	Description
	Dir     string
	Stopped bool // early, by training.patience
}

// Fit trains a surrogate on the training split of a data set and writes OutDir: model.json, weights.safetensors
// and metrics.jsonl. While it runs, checkpoints lie in OutDir/checkpoints. A resumed fit gives the same bytes as one
// that was never interrupted, times aside.
//
// Errors: *InterruptedError when ctx ended (a checkpoint was written), *DivergenceError when a loss or weight is
// not finite (the last checkpoint is kept), *MismatchError when OutDir holds a fit of another configuration.
func Fit(ctx context.Context, o FitOptions) (*FitResult, error) {
	set, err := traces.Open(o.DataDir)
	if err != nil {
		return nil, err
	}
	return fit(ctx, keep(set), o)
}

// run is one fit under way.
type run struct {
	o      FitOptions
	c      Config
	who    identity
	norm   Normalisation
	net    *surrogates.Network
	solver *ops.Solver
	graph  *surrogates.Graph
	gpu    *ops.Device // nil: the CPU
	load   *loader
	fill   func() *filler
	ahead  *ahead      // nil where episodes lie on the GPU
	train  episodes    // the training split
	check  *validation // nil without a validation split
	log    *metrics
	board  *tensorboard.Writer // nil where none is asked for
	st     state
	best   [][]float32 // weights of st.Best
	params []*tensor.Dense
	keep   [][]bool // of params, those that are trained; nil: all

	rows    []window     // of a batch of episodes that lie on the GPU
	list    []ops.Window // the same, nil where batches are sent
	started time.Time
	before  float64 // seconds of earlier runs
	logged  float64 // wall seconds at the last line of metrics
	stepped float64 // seconds of steps since then
	waited  float64 // of them, for the loader
	running float64 // mean loss, decaying
	speed   float64 // bio-seconds per second, decaying
	saved   time.Time
}

func fit(ctx context.Context, src source, o FitOptions) (_ *FitResult, err error) {
	r, err := prepare(src, o)
	if err != nil {
		return nil, err
	}
	done, err := enter(o)
	if err != nil {
		return nil, err
	}
	if done {
		return finished(o.OutDir, r.who)
	}
	defer func() {
		if e := r.close(); err == nil && e != nil {
			err = e
		}
	}()
	if err := r.build(ctx, src); err != nil {
		if isCancel(err) {
			err = &InterruptedError{fmt.Sprintf("training of %s stopped before its first step", o.Spec.Title()), err}
		}
		return nil, err
	}
	if err := r.loop(ctx); err != nil {
		return nil, err
	}
	return r.finish(ctx)
}

// prepare checks everything that can be checked before a file is touched.
func prepare(src source, o FitOptions) (*run, error) {
	if o.Resume && o.Overwrite {
		return nil, errors.New("trainer: both resume and overwrite: give one")
	}
	info := src.Info()
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if err := o.Spec.Validate(info.Inputs); err != nil {
		return nil, err
	}
	aux, err := recorded(info, o.Config.Loss.AuxiliaryNames())
	if err != nil {
		return nil, err
	}
	net, err := surrogates.New(o.Spec, inputsOf(&info), len(aux), o.Config.Seed)
	if err != nil {
		return nil, err
	}
	c := o.Config
	c.Fill(net.ReceptiveField(), info.Duration)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if _, err := precision(&c, o.GPU == nil); err != nil {
		return nil, err
	}
	if c.Window > info.Duration {
		return nil, fmt.Errorf("training.window_ms: %d, the data set's episodes last %d ms", c.Window, info.Duration)
	}
	if o.Threads <= 0 {
		o.Threads = team.Cores()
	}
	who := newIdentity(o.Spec, c, info)
	if o.Start != nil {
		if err := o.Start.check(&o, info, c.Loss.AuxiliaryNames()); err != nil {
			return nil, err
		}
		who.Origin = o.Start.Pinned()
	}
	if _, err := split(src, "train"); err != nil {
		return nil, err
	}
	if _, err := split(src, "validation"); err != nil && c.Patience > 0 {
		return nil, fmt.Errorf("training.patience: %w", err)
	}
	return &run{o: o, c: c, net: net, who: who, running: math.NaN(), speed: math.NaN()}, nil
}

// precision is what the device's products are rounded to.
func precision(c *Config, cpu bool) (p ops.Precision, err error) {
	if p, err = ops.ParsePrecision(c.Precision); err == nil && cpu {
		p, err = p.OnCPU()
	}
	if err != nil {
		return p, fmt.Errorf("training.precision: %w", err)
	}
	return p, nil
}

// assemble makes the parts that train.
func (r *run) assemble(ctx context.Context, src source) error {
	train, err := split(src, "train", r.c.Loss.AuxiliaryNames()...)
	if err != nil {
		return err
	}
	c, info := &r.c, train.info
	aux, err := recorded(info, c.Loss.AuxiliaryNames())
	if err != nil {
		return err
	}
	if r.o.Start != nil {
		r.norm = r.o.Start.Model.Normalisation
		r.begin()
	} else {
		if r.norm, err = normalise(ctx, train, c.Voltage.Clip, aux); err != nil {
			return err
		}
		setPrior(r.net, r.norm.Rate)
	}
	if r.load, err = newLoader(train, c); err != nil {
		return err
	}
	r.train = train
	r.fill = func() *filler { return newFiller(r.norm, aux, c.Batch, *c.BurnIn, c.Window, info.Duration) }
	r.rows = make([]window, c.Batch)
	if r.o.GPU != nil {
		if r.gpu, err = ops.OpenDevice(r.o.GPU, ops.DeviceOptions{}); err != nil {
			return fmt.Errorf("trainer: %w", err)
		}
	}
	g := surrogates.GraphOptions{Batch: c.Batch, Time: *c.BurnIn + c.Window, BurnIn: *c.BurnIn, Train: true, Threads: r.o.Threads, Device: r.gpu}
	if g.Precision, err = precision(c, r.gpu == nil); err != nil {
		return err
	}
	if r.graph, err = r.net.Graph(g); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	so := ops.SolverOptions{ClipNorm: c.GradientClip, Team: r.graph.Team(), Device: r.gpu, WeightDecay: -1}
	if c.WeightDecay != nil && *c.WeightDecay > 0 {
		so.WeightDecay = *c.WeightDecay
	}
	if so.ClipNorm == 0 {
		so.ClipNorm = math.MaxFloat32 // never clips, but the norm is measured
	}
	for _, w := range r.net.Weights() {
		if w.Trainable {
			so.Names, so.Decays = append(so.Names, w.Name), append(so.Decays, w.Decays())
			r.params = append(r.params, w.Value)
		}
	}
	if r.solver, err = ops.NewSolver(c.Optimiser, so); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// build makes the parts, goes to where the last checkpoint was and opens the metrics.
func (r *run) build(ctx context.Context, src source) error {
	if err := r.assemble(ctx, src); err != nil {
		return err
	}
	c := &r.c
	var err error
	if r.check, err = newValidation(src, r.net, r.norm, c, r.o.Threads, r.gpu); err != nil {
		return err
	}
	var keep int64
	if r.o.Resume {
		s, bests, err := readCheckpoint(r.o.OutDir, r.who, r.net, r.solver)
		if err != nil {
			return err
		}
		if s != nil {
			r.st, r.best, keep = *s, bests, s.MetricsBytes
			if err := r.net.Upload(r.gpu); err != nil {
				return fmt.Errorf("trainer: %w", err)
			}
		}
	}
	if err := r.feed(ctx); err != nil {
		return err
	}
	if r.log, err = openMetrics(r.o.OutDir, keep); err != nil {
		return err
	}
	if err := r.openBoard(); err != nil {
		return err
	}
	r.started, r.saved = time.Now(), time.Now()
	r.before, r.logged = r.st.Seconds, r.st.Seconds
	return nil
}

// feed lets the batches come.
func (r *run) feed(ctx context.Context) error {
	if err := r.reside(ctx); err != nil {
		return err
	}
	if r.list == nil {
		r.ahead = newAhead(r.load, &r.c, r.st.Step, r.graph.Events(), r.fill, fillers())
	}
	return nil
}

// setPrior starts the spike head's bias at the training split's firing rate (Hz), so that training need not first pull
// every weight down to learn that spikes are rare (Lin et al. 2017, "Focal loss", section 4.1).
func setPrior(net *surrogates.Network, rate float64) {
	p := min(max(rate/1000, 1e-5), 0.5)
	for _, w := range net.Weights() {
		if w.Name == "heads.bias" {
			values(w)[0] = float32(math.Log(p / (1 - p)))
		}
	}
}

func (r *run) close() (first error) {
	if r.ahead != nil {
		r.ahead.close()
	}
	if r.load != nil {
		r.load.wait()
	}
	if r.check != nil {
		r.check.close()
	}
	if r.solver != nil {
		r.solver.Close()
	}
	if r.graph != nil {
		r.graph.Close()
	}
	if r.gpu != nil {
		first = r.gpu.Close()
	}
	if r.board != nil {
		first = errors.Join(first, r.board.Close())
	}
	if r.log != nil {
		return errors.Join(first, r.log.close())
	}
	return first
}

// readBack copies the weights and the solver's state from the GPU to where the rest of the trainer looks.
func (r *run) readBack() error {
	if r.gpu == nil {
		return nil
	}
	if err := r.drain(); err != nil {
		return err
	}
	if err := r.net.ReadBack(r.gpu); err != nil {
		return fmt.Errorf("trainer: step %d: %w", r.st.Step, err)
	}
	if err := r.solver.ReadBack(); err != nil {
		return fmt.Errorf("trainer: step %d: %w", r.st.Step, err)
	}
	return nil
}

// finish writes the model and removes the checkpoints. Training is over: a checkpoint written from here on, should ctx
// end, holds the best weights as the last ones too, and leads back here.
func (r *run) finish(ctx context.Context) (*FitResult, error) {
	if err := r.readBack(); err != nil {
		return nil, err
	}
	if r.best != nil {
		for i, w := range r.net.Weights() {
			copy(values(w), r.best[i])
		}
		if err := r.net.Upload(r.gpu); err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
	}
	m := newModel(r.net, r.info(), r.norm)
	d := &m.Description
	d.Auxiliary, d.Config, d.Origin = r.c.Loss.AuxiliaryNames(), r.c, r.who.Origin
	d.Steps, d.BestStep, d.Seconds, d.BioSeconds = r.st.Step, r.st.Step, r.seconds(), r.bioSeconds(r.st.Step)
	if r.st.Best != nil {
		d.BestStep = r.st.Best.Step
	}
	if r.check != nil {
		var err error
		if d.Validation, d.Threshold, err = r.check.final(ctx); err != nil {
			return nil, r.stopped(err)
		}
	}
	if err := r.log.sync(); err != nil {
		return nil, err
	}
	if err := m.save(r.o.disk, r.o.OutDir); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(r.o.OutDir, checkpointFolder)); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return &FitResult{Description: m.Description, Dir: r.o.OutDir, Stopped: r.st.Step < r.c.Steps}, nil
}

func (r *run) info() traces.Info { return r.load.data.info }

func (r *run) seconds() float64 { return r.before + time.Since(r.started).Seconds() }

// bioSeconds is the scored neuron time of so many steps.
func (r *run) bioSeconds(steps int) float64 {
	return float64(steps) * float64(r.c.Batch) * float64(r.c.batches()) * float64(r.c.Window) / 1000
}
