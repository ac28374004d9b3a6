package equivalence

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"neq/internal/plot"
)

// short writes a count in two or three figures: 950, 8.01k, 1.2M; 6.9×10¹⁴ beyond.
func short(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case a < 1000:
		return plot.Figures(x, 3)
	case a < 999.5e3:
		return plot.Figures(x/1e3, 3) + "k"
	case a < 999.5e6:
		return plot.Figures(x/1e6, 3) + "M"
	}
	return plot.Power(x)
}

// inWords writes 6.88e14 as "690 trillion".
func inWords(x float64) string {
	for _, u := range []struct {
		of   float64
		word string
	}{{1e15, "quadrillion"}, {1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}} {
		if x >= u.of*0.995 && x < u.of*1e4 {
			x, _ = strconv.ParseFloat(strconv.FormatFloat(x/u.of, 'e', 1, 64), 64)
			return strconv.FormatFloat(x, 'f', -1, 64) + " " + u.word
		}
	}
	if x < 1e6 {
		return plot.Integer(int(math.Round(x)))
	}
	return plot.Power(x)
}

// count writes a count in full up to ten million.
func count(x float64) string {
	if x >= 0 && x < 1e7 {
		return plot.Integer(int(math.Round(x)))
	}
	return short(x)
}

// each writes parameters per synapse.
func each(x float64) string {
	if x >= 1000 {
		return count(x)
	}
	return plot.Figures(x, 3)
}

// between writes an interval of a fidelity, both ends with the same decimals: one more than the least where the
// upper end needs it.
func between(low, high float64, least int) string {
	n := min(decimals(high, least), least+1)
	dash := "–"
	if low < 0 {
		dash = " to "
	}
	return plot.Fixed(low, n) + dash + plot.Fixed(high, n)
}

// decimals is how many a fidelity's distance from 1 needs.
func decimals(x float64, least int) int {
	if d := 1 - x; d > 0 && d < 1 {
		return max(least, min(7, int(math.Ceil(-math.Log10(2*d)-1e-9))+1))
	}
	return least
}

// fraction writes a fidelity with as many decimals as its distance from 1 needs: 0.9, 0.9974, 0.99981.
func fraction(x float64, least int) string { return plot.Fixed(x, decimals(x, least)) }

// threshold writes a threshold as it was asked for.
func threshold(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// duration writes seconds as 0.4 s, 38 s, 12 min or 3.1 h.
func duration(s float64) string {
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return "–"
	case s < 100:
		return plot.Figures(s, 2) + " s"
	case s < 100*60:
		return plot.Figures(s/60, 2) + " min"
	case s < 100*3600:
		return plot.Figures(s/3600, 2) + " h"
	}
	return plot.Figures(s/86400, 2) + " days"
}

// metricName is a measure as a reader knows it.
func metricName(metric string) string {
	switch metric {
	case "auc":
		return "ROC AUC"
	case "average_precision":
		return "average precision"
	case "explained_variance":
		return "explained variance of the voltage"
	case "f1_1ms", "f1_2ms", "f1_5ms":
		return "spike F1 within " + strings.TrimSuffix(strings.TrimPrefix(metric, "f1_"), "ms") + " ms"
	}
	return metric
}

// neuronName is the neuron as it is called in a sentence.
func (s *Study) neuronName() string {
	switch m := plot.Printable(s.Neuron.Model); m {
	case "lif":
		return "leaky integrate-and-fire"
	case "adex":
		return "adaptive exponential"
	case "izhikevich":
		return "Izhikevich"
	case "hh":
		return "Hodgkin–Huxley"
	case "l5pc":
		return "layer 5 pyramidal"
	case "":
		return "unnamed"
	default:
		return m
	}
}

// Headline is the answer in one line.
func (s *Study) Headline(a Answer) string {
	if !a.Reached {
		return fmt.Sprintf("No surrogate tried is equivalent to one %s neuron yet.", s.neuronName())
	}
	return fmt.Sprintf("%s parameters are equivalent to one %s neuron.", plot.Integer(a.Parameters), s.neuronName())
}

// Sentences is the answer in full: what reached the fidelity, how sure that is and what just failed.
func (s *Study) Sentences(a Answer) []string {
	name := metricName(a.Metric)
	at := name + " " + threshold(a.Threshold)
	if a.Tried == 0 {
		return []string{"No surrogate has a " + name + " yet: every training failed, or the test episodes do not define it."}
	}
	value := func(c *Candidate) string {
		out := fraction(c.Value, 4)
		if c.Low != nil {
			out += fmt.Sprintf(" (95 %% interval %s)", between(*c.Low, *c.High, 4))
		}
		if c.Seeds > 1 {
			out += fmt.Sprintf(", mean of %d seeds", c.Seeds)
		}
		return out
	}
	var out []string
	if !a.Reached {
		out = append(out, fmt.Sprintf("None of the %s tried reaches %s on unseen episodes.", plot.Plural(a.Tried, "surrogate"), at),
			fmt.Sprintf("The best is %s with %s parameters: %s.", quoted(a.Best), plot.Integer(a.Best.Parameters), value(a.Best)),
			"Train longer, on more episodes, or try larger surrogates.")
		if a.Low != nil {
			out = append(out, fmt.Sprintf("Within its interval, %s parameters may already be enough.", plot.Integer(*a.Low)))
		}
		return out
	}
	out = append(out, fmt.Sprintf("%s is the smallest of %s tried that reaches %s on unseen episodes: %s.",
		quoted(a.Smallest), plot.Plural(a.Tried, "surrogate"), at, value(a.Smallest)))
	switch {
	case a.Below == nil:
		out = append(out, "Nothing smaller was tried, so the true number may be lower.")
	default:
		out = append(out, fmt.Sprintf("The largest tried below it, %s with %s parameters, does not reach it: %s.",
			quoted(a.Below), plot.Integer(a.Below.Parameters), value(a.Below)))
	}
	switch {
	case a.Low != nil && a.High != nil && *a.Low == *a.High:
		out = append(out, "No other surrogate tried is consistent with the threshold: the 95 % interval does not leave this size.")
	case a.Low != nil && a.High != nil:
		out = append(out, fmt.Sprintf("95 %% interval of the answer, among the sizes tried: %s to %s.", plot.Integer(*a.Low), plot.Integer(*a.High)))
	case a.Low != nil:
		out = append(out, fmt.Sprintf("95 %% interval of the answer: from %s up; no surrogate tried reaches the threshold at the lower end of its own interval.",
			plot.Integer(*a.Low)))
	}
	return out
}

// quoted is a candidate's name inside a sentence.
func quoted(c *Candidate) string { return "“" + plot.Cut(c.Name, 60) + "”" }
