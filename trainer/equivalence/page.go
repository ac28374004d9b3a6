package equivalence

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strconv"
	"strings"

	"neq/internal/plot"
	"neq/trainer/fidelity"
)

//go:embed style/page.html
var pageHTML string

// page is what style/page.html shows. Strings are escaped by the template; template.HTML is SVG made here.
type page struct {
	Version, Title, Neuron, Parameters, Headline, Metric, Asked string
	ThresholdFrom, Clip, Created, Device, BrainWords            string
	Style                                                       template.CSS
	Answer                                                      Answer
	Sentences                                                   []string
	Tiles, Facts                                                []Fact
	Frontier, Split, Brain                                      template.HTML
	Thresholds                                                  []thresholdRow
	Traces, Filters                                             []figure
	Picture                                                     template.URL // an image, in which nothing a file says is run
	Pictured                                                    string
	Rows                                                        []pageRow
	Costs                                                       []costRow
	Baselines                                                   bool
}

type thresholdRow struct {
	At, Parameters, Interval, PerSynapse, Smallest, Below string
	Asked                                                 bool
}

type figure struct {
	Heading, Words string
	Plot           template.HTML
}

type pageRow struct {
	Class, Name, Parameters, Error, AUC, AUCInterval, AP, TPR, F1, Rate, RMSE, Explained, ExplainedInterval string
}

type costRow struct {
	Class, Name, Seed, Rate, Synaptic, Core, MACs, State, Field, Steps, Bio, Training string
}

// title is the question, unless the study has a title of its own.
func (s *Study) title() string {
	if t := strings.TrimSpace(plot.Printable(s.Title)); t != "" {
		return t
	}
	return fmt.Sprintf("How many parameters is one %s neuron?", s.neuronName())
}

// render is the whole page.
func render(s *Study) ([]byte, error) {
	metric, asked := s.question()
	all, err := Candidates(s.Rows, metric)
	if err != nil {
		return nil, err
	}
	a := s.perSynapse(equivalent(all, metric, asked))
	answers, err := s.Answers()
	if err != nil {
		return nil, err
	}
	var front []Candidate
	for _, c := range all {
		if c.Frontier {
			front = append(front, c)
		}
	}
	p := page{
		Version: plot.Printable(s.Version), Title: s.title(), Neuron: s.neuronName(), Parameters: plot.Integer(a.Parameters),
		Headline: s.Headline(a), Metric: metricName(metric), Asked: threshold(asked), Device: plot.Printable(s.Device),
		Style: template.CSS(plot.PageCSS + plot.PlotCSS), Answer: a, Sentences: s.Sentences(a), Tiles: s.tiles(a),
		Facts: s.provenance(), Baselines: len(s.Baselines) > 0,
		Frontier: template.HTML(frontierPlot(s, all, a, false)),
	}
	if !s.Created.IsZero() {
		p.Created = s.Created.UTC().Format("2 January 2006, 15:04 UTC")
	}
	for _, r := range s.Rows {
		if f := r.Fidelity.ThresholdFrom; r.Error == "" && f != "" {
			p.ThresholdFrom = " on the logit, from " + f
			if f == "validation" {
				p.ThresholdFrom = ", chosen on validation episodes"
			}
			break
		}
	}
	if t := s.Neuron.Threshold; t != 0 {
		p.Clip = ", clipped at the spike threshold of " + plot.Figures(t, 4) + " mV where the surrogate's target was"
	}
	for _, t := range answers {
		p.Thresholds = append(p.Thresholds, s.thresholdRow(t, asked))
	}
	if len(front) > 0 {
		p.Split = template.HTML(splitPlot(front, a))
	}
	if a.Reached {
		p.Brain, p.BrainWords = template.HTML(brainPlot(s, a)), s.brainWords(a)
	}
	p.Traces, p.Filters = s.traceFigures(all, a), s.filterFigures(all, a)
	p.Rows, p.Costs = s.pageRows(all, a)
	if svg := s.Neuron.Picture; strings.HasPrefix(svg, "<svg ") {
		p.Picture = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)))
		p.Pictured = plot.Printable(s.Neuron.Colours)
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("equivalence: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("equivalence: %w", err)
	}
	return []byte(b.String()), nil
}

