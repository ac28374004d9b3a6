package trainer

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"neq/data/traces"
	"neq/internal/npz"
	"neq/internal/npz/npztest"
)

// reference is the folder of the reference data; the test skips where it is not there.
func reference(t *testing.T, path string) string {
	t.Helper()
	for _, root := range []string{os.Getenv("NEQ_REFERENCE"), "../../shared/reference"} {
		if root != "" {
			if _, err := os.Stat(filepath.Join(root, path)); err == nil {
				return root
			}
		}
	}
	t.Skipf("reference data: set NEQ_REFERENCE to the folder that holds %s", path)
	return ""
}

// replayed are traces that NEURON made of the layer 5 cell, as a data set in memory.
type replayed struct {
	info  traces.Info
	shard *traces.Shard
}

func (r replayed) Info() traces.Info                { return r.info }
func (r replayed) Shard(int) (*traces.Shard, error) { return r.shard, nil }

// neuronTraces reads the traces of cells with NMDA under the published protocol: nmda_*.
func neuronTraces(t *testing.T, root string) replayed {
	t.Helper()
	info, _, err := elmData(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &traces.Shard{InputStart: []int64{0}, SpikeStart: []int64{0}}
	paths, err := filepath.Glob(filepath.Join(root, "l5pc", "nmda_*_input.csv"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, "_input.csv")
		v, err := npz.OpenArray(base+"_cvode.npy", 1<<24)
		if err != nil {
			t.Fatal(err)
		}
		all, err := npz.Values[float32](v)
		if err != nil {
			t.Fatal(err)
		}
		info.Duration = v.Shape[1] / 8 // 8 values a ms, the soma's first
		for k := range info.Duration {
			s.SomaV = append(s.SomaV, all[8*k])
		}
		var runs struct {
			Runs map[string]struct {
				Times []float64 `json:"spike_times_ms"`
			}
		}
		b, err := os.ReadFile(base + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &runs); err != nil {
			t.Fatal(err)
		}
		for _, x := range runs.Runs["cvode"].Times {
			s.SpikeTime = append(s.SpikeTime, traces.Time32(x))
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		type event struct {
			time    float32
			synapse int32
		}
		var events []event
		for _, r := range rows[1:] { // time_ms, synapse, segment
			ms, err := strconv.ParseFloat(r[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			segment, err := strconv.Atoi(r[2])
			if err != nil {
				t.Fatal(err)
			}
			if r[1] == "inh" {
				segment += elmHalf
			}
			events = append(events, event{traces.Time32(ms), int32(segment)})
		}
		slices.SortStableFunc(events, func(a, b event) int { return int(math.Copysign(1, float64(a.time-b.time))) })
		for _, e := range events {
			s.InputTime, s.InputSynapse = append(s.InputTime, e.time), append(s.InputSynapse, e.synapse)
		}
		s.Samples++
		s.InputStart, s.SpikeStart = append(s.InputStart, int64(len(s.InputTime))), append(s.SpikeStart, int64(len(s.SpikeTime)))
	}
	info.Samples, info.SamplesPerShard = s.Samples, s.Samples
	info.Splits = []traces.Split{{Name: "test", Count: s.Samples}}
	return replayed{info, s}
}

// plainELM computes the published equations in float64 from the archive alone (the reference data's README): spike logit
// and voltage in mV of sample i.
func plainELM(t *testing.T, f *npz.File, silu bool, s *traces.Shard, i, duration int) (logit, voltage []float64) {
	t.Helper()
	get := func(name string) []float64 {
		v, err := npz.Values[float32](f.Find(name))
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = float64(x)
		}
		return out
	}
	index, err := npz.Values[int64](f.Find("input_to_synapse_indices"))
	if err != nil {
		t.Fatal(err)
	}
	valid, err := npz.Values[bool](f.Find("valid_indices_mask"))
	if err != nil {
		t.Fatal(err)
	}
	w, tauS, proto := get("_proto_w_s"), get("tau_s"), get("_proto_tau_m")
	w1, b1, w2, b2 := get("mlp.network.0.weight"), get("mlp.network.0.bias"), get("mlp.network.2.weight"), get("mlp.network.2.bias")
	wy, by := get("w_y.weight"), get("w_y.bias")
	branches := len(w) / 100
	b, m := make([]float64, branches), make([]float64, len(proto))
	x := make([]float64, 2*elmHalf)
	e := s.InputStart[i]
	for ms := range duration {
		clear(x)
		for ; e < s.InputStart[i+1] && int(s.InputTime[e]) == ms; e++ {
			if y := s.InputSynapse[e]; y < elmHalf {
				x[y]++
			} else {
				x[y]--
			}
		}
		for j := range b {
			b[j] *= math.Exp(-1 / tauS[0])
			for k := range 100 {
				if at := 100*j + k; valid[at] {
					b[j] += max(0, w[at]) * x[index[at]]
				}
			}
		}
		in := slices.Clone(b)
		keep := make([]float64, len(m))
		for k := range m {
			keep[k] = math.Exp(-1 / (1 + 149/(1+math.Exp(-proto[k]))))
			in = append(in, keep[k]*m[k])
		}
		h := slices.Clone(b1)
		for j := range h {
			for k, v := range in {
				h[j] += w1[j*len(in)+k] * v
			}
			if silu {
				h[j] /= 1 + math.Exp(-h[j])
			} else {
				h[j] = max(0, h[j])
			}
		}
		for k := range m {
			sum := b2[k]
			for j, v := range h {
				sum += w2[k*len(h)+j] * v
			}
			m[k] = keep[k]*m[k] + 5*(1-keep[k])*1.7159*math.Tanh(2.0/3*sum)
		}
		y := slices.Clone(by)
		for head := range y {
			for k, v := range m {
				y[head] += wy[head*len(m)+k] * v
			}
		}
		logit, voltage = append(logit, y[0]), append(voltage, 10*y[1]-67.7)
	}
	return logit, voltage
}

// The published networks, imported, say of NEURON's traces what their equations say in float64, and score so: 1e-4 of an
// output is its rounding in float32 through 2,000 ms of memory and more.
func TestImportELMReference(t *testing.T) {
	root := reference(t, "elm/branch_elm_d15.npz")
	src := neuronTraces(t, root)
	const burn = 500
	for name, parameters := range map[string]int{"branch_elm_d15": 6827, "branch_elm_d100_silu": 54002} {
		path := filepath.Join(root, "elm", name+".npz")
		dir := filepath.Join(t.TempDir(), "model")
		d, err := ImportELM(context.Background(), path, dir, ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Parameters != parameters || d.Title != name {
			t.Errorf("%s: %s of %d parameters, want %d", name, d.Title, d.Parameters, parameters)
		}
		m, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Predict(context.Background(), src.info, src.shard, 0)
		if err != nil {
			t.Fatal(err)
		}
		f, err := npz.Open(path, elmFile)
		if err != nil {
			t.Fatal(err)
		}
		var worstLogit, worstVoltage, square float64
		var scores []float64
		var labels []bool
		for i := range src.shard.Samples {
			logit, voltage := plainELM(t, f, strings.Contains(name, "silu"), src.shard, i, src.info.Duration)
			spike := make([]float32, src.info.Duration)
			spikes(src.shard, i, 0, spike)
			for k := range logit {
				worstLogit = max(worstLogit, math.Abs(logit[k]-float64(got[i].Logit[k])))
				worstVoltage = max(worstVoltage, math.Abs(voltage[k]-float64(got[i].Voltage[k]))/elmSD)
				if k >= burn {
					scores, labels = append(scores, logit[k]), append(labels, spike[k] > 0)
					e := voltage[k] - min(elmClip, float64(src.shard.SomaV[i*src.info.Duration+k]))
					square += e * e
				}
			}
		}
		if !(worstLogit <= 1e-4) || !(worstVoltage <= 1e-4) {
			t.Errorf("%s: logits %.2g apart from float64, normalised voltages %.2g", name, worstLogit, worstVoltage)
		}
		var won, pairs float64 // the area under the ROC curve: how often a ms with a spike scores above one without
		for i, spike := range labels {
			for j := range labels {
				if spike && !labels[j] {
					pairs++
					if scores[i] > scores[j] {
						won++
					}
				}
			}
		}
		auc, rmse := won/pairs, math.Sqrt(square/float64(len(scores)))
		e, err := m.evaluate(context.Background(), src, "test", EvaluateOptions{BurnIn: ptr(burn), Resamples: -1})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(e.Fidelity.AUC-auc) > 1e-4 || math.Abs(e.Fidelity.RMSE-rmse) > 1e-4 {
			t.Errorf("%s: AUC %.5f, RMSE %.5f mV, in float64 %.5f and %.5f mV", name, e.Fidelity.AUC, e.Fidelity.RMSE, auc, rmse)
		}
		t.Logf("%s: AUC %.4f, RMSE %.3f mV over %d ms; logits at most %.2g, voltages %.2g apart", name, auc, rmse, len(scores), worstLogit, worstVoltage)
	}
}

// elmArchive is a small network in the published form.
func elmArchive() []npz.Array {
	const branches, size, memory, hidden = 2, 640, 2, 4
	const slots = branches * size
	ramp := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i%5)/4 - 0.3
		}
		return v
	}
	tau, index, valid := make([]float32, slots), make([]int64, slots), make([]bool, slots)
	for i := range tau {
		tau[i], index[i], valid[i] = 5, int64(i), i < 2*elmHalf
	}
	return []npz.Array{
		{Name: "_proto_w_s", Shape: []int{slots}, Data: ramp(slots)}, {Name: "tau_s", Shape: []int{slots}, Data: tau}, {Name: "_proto_tau_m", Shape: []int{memory}, Data: ramp(memory)},
		{Name: "input_to_synapse_indices", Shape: []int{slots}, Data: index},
		{Name: "valid_indices_mask", Shape: []int{slots}, Data: valid},
		{Name: "mlp.network.0.weight", Shape: []int{hidden, branches + memory}, Data: ramp(hidden * (branches + memory))}, {Name: "mlp.network.0.bias", Shape: []int{hidden}, Data: ramp(hidden)},
		{Name: "mlp.network.2.weight", Shape: []int{memory, hidden}, Data: ramp(memory * hidden)}, {Name: "mlp.network.2.bias", Shape: []int{memory}, Data: ramp(memory)},
		{Name: "w_y.weight", Shape: []int{2, memory}, Data: ramp(2 * memory)}, {Name: "w_y.bias", Shape: []int{2}, Data: ramp(2)},
	}
}

func writeArchive(t *testing.T, arrays []npz.Array) string {
	t.Helper()
	b, err := npztest.Write(arrays...)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "elm.npz")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImportELM(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	path := writeArchive(t, elmArchive())
	d, err := ImportELM(context.Background(), path, dir, ImportOptions{Activation: "silu"})
	if err != nil {
		t.Fatal(err)
	}
	if d.Parameters != 1280+16+4+8+2+4+2 || d.Spec.Activation != "silu" || d.Imported != "elm.npz" || d.Normalisation.Mean != elmMean {
		t.Errorf("%+v", d)
	}
	if _, err := Load(dir); err != nil {
		t.Error(err)
	}
	if _, err := ImportELM(context.Background(), path, dir, ImportOptions{}); err == nil || !strings.Contains(err.Error(), "--overwrite") {
		t.Errorf("over a model: %v", err)
	}
	if d, err := ImportELM(context.Background(), path, dir, ImportOptions{Overwrite: true}); err != nil || d.Spec.Activation != "relu" {
		t.Errorf("overwritten: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ImportELM(context.Background(), path, other, ImportOptions{Overwrite: true}); err == nil || !strings.Contains(err.Error(), "mine.txt") {
		t.Errorf("among other files: %v", err)
	}
	if _, err := ImportELM(context.Background(), path, other, ImportOptions{DataDir: small().write(t)}); err == nil || !strings.Contains(err.Error(), "has 11 inputs (8 delta exc, 3 delta inh)") {
		t.Errorf("inputs of another neuron: %v", err)
	}
}

func TestImportELMRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name   string
		change func(a map[string]*npz.Array)
		want   string
	}{
		{"an array less", func(a map[string]*npz.Array) { a["tau_s"].Name = "" }, `"`},
		{"another array", func(a map[string]*npz.Array) { a["tau_s"].Name = "tau_x" }, `an array "tau_x"`},
		{"another type", func(a map[string]*npz.Array) { a["w_y.bias"].Data = []float64{1, 2} }, "holds float64, want float32"},
		{"not finite", func(a map[string]*npz.Array) { a["w_y.bias"].Data = []float32{1, nan} }, `value 1 of array "w_y.bias" is NaN`},
		{"shape", func(a map[string]*npz.Array) { a["mlp.network.2.weight"].Shape = []int{4, 2} }, "has shape [4 2], want [2 4]"},
		{"flat", func(a map[string]*npz.Array) { a["mlp.network.0.weight"].Shape = []int{16} }, "make no Branch-ELM"},
		{"times", func(a map[string]*npz.Array) { a["tau_s"].Data.([]float32)[3] = 4 }, "tau_s of slot 3 is 4 ms, of the first 5"},
		{"input", func(a map[string]*npz.Array) { a["input_to_synapse_indices"].Data.([]int64)[1] = 1278 }, "slot 1 listens to input 1278"},
		{"negative input", func(a map[string]*npz.Array) { a["input_to_synapse_indices"].Data.([]int64)[1] = -1 }, "slot 1 listens to input -1"},
		{"branches", func(a map[string]*npz.Array) {
			a["_proto_tau_m"].Data, a["_proto_tau_m"].Shape = []float32{1, 2, 3, 4}, []int{4}
		}, "make no Branch-ELM"},
	} {
		arrays := elmArchive()
		by := map[string]*npz.Array{}
		for i := range arrays {
			by[arrays[i].Name] = &arrays[i]
		}
		c.change(by)
		dir := filepath.Join(t.TempDir(), "m")
		_, err := ImportELM(context.Background(), writeArchive(t, arrays), dir, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder was made", c.name)
		}
	}
	if _, err := ImportELM(context.Background(), writeArchive(t, elmArchive()), filepath.Join(t.TempDir(), "m"), ImportOptions{Activation: "swish"}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", "swish")) {
		t.Errorf("activation: %v", err)
	}
}
