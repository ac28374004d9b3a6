package trainer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"gorgonia.org/tensor"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/surrogates"
)

// Start is a fitted model that a fit goes on from, in place of initial weights. Its normalisation stays.
type Start struct {
	Model *Model

	// Keep says of each of Model.Network.Weights() which values are trained: the others are zero and stay so. nil, or nil
	// for a tensor, keeps all.
	Keep [][]bool

	Origin Origin // for model.json; the checksums are filled in
}

// Origin is what a model was made from, where that was another model.
type Origin struct {
	Weights string  `json:"weights_sha256"`        // of the model it was made from
	Prune   string  `json:"prune,omitempty"`       // how the weights were chosen that are zero
	Scope   string  `json:"scope,omitempty"`       // among which
	Keep    float64 `json:"keep,omitempty"`        // fraction that is not
	Kept    string  `json:"kept_sha256,omitempty"` // which ones
	Bits    int     `json:"bits,omitempty"`        // of a weight, where they were rounded
	Per     string  `json:"scale_per,omitempty"`   // tensor, channel
}

// Pinned is the start's origin with its checksums.
func (s *Start) Pinned() *Origin {
	o := s.Origin
	o.Weights = s.Model.Weights.SHA256
	if s.Keep == nil {
		return &o
	}
	h := sha256.New()
	for _, k := range s.Keep {
		fmt.Fprintf(h, "%d ", len(k))
		row := make([]byte, len(k))
		for i, on := range k {
			if on {
				row[i] = 1
			}
		}
		h.Write(row)
	}
	o.Kept = hex.EncodeToString(h.Sum(nil))
	return &o
}

// check says whether a fit can go on from the model.
func (s *Start) check(o *FitOptions, info traces.Info, aux []string) error {
	m := s.Model
	was, is := m.Spec, o.Spec
	was.Name, is.Name = "", ""
	if key, a, b := differs(was, is); key != "" {
		return fmt.Errorf("trainer: %s starts from a model whose %s is %s, not %s: they must be the same network", o.Spec.Title(), key, a, b)
	}
	if err := m.Fits(info); err != nil {
		return err
	}
	if key, a, b := differs(m.Auxiliary, aux); key != "" {
		return fmt.Errorf("trainer: training.loss.auxiliary: %s, the model to start from predicts %s", b, a)
	}
	if s.Keep == nil {
		return nil
	}
	if o.GPU != nil {
		return errors.New("trainer: weights are held at zero on the CPU only: use --device cpu")
	}
	ws := m.Network.Weights()
	if len(s.Keep) != len(ws) {
		return fmt.Errorf("trainer: %d masks for the %d tensors of %s", len(s.Keep), len(ws), m.Title)
	}
	for i, k := range s.Keep {
		if k != nil && (len(k) != len(values(ws[i])) || !ws[i].Trainable) {
			return fmt.Errorf("trainer: a mask of %d values for tensor %q of %d, trainable %v", len(k), ws[i].Name, len(values(ws[i])), ws[i].Trainable)
		}
	}
	return nil
}

// begin puts the start's weights into the run's network, and notes what must stay zero.
func (r *run) begin() {
	s := r.o.Start
	for i, w := range r.net.Weights() {
		copy(values(w), values(s.Model.Network.Weights()[i]))
		if !w.Trainable || s.Keep == nil {
			continue
		}
		clearUnkept(w.Value, s.Keep[i])
		r.keep = append(r.keep, s.Keep[i])
	}
}

// hold clears what is not kept in the trainable tensors, or in their gradients: those so that a clipped norm is that of
// what is trained, the tensors so that they stay zero whatever the solver does.
func (r *run) hold(list []*tensor.Dense) {
	for i, k := range r.keep {
		clearUnkept(list[i], k)
	}
}

func clearUnkept(t *tensor.Dense, keep []bool) {
	if keep == nil {
		return
	}
	v := floats(t)
	for i, on := range keep[:len(v)] {
		if !on {
			v[i] = 0
		}
	}
}

// Clone is a copy whose weights can be changed.
func (m *Model) Clone() (*Model, error) {
	net, err := surrogates.New(m.Spec, inputsOf(&m.Data), len(m.Auxiliary), 0)
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", m.Title, err)
	}
	for i, w := range net.Weights() {
		copy(values(w), values(m.Network.Weights()[i]))
	}
	return &Model{m.Description, net}, nil
}

// Validate scores the model's weights on the validation split, if there is one, as at the end of a fit, and chooses its
// decision threshold anew: for weights that were changed.
func (m *Model) Validate(ctx context.Context, set *traces.Set, threads int) error {
	if err := m.Fits(set.Info()); err != nil {
		return err
	}
	v, err := newValidation(set, m.Network, m.Normalisation, &m.Config, threads, nil)
	if err != nil || v == nil {
		return err
	}
	defer v.close()
	res, t, err := v.final(ctx)
	if err != nil {
		return err
	}
	m.Validation, m.Threshold = res, t
	return nil
}

// Evaluate is the function of that name for a model in memory.
func (m *Model) Evaluate(ctx context.Context, set *traces.Set, splitName string, o EvaluateOptions) (*Evaluation, error) {
	return m.evaluate(ctx, set, splitName, o)
}

// Save writes the model to a folder, which Load reads.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return m.save(atomicfile.Disk{}, dir)
}
