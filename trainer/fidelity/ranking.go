package fidelity

import (
	"math"
	"slices"
)

// maxGroups bounds the matrix of ordered pairs to 32 MB. Where there are more episodes, episode i is in
// group i mod maxGroups and the bootstrap draws groups.
const maxGroups = 2048

// ranking is every bin in ascending order of its score, and how the bins of two groups of episodes are
// ordered against each other.
type ranking struct {
	keys      []uint64  // score in the high word as an ordered integer, group<<1 | spike in the low
	groups    int       // episodes, or groups of them
	ordered   []float64 // [i*groups+j] pairs (spike of i, silence of j) in the right order, ties a half
	positives []float64 // spikes of a group
	negatives []float64 // bins of a group without one
}

// orderable maps a float32 to an integer of the same order.
func orderable(x float32) uint32 {
	b := math.Float32bits(x)
	if b&(1<<31) != 0 {
		return ^b
	}
	return b | 1<<31
}

// unordered undoes orderable.
func unordered(key uint64) float64 {
	b := uint32(key >> 32)
	if b&(1<<31) != 0 {
		return float64(math.Float32frombits(b &^ (1 << 31)))
	}
	return float64(math.Float32frombits(^b))
}

// rank sorts the bins and counts the ordered pairs.
func (s *Scorer) rank() *ranking {
	k := &ranking{keys: make([]uint64, 0, s.bins), groups: min(len(s.logits), maxGroups)}
	k.positives = make([]float64, k.groups)
	k.negatives = make([]float64, k.groups)
	for e, logit := range s.logits {
		g := e % k.groups
		first := len(k.keys)
		for _, x := range logit {
			k.keys = append(k.keys, uint64(orderable(x))<<32|uint64(g)<<1)
		}
		for _, t := range s.spikes[e] {
			k.keys[first+int(t)] |= 1
		}
		k.positives[g] += float64(len(s.spikes[e]))
		k.negatives[g] += float64(len(logit) - len(s.spikes[e]))
	}
	slices.Sort(k.keys)
	k.countPairs()
	return k
}

// countPairs fills ordered in one pass from the lowest score to the highest. A spike of group i scores
// against all silent bins below it, whose number by group is kept, and half against those that tie with it.
func (k *ranking) countPairs() {
	n := k.groups
	k.ordered = make([]float64, n*n)
	below := make([]float64, n)
	tiedNeg, tiedPos := make([]float64, n), make([]float64, n)
	var neg, pos []int // groups with a bin in the present tie
	for a := 0; a < len(k.keys); {
		b := a
		for ; b < len(k.keys) && k.keys[b]>>32 == k.keys[a]>>32; b++ {
			g := int(uint32(k.keys[b]) >> 1)
			if k.keys[b]&1 != 0 {
				if tiedPos[g] == 0 {
					pos = append(pos, g)
				}
				tiedPos[g]++
			} else {
				if tiedNeg[g] == 0 {
					neg = append(neg, g)
				}
				tiedNeg[g]++
			}
		}
		for _, i := range pos {
			row, c := k.ordered[i*n:(i+1)*n], tiedPos[i]
			for j, m := range below {
				row[j] += c * m
			}
			for _, j := range neg {
				row[j] += c * tiedNeg[j] / 2
			}
			tiedPos[i] = 0
		}
		for _, j := range neg {
			below[j] += tiedNeg[j]
			tiedNeg[j] = 0
		}
		pos, neg = pos[:0], neg[:0]
		a = b
	}
}

// auc is the probability that a spike's bin outscores a silent bin, ties counting half (Hanley & McNeil
// 1982), with group g taken draws[g] times; nil takes each once. NaN where a side is empty.
func (k *ranking) auc(draws []float64) float64 {
	n := k.groups
	var right, pos, neg float64
	for i := range n {
		c := 1.0
		if draws != nil {
			c = draws[i]
		}
		pos += c * k.positives[i]
		neg += c * k.negatives[i]
		if c == 0 || k.positives[i] == 0 {
			continue
		}
		row := k.ordered[i*n : (i+1)*n]
		right += c * dot(row, draws)
	}
	return right / (pos * neg)
}

// dot is the sum of a, weighted by b where b is given. Four sums hide the latency of the additions.
func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	if b == nil {
		for _, x := range a {
			s0 += x
		}
		return s0
	}
	b = b[:len(a)]
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// descend calls f once for each distinct score from the highest down, with the spikes and silent bins that
// reach it, until f returns false.
func (k *ranking) descend(f func(at float64, hits, alarms int) bool) {
	hits, alarms := 0, 0
	for i := len(k.keys) - 1; i >= 0; i-- {
		if k.keys[i]&1 != 0 {
			hits++
		} else {
			alarms++
		}
		if i > 0 && k.keys[i-1]>>32 == k.keys[i]>>32 {
			continue
		}
		if !f(unordered(k.keys[i]), hits, alarms) {
			return
		}
	}
}

// totals are the numbers of spikes and silent bins.
func (k *ranking) totals() (pos, neg float64) {
	for g := range k.groups {
		pos += k.positives[g]
		neg += k.negatives[g]
	}
	return pos, neg
}

// averagePrecision is the sum over thresholds of precision times the gain in recall, without
// interpolation (Davis & Goadrich 2006 show why not to interpolate).
func (k *ranking) averagePrecision() float64 {
	pos, _ := k.totals()
	var sum float64
	last := 0
	k.descend(func(_ float64, hits, alarms int) bool {
		sum += float64(hits-last) / pos * float64(hits) / float64(hits+alarms)
		last = hits
		return float64(hits) < pos
	})
	return sum
}

// operating is the true-positive rate at the lowest threshold whose false-positive rate is at most fpr.
func (k *ranking) operating(fpr float64) Operating {
	pos, neg := k.totals()
	o := Operating{FalsePositives: fpr, Threshold: k.silent()}
	k.descend(func(at float64, hits, alarms int) bool {
		if float64(alarms) > fpr*neg {
			return false
		}
		o.TruePositives, o.Threshold = float64(hits)/pos, at
		return true
	})
	return o
}

// silent is a threshold that no score reaches.
func (k *ranking) silent() float64 {
	return math.Nextafter(unordered(k.keys[len(k.keys)-1]), math.Inf(1))
}

// atCount is the threshold that the number of bins nearest to count reach.
func (k *ranking) atCount(count int) float64 {
	best, distance := k.silent(), count
	k.descend(func(at float64, hits, alarms int) bool {
		d := hits + alarms - count
		if d < 0 {
			d = -d
		}
		if d <= distance {
			best, distance = at, d
		}
		return hits+alarms < count
	})
	return best
}