// tiles are the figures under the headline.
func (s *Study) tiles(a Answer) []Fact {
	if !a.Reached {
		return nil
	}
	c := a.Smallest
	t := []Fact{
		{metricName(a.Metric) + ", unseen episodes", fraction(c.Value, 4)},
		{"synaptic + core parameters", plot.Integer(c.Synaptic) + " + " + plot.Integer(c.Core)},
	}
	if a.PerSynapse > 0 {
		t = append(t, Fact{"parameters per synapse", each(a.PerSynapse)})
	}
	if c.MACs > 0 {
		t = append(t, Fact{"multiply-accumulates per ms", count(c.MACs)})
	}
	if c.State > 0 {
		t = append(t, Fact{"state values per ms", count(c.State)})
	}
	return append(t, Fact{"times 86 billion neurons", plot.Power(HumanNeurons * float64(a.Parameters))})
}

func (s *Study) thresholdRow(t Answer, asked float64) thresholdRow {
	r := thresholdRow{At: threshold(t.Threshold), Asked: t.Threshold == asked, Parameters: "not reached", Interval: interval(t),
		PerSynapse: "–", Smallest: "–", Below: "nothing smaller tried"}
	if t.Reached {
		r.Parameters, r.Smallest = plot.Integer(t.Parameters), plot.Cut(t.Smallest.Name, 40)
		if t.PerSynapse > 0 {
			r.PerSynapse = each(t.PerSynapse)
		}
	}
	if t.Below != nil {
		r.Below = plot.Integer(t.Below.Parameters) + " (" + fraction(t.Below.Value, 3) + ")"
	}
	return r
}

// interval is the interval of an answer in a few words.
func interval(t Answer) string {
	switch {
	case t.Low != nil && t.High != nil && *t.Low == *t.High:
		return plot.Integer(*t.Low) + " only"
	case t.Low != nil && t.High != nil:
		return plot.Integer(*t.Low) + "–" + plot.Integer(*t.High)
	case t.Low != nil:
		return "from " + plot.Integer(*t.Low) + " up"
	}
	return "–"
}

func (s *Study) brainWords(a Answer) string {
	b := s.Brain(a)
	w := fmt.Sprintf("86 billion neurons of %s parameters each make %s (%s) parameters", plot.Integer(a.Parameters), inWords(b.Parameters), plot.Power(b.Parameters))
	switch r := b.OverSynapses; {
	case r >= 2:
		w += fmt.Sprintf(", %s times the 10¹⁵ one gets by counting every synapse as one parameter.", plot.Figures(r, 2))
	case r >= 0.5:
		w += ", about what one gets by counting each of 10¹⁵ synapses as one parameter."
	default:
		w += fmt.Sprintf(", %s %% of the 10¹⁵ one gets by counting every synapse as one parameter.", plot.Figures(100*r, 2))
	}
	if a.PerSynapse > 0 {
		w += fmt.Sprintf(" The neuron studied has %s, so %s parameters each;", plot.Plural(s.synapses(), "synapse"), each(a.PerSynapse))
		w += fmt.Sprintf(" with 10¹⁵ synapses at the same synaptic cost and a core for every neuron it would be %s.", plot.Power(b.BySynapse))
	}
	if b.MACsPerSecond > 0 {
		w += fmt.Sprintf(" Run in real time it would take %s multiply-accumulates a second, at the input rates of this study.", plot.Power(b.MACsPerSecond))
	}
	return w
}

