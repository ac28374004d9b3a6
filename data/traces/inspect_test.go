package traces

import (
	"math"
	"testing"
)

// Inspect against sums over everything at once.
func TestInspect(t *testing.T) {
	in := full()
	dir := whole(t, in)
	calls := 0
	st, err := Inspect(dir, func(done, total int) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	var v, rates []float64
	events := []float64{0, 0}
	silent := 0
	for k := range in.Shards() {
		s := fake(in, k)
		for _, x := range s.SomaV {
			v = append(v, float64(x))
		}
		for _, syn := range s.InputSynapse {
			if syn < 30 {
				events[0]++
			} else {
				events[1]++
			}
		}
		for i := range s.Samples {
			n := s.SpikeStart[i+1] - s.SpikeStart[i]
			if n == 0 {
				silent++
			}
			rates = append(rates, float64(n)/0.06)
		}
	}
	moments := func(v []float64) (mean, sd float64) {
		for _, x := range v {
			mean += x / float64(len(v))
		}
		for _, x := range v {
			sd += (x - mean) * (x - mean) / float64(len(v)-1)
		}
		return mean, math.Sqrt(sd)
	}
	vMean, vSD := moments(v)
	rMean, rSD := moments(rates)
	seconds := 23 * 0.06
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"neuron-seconds", st.NeuronSeconds, seconds},
		{"voltage mean", st.Voltage.Mean, vMean}, {"voltage sd", st.Voltage.SD, vSD},
		{"rate mean", st.RateMean, rMean}, {"rate sd", st.RateSD, rSD},
		{"silent", st.Silent, float64(silent) / 23},
		{"exc rate", st.Groups[0].Rate, events[0] / 30 / seconds}, {"inh rate", st.Groups[1].Rate, events[1] / 10 / seconds},
		{"events", float64(st.Events), events[0] + events[1]},
		{"bytes", st.BytesPerSecond, float64(st.Bytes) / seconds},
	} {
		// Rates pass through float32: 6e-8 relative.
		if math.Abs(c.got-c.want) > 1e-7*math.Abs(c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if st.Voltage.Min >= vMean-vSD || st.Voltage.Max <= vMean+vSD || len(st.Record) != 4 || st.Record[1].Name != "h_gate" ||
		st.Record[2].Name != "v" || len(st.Record[2].Sites) != 2 || st.Record[2].Min < 0 || st.Record[2].Max > 1.5 {
		t.Errorf("summaries %+v %+v", st.Voltage, st.Record)
	}
	if c := st.Cell; c.Segments != 3 || len(c.Regions) != 2 || c.Regions[1] != (RegionStats{"apic", 2, 80, 0}) || c.Regions[0].Synapses != 40 {
		t.Errorf("cell %+v", c)
	}
	if calls != in.Shards() || len(st.Devices) != 1 || st.Devices[0] != in.Device {
		t.Errorf("%d calls, devices %v", calls, st.Devices)
	}
}
