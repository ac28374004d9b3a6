package trainer

import (
	"context"
	"math"

	"neq/data/traces"
	"neq/trainer/equivalence"
)

// pick is the stretch of a held-out episode that every surrogate of a sweep is shown on.
type pick struct {
	shard *traces.Shard // that one sample alone
	info  traces.Info
	start int // ms
	size  int // ms
}

// Lengths of what is shown.
const (
	shownMs       = 2000 // of an episode
	shownEpisodes = 32   // looked through for spikes
	shownSpikes   = 3    // enough of them to stop looking
)

// pickExample takes the first stretch of the split with a few output spikes, after the burn-in; where there is none
// in the first episodes, the one with most.
func pickExample(data episodes, burn int) (pick, error) {
	p := pick{info: data.info, size: min(shownMs, data.info.Duration-burn)}
	most := -1
	err := data.each(shownEpisodes, func(s *traces.Shard, from, to int) error {
		for i := from; i < to; i++ {
			if most >= shownSpikes {
				return nil
			}
			t := s.SpikeTime[s.SpikeStart[i]:s.SpikeStart[i+1]]
			for start := burn; start+p.size <= data.info.Duration; start += max(1, p.size/4) {
				a, b := between(t, float32(start), float32(start+p.size))
				if b-a > most {
					most, p.start = b-a, start
					p.shard = excerpt(s, i, i+1, data.info.Duration)
				}
			}
		}
		return nil
	})
	return p, err
}

// example is what the model says about the picked stretch.
func (m *Model) example(ctx context.Context, p pick, threads int) (equivalence.Example, error) {
	all, err := m.Predict(ctx, p.info, p.shard, threads)
	if err != nil {
		return equivalence.Example{}, err
	}
	from, to := p.start, p.start+p.size
	e := equivalence.Example{Surrogate: m.Title, Sample: p.shard.First, Start: from, V: p.shard.SomaV[from:to]}
	if m.Config.predictsVoltage() {
		e.PredictedV = all[0].Voltage[from:to]
	}
	for _, x := range all[0].Logit[from:to] {
		e.Probability = append(e.Probability, float32(logistic(float64(x))))
	}
	if m.Threshold != nil {
		e.Threshold = logistic(*m.Threshold)
	}
	a, b := between(p.shard.SpikeTime, float32(from), float32(to))
	for _, t := range p.shard.SpikeTime[a:b] {
		e.Spikes = append(e.Spikes, float64(t))
	}
	a, b = between(p.shard.InputTime, float32(from), float32(to))
	for _, g := range p.info.Synapses {
		r := equivalence.Raster{Name: g.Name, Count: g.Count}
		for k := a; k < b; k++ {
			if y := int(p.shard.InputSynapse[k]) - g.First; y >= 0 && y < g.Count {
				r.Time, r.Synapse = append(r.Time, p.shard.InputTime[k]), append(r.Synapse, int32(y))
			}
		}
		e.Inputs = append(e.Inputs, r)
	}
	return e, nil
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// filters are the first layer's weights by group of synapses; none where those are not temporal filters. A single filter is multiplied by its spike head's weight,
// so that positive always means "towards a spike".
func (m *Model) filters() equivalence.Filters {
	f := equivalence.Filters{Surrogate: m.Title}
	sign := 1.0
	for _, w := range m.Network.Weights() {
		if m.Spec.Family == "filter" && w.Name == "heads.weight" {
			sign = float64(values(w)[0])
		}
	}
	for _, w := range m.Network.Weights() {
		shape, data := w.Value.Shape(), values(w) // [synapse][lag][channel]
		if !w.Synaptic || len(shape) != 3 {       // a branch's slots have no filter
			continue
		}
		taps, channels := shape[1], shape[2]
		f.Channels = channels
		for _, g := range m.Synapses {
			out := equivalence.GroupFilter{Name: g.Name, Kind: g.Kind, Count: g.Count, Mean: make([]float64, taps), Spread: make([]float64, taps)}
			if g.Count == 0 {
				continue
			}
			for k := range taps {
				var mean, square, all float64 // of one value a synapse: its weight, or the root mean square over channels
				for y := g.First; y < g.First+g.Count; y++ {
					v := sign * float64(data[(y*taps+k)*channels])
					if channels > 1 {
						v = 0
						for _, x := range data[(y*taps+k)*channels : (y*taps+k+1)*channels] {
							v += float64(x) * float64(x)
						}
						all += v
						v = math.Sqrt(v / float64(channels))
					}
					mean += v
					square += v * v
				}
				n := float64(g.Count)
				mean /= n
				out.Mean[k], out.Spread[k] = mean, math.Sqrt(max(0, square/n-mean*mean))
				if channels > 1 {
					out.Mean[k] = math.Sqrt(all / n / float64(channels))
				}
			}
			f.Groups = append(f.Groups, out)
		}
		break
	}
	return f
}
