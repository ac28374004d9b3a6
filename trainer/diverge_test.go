package trainer

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"neq/data/traces"
)

// lonely is data whose last synapse is active in sample 9 alone.
type lonely struct{ memory }

func (l lonely) Shard(k int) (*traces.Shard, error) {
	s, err := l.memory.Shard(k)
	if err != nil {
		return nil, err
	}
	last := int32(l.excitatory + l.inhibitory - 1)
	for i := range s.Samples {
		for e := s.InputStart[i]; e < s.InputStart[i+1]; e++ {
			if s.InputSynapse[e] == last && s.First+i != 9 {
				s.InputSynapse[e] = 0
			}
		}
	}
	return s, nil
}

// diverging fits with a rate that throws the weights out of float32 and gives the error with all that it names.
func diverging(t *testing.T, o FitOptions) *DivergenceError {
	t.Helper()
	_, err := Fit(context.Background(), o)
	var d *DivergenceError
	if !errors.As(err, &d) {
		t.Fatalf("error %v, want a divergence", err)
	}
	t.Log(err)
	for _, want := range []string{"training diverged at step", ", in the batch of sample ", "lower training.learning_rate, 1e+30 in this step", "--find-rate", "--overwrite"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q in it", err, want)
		}
	}
	return d
}

// windowsAt are those of a step, as a loader that reads the shards chooses them.
func windowsAt(t *testing.T, o FitOptions, step int) []BatchWindow {
	t.Helper()
	src := memory{synthetic: small()}
	data, err := split(src, "train")
	if err != nil {
		t.Fatal(err)
	}
	c := o.Config
	c.Fill(60, data.info.Duration)
	l, err := newLoader(data, &c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.wait()
	rows := make([]window, c.Batch*c.batches())
	if err := l.windows(step, 0, rows); err != nil {
		t.Fatal(err)
	}
	var list []BatchWindow
	for _, w := range rows {
		sample := w.shard.First + w.local
		list = append(list, BatchWindow{sample / data.info.SamplesPerShard, sample, w.start, w.start + c.Window})
	}
	return list
}

// A divergence names its step, the windows that step was made from, and the checkpoint that is left.
func TestDivergenceNamesTheBatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"one batch", func(*Config) {}},
		{"several", func(c *Config) { c.Batch, c.Accumulate = 2, 3 }},
		{"voltage alone", func(c *Config) { c.Loss.Spike, c.Loss.Voltage = ptr(0.0), ptr(1.0) }},
	} {
		o := quick()
		o.Config.LearningRate, o.Config.Schedule, o.Config.CheckpointEvery, o.Config.GradientClip = 1e30, "constant", 1e-9, 0
		c.change(&o.Config)
		o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
		d := diverging(t, o)
		steps, err := checkpoints(o.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		if len(steps) > 0 && d.Checkpoint != steps[len(steps)-1] || len(steps) == 0 && d.Checkpoint != -1 || d.Checkpoint > d.Step {
			t.Errorf("%s: at step %d, checkpoint %d named, %v there", c.name, d.Step, d.Checkpoint, steps)
		}
		all := windowsAt(t, o, max(0, d.Step))
		before := windowsAt(t, o, max(0, d.Step-1)) // where it shows in the weights only after the step
		for _, w := range d.Batch {
			if !slices.Contains(all, w) && !slices.Contains(before, w) {
				t.Errorf("%s: %+v is no window of step %d", c.name, w, d.Step)
			}
		}
	}
}

// Only the windows whose predictions are not finite are named where the others' are: a synapse of the last sample with an
// infinite weight.
func TestDivergenceNamesTheWindow(t *testing.T) {
	o := quick()
	o.Config.Steps = 5
	o.OutDir = t.TempDir()
	src := lonely{memory{synthetic: small()}}
	r, err := prepare(src, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := r.build(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	for _, w := range r.net.Weights() {
		if w.Synaptic {
			v := values(w)
			for i := 10 * len(v) / 11; i < len(v); i++ { // the last of 11 synapses
				v[i] = float32(math.Inf(1))
			}
		}
	}
	for {
		err := r.step()
		var d *DivergenceError
		if err == nil {
			continue
		}
		if !errors.As(err, &d) {
			t.Fatal(err)
		}
		for _, w := range d.Batch {
			if w.Sample != 9 || w.Shard != 1 {
				t.Errorf("%+v was named, the synapse is active in sample 9 alone", w)
			}
		}
		if len(d.Batch) == 0 {
			t.Error("no window was named")
		}
		return
	}
}
