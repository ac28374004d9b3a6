package traces

import (
	"path/filepath"
	"testing"
)

// benchInfo is a shard as the integrate-and-fire experiment has it: 6 s of 1278 inputs at about 5 Hz.
func benchInfo() Info {
	in := example()
	in.Samples, in.SamplesPerShard, in.Duration, in.Record = 32, 32, 6000, nil
	in.Splits = []Split{{"train", 0, 32}}
	in.Synapses, in.Inputs = []SynapseInfo{{"all", "delta", 0, 1278}}, 1278
	in.EventCapacity, in.SpikeCapacity = 32*40000, 32*120
	return in
}

func BenchmarkWrite(b *testing.B) {
	in := benchInfo()
	s := fake(in, 0)
	w, err := Create(filepath.Join(b.TempDir(), "set"), in, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(in.shardBytes())
	b.ReportAllocs()
	for b.Loop() {
		if err := w.write(0, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	in := benchInfo()
	s, err := Open(whole(b, in))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(in.shardBytes())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Shard(0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Bytes())/(32*6), "diskB/bio-s")
}
