package simulate

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"neq/data/traces"
)

// What a window keeps is what the same sample has where every step is kept, and what is kept at whole ms does not depend
// on windows.
func TestWindows(t *testing.T) {
	c := everything(7)
	c.Simulation.Dt, c.Simulation.Record = 0.025, []string{"m", "n"}
	bare := plan(t, c)
	all := c
	all.Simulation.Windows = []Window{{Start: 0, Stop: 100, Every: 0.025}}
	some := c
	some.Simulation.Windows = []Window{{Start: 20, Stop: 30, Every: 0.125}, {Start: 4.5, Stop: 100, Every: 2.5}, {Start: 99, Stop: 100, Every: 5}}
	fine, p := plan(t, all), plan(t, some)
	if fine.every != 1 || p.every != 5 || bare.every != 40 {
		t.Errorf("records every %d, %d and %d steps, want 1, 5 and 40", fine.every, p.every, bare.every)
	}
	shard := func(p *Plan) *traces.Shard {
		s, err := p.Shard(context.Background(), device(t, 2), 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want, whole, got := shard(bare), shard(fine), shard(p)
	if !slices.Equal(got.SomaV, want.SomaV) || !slices.Equal(got.Extra[1], want.Extra[1]) || !slices.Equal(whole.SomaV, want.SomaV) || !slices.Equal(got.SpikeTime, want.SpikeTime) {
		t.Error("windows change what is kept at whole ms")
	}
	if len(got.Windows) != 3 || len(got.Windows[0]) != 3 {
		t.Fatalf("%d windows", len(got.Windows))
	}
	for j, w := range p.Info.Windows {
		n := w.Values()
		if want := []int{80, 39, 1}[j]; n != want {
			t.Errorf("window %d keeps %d values, want %d", j, n, want)
		}
		for v := range got.Windows[j] {
			for i := range got.Samples {
				for k := range n {
					step := int(math.Round((w.Start + float64(k)*w.Every) / 0.025))
					if a, b := got.Windows[j][v][i*n+k], whole.Windows[0][v][i*4000+step]; a != b {
						t.Fatalf("window %d, variable %d, sample %d, value %d: %g, want %g", j, v, i, k, a, b)
					}
				}
			}
		}
	}
	if a, b := digest(t, write(t, p, 1)), digest(t, write(t, plan(t, some), 3)); a != b {
		t.Error("three threads write other bytes than one")
	}
}

func TestBadRecording(t *testing.T) {
	for key, spoil := range map[string]func(*Simulation){
		"simulation: a shard takes": func(s *Simulation) {
			s.Duration, s.SamplesPerShard, s.Samples.Train, s.Windows = 100000, 64, 64, []Window{{0, 100000, 0.01}}
			s.Dt = 0.01
		},
		"simulation: event_capacity is":        func(s *Simulation) { s.Duration, s.SamplesPerShard, s.Samples.Train = 100000, 20000, 20000 },
		"simulation.windows[0].start_ms: from": func(s *Simulation) { s.Windows = []Window{{5, 5, 1}} },
		"simulation.windows[1].start_ms: from": func(s *Simulation) { s.Windows = []Window{{0, 5, 1}, {90, 101, 1}} },
		"simulation.windows[0].start_ms: 0.03": func(s *Simulation) { s.Windows = []Window{{0.03, 5, 1}} },
		"simulation.windows[0].every_ms: 0.13": func(s *Simulation) { s.Windows = []Window{{0, 5, 0.13}} },
		"simulation.windows[0].every_ms: 0.01": func(s *Simulation) { s.Windows = []Window{{0, 5, 0.01}} },
		"simulation.record_precision":          func(s *Simulation) { s.RecordPrecision = "double" },
		"simulation.record[1]":                 func(s *Simulation) { s.Record = []string{"m", "m"} },
	} {
		c := everything(4)
		spoil(&c.Simulation)
		if _, err := NewPlan(c, "test", ""); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("error %q, want one about %s", err, key)
		}
	}
}

// Where neither is asked for, shards hold 64 samples, or as many as make 256 MB.
func TestShardSize(t *testing.T) {
	c := integrateAndFire(1000)
	c.Simulation.SamplesPerShard = 0
	if n := plan(t, c).Info.SamplesPerShard; n != 64 {
		t.Errorf("%d samples in a shard, want 64", n)
	}
	c = everything(1000)
	c.Simulation.SamplesPerShard, c.Simulation.Duration = 0, 6000
	c.Simulation.Dt, c.Simulation.Windows = 0.01, []Window{{0, 6000, 0.01}}
	if n := plan(t, c).Info.SamplesPerShard; n < 5 || n > 32 { // 600,000 values of v and m, twice: 10 MB
		t.Errorf("%d samples in a shard, want about 25", n)
	}
}
