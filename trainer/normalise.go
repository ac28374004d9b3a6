package trainer

import (
	"context"
	"fmt"
	"math"
	"strings"

	"neq/data/traces"
)

// Normalisation is what the training split says about the scale of things. Targets are (value - Mean) / SD;
// predictions are turned back with the same numbers. Nothing in it comes from validation or test episodes.
type Normalisation struct {
	Mean      float64          `json:"voltage_mean_mv"`
	SD        float64          `json:"voltage_sd_mv"`       // 1 where the voltage never changes
	Clip      *float64         `json:"voltage_clip_mv"`     // higher voltages were cut to it first
	Rate      float64          `json:"rate_hz"`             // output spikes
	InputRate float64          `json:"input_rate_hz"`       // events per synapse
	Samples   int              `json:"samples"`             // episodes these numbers come from
	Auxiliary []AuxiliaryScale `json:"auxiliary,omitempty"` // in the order of the auxiliary heads
}

// AuxiliaryScale is the scale of one auxiliary target over the training split.
type AuxiliaryScale struct {
	Name string  `json:"name"`
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// normalisationSamples bounds how many training episodes the scale is taken from: beyond some thousand
// seconds of voltage its mean and deviation no longer move in the third digit.
const normalisationSamples = 2000

// normalise measures the training split: all of it up to normalisationSamples, whole shards evenly spaced
// beyond. aux are indices into the recorded variables.
func normalise(ctx context.Context, data episodes, clip *float64, aux []int) (Normalisation, error) {
	var v moments
	extra := make([]moments, len(aux))
	n := Normalisation{Clip: clip}
	from, to := data.shards()
	stride := 1
	if data.count > normalisationSamples {
		stride = (data.count + normalisationSamples - 1) / normalisationSamples
	}
	d := data.info.Duration
	buf := make([]float32, d)
	var events, out int64
	for k := from; k < to; k += stride {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		s, err := data.Shard(k)
		if err != nil {
			return n, err
		}
		a, b := data.inShard(s)
		for i := a; i < b; i++ {
			clipped(buf, s.SomaV[i*d:(i+1)*d], clip)
			v.add(buf)
			for j, r := range aux {
				extra[j].add(s.Extra[r][i*d : (i+1)*d])
			}
		}
		n.Samples += b - a
		events += s.InputStart[b] - s.InputStart[a]
		out += s.SpikeStart[b] - s.SpikeStart[a]
	}
	seconds := float64(n.Samples) * float64(d) / 1000
	n.Mean, n.SD = v.scale()
	n.Rate = float64(out) / seconds
	n.InputRate = float64(events) / seconds / float64(data.info.Inputs)
	for j, r := range aux {
		m, sd := extra[j].scale()
		n.Auxiliary = append(n.Auxiliary, AuxiliaryScale{data.info.Record[r].Name, m, sd})
	}
	return n, nil
}

// moments accumulates mean and variance, row by row (Chan, Golub & LeVeque 1983).
type moments struct{ n, mean, m2 float64 }

// add takes in a row.
func (m *moments) add(x []float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	rows := float64(len(x))
	mean := sum / rows
	var m2 float64
	for _, v := range x {
		e := float64(v) - mean
		m2 += e * e
	}
	delta := mean - m.mean
	m.m2 += m2 + delta*delta*m.n*rows/(m.n+rows)
	m.mean += delta * rows / (m.n + rows)
	m.n += rows
}

func (m *moments) scale() (mean, sd float64) {
	sd = math.Sqrt(m.m2 / m.n)
	if !(sd > 1e-6*max(1, math.Abs(m.mean))) { // it does not move: any scale will do
		sd = 1
	}
	return m.mean, sd
}

// scaled writes (src - mean) / sd, src cut to clip first.
func scaled(dst, src []float32, mean, sd float64, clip *float64) {
	clipped(dst, src, clip)
	a, b := float32(1/sd), float32(-mean/sd)
	for i, v := range dst {
		dst[i] = v*a + b
	}
}

// recorded finds the recorded variables of auxiliary targets.
func recorded(info traces.Info, names []string) ([]int, error) {
	var list []int
	for _, n := range names {
		at := -1
		for i, v := range info.Record {
			if v.Name == n {
				at = i
			}
		}
		if at < 0 {
			have := "none"
			if n := len(info.Record); n > 0 {
				names := make([]string, 0, 21)
				for _, v := range info.Record[:min(n, 20)] {
					names = append(names, v.Name)
				}
				if n > 20 {
					names = append(names, fmt.Sprintf("and %d more", n-20))
				}
				have = strings.Join(names, ", ")
			}
			return nil, fmt.Errorf("training.loss.auxiliary.%s: the data set does not record it (recorded: %s): add it to the simulation's record", n, have)
		}
		list = append(list, at)
	}
	return list, nil
}
