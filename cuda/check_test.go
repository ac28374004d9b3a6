package cuda

import (
	"context"
	"strings"
	"testing"
)

// wrong is a device whose cells are off by a little.
type wrong struct {
	Device
	by float32
}

func (w wrong) Run(ctx context.Context, p *Program, b *Batch) error {
	err := w.Device.Run(ctx, p, b)
	b.Trace[0][7] += w.by
	return err
}

func TestCheck(t *testing.T) {
	for _, isa := range CPUISAs() {
		d, err := NewCPU(CPUOptions{Threads: 1, ISA: isa})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := Check(context.Background(), d); err != nil {
			t.Errorf("%s: %v", isa, err)
		}
		for _, p := range []*Program{checkPoint(), checkTree(Euler), checkTree(TwoStage)} { // something to compare
			b := &Batch{Lanes: 1, Steps: 800, Every: 40, Record: []int{0}, Current: []Current{{From: 200, To: 600, Amp: []float32{0.36}}}}
			if p.Tree == nil {
				b.Current[0].Amp[0] = 12
			}
			if err := d.Run(context.Background(), p, b); err != nil || len(b.SpikeTime) == 0 {
				t.Errorf("%s: no spikes, %v", isa, err)
			}
		}
		if err := Check(context.Background(), wrong{d, 6}); err == nil || !strings.Contains(err.Error(), "cell 0 after 7 ms") {
			t.Errorf("a wrong voltage: %v", err)
		}
	}
}