// provenance is where the numbers come from.
func (s *Study) provenance() []Fact {
	var f []Fact
	add := func(name, value string) {
		if value = strings.TrimSpace(plot.Printable(value)); value != "" {
			f = append(f, Fact{plot.Printable(name), value})
		}
	}
	model := s.Neuron.Model
	if s.Neuron.Set != "" {
		model += ", parameter set " + s.Neuron.Set
	}
	add("Neuron model", model)
	var groups []string
	for _, g := range s.Neuron.Synapses {
		words := plot.Integer(g.Count) + " " + g.Name
		about := []string{g.Kind, g.Weight}
		if g.Kind == g.Name {
			about[0] = ""
		}
		if about = slices.DeleteFunc(about, func(s string) bool { return s == "" }); len(about) > 0 {
			words += " (" + strings.Join(about, ", ") + ")"
		}
		groups = append(groups, words)
	}
	add("Synapses", strings.Join(groups, "; "))
	add("Input", s.Stimulus)
	if d := s.Data; d.Duration > 0 {
		add("Episodes", fmt.Sprintf("%s to train, %s to validate, %s to test, of %s s each; the first %s of each not scored; seed %d",
			plot.Integer(d.Train), plot.Integer(d.Validation), plot.Integer(d.Test), plot.Figures(float64(d.Duration)/1000, 4), milliseconds(d.BurnIn), d.Seed))
	}
	for _, r := range s.Rows {
		if r.Error == "" && r.Fidelity.Bins > 0 {
			add("Scored", fmt.Sprintf("%s episodes, %s ms, %s (%s Hz)", plot.Integer(r.Fidelity.Episodes), plot.Integer(r.Fidelity.Bins),
				plot.Plural(r.Fidelity.Spikes, "spike"), plot.Figures(r.Fidelity.Rate, 3)))
			break
		}
	}
	for _, x := range s.Facts {
		add(x.Name, x.Value)
	}
	add("Device", s.Device)
	add("Version", s.Version)
	return f
}

func milliseconds(n int) string { return plot.Integer(n) + " ms" }

func receptive(n int) string {
	if n == 0 {
		return "all of the past"
	}
	return milliseconds(n)
}

// pageRows are the trained surrogates by size, then the baselines.
func (s *Study) pageRows(all []Candidate, a Answer) (out []pageRow, costs []costRow) {
	rows := sound(s.Rows)
	answer := map[int]bool{}
	for _, c := range all {
		if isAnswer(c, a) {
			for _, i := range c.Rows {
				answer[i] = true
			}
		}
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return rows[order[i]].Parameters < rows[order[j]].Parameters })
	for _, i := range order {
		r := rows[i]
		p := fidelityRow(r.Fidelity)
		p.Name, p.Parameters, p.Error = plot.Cut(r.Name, 48), plot.Integer(r.Parameters), plot.Printable(r.Error)
		if r.Error != "" {
			p.Class, p.Rate = "failed", "–"
		} else if answer[i] {
			p.Class = "answer"
		}
		out = append(out, p)
		costs = append(costs, costRow{p.Class, p.Name, strconv.FormatUint(r.Seed, 10), p.Rate, plot.Integer(r.Synaptic), plot.Integer(r.Core), count(r.MACs),
			count(r.State), receptive(r.ReceptiveField), plot.Integer(r.Steps), duration(r.BioSeconds), duration(r.TrainSeconds)})
	}
	for _, b := range s.Baselines {
		p := fidelityRow(b.Fidelity)
		p.Name, p.Class, p.Parameters = "baseline: "+plot.Printable(b.Name), "failed", "–"
		out = append(out, p)
	}
	return out, costs
}

func fidelityRow(f fidelity.Result) pageRow {
	p := pageRow{AUC: "–", AP: "–", TPR: "–", F1: "–", RMSE: "–", Explained: "–"}
	if f.SpikesUndefined == "" {
		p.AUC, p.AP = fraction(f.AUC, 4), fraction(f.AveragePrecision, 3)
		p.AUCInterval = intervalOf(f.AUCInterval, 4)
	}
	var tpr, f1 []string
	for _, o := range f.Operating {
		tpr = append(tpr, plot.Fixed(100*o.TruePositives, 1)+" %")
	}
	for _, x := range f.F1 {
		f1 = append(f1, fraction(x.F1, 2))
	}
	if len(tpr) > 0 {
		p.TPR = strings.Join(tpr, " / ")
	}
	if len(f1) > 0 {
		p.F1 = strings.Join(f1, " / ")
	}
	p.Rate = fmt.Sprintf("%s (%s)", plot.Figures(f.PredictedRate, 3), plot.Figures(f.Rate, 3))
	if f.VoltageUndefined == "" {
		p.RMSE, p.Explained = plot.Figures(f.RMSE, 3)+" mV", fraction(f.ExplainedVariance, 3)
		p.ExplainedInterval = intervalOf(f.ExplainedInterval, 3)
	}
	return p
}

func intervalOf(in *fidelity.Interval, least int) string {
	if in == nil {
		return ""
	}
	return between(in.Low, in.High, least)
}
