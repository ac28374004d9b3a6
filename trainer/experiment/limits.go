package experiment

import (
	"fmt"
	"regexp"
	"strconv"

	"neq/internal/console"
	"neq/internal/memory"
	"neq/trainer"
)

// power is a number such as 1e-3, which the YAML library takes for text where it does not know that a number is wanted.
var power = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$`)

func number(v any) any {
	if s, ok := v.(string); ok && power.MatchString(s) {
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			return x
		}
	}
	if m, ok := v.(map[string]any); ok {
		numbers(m)
	}
	return v
}

func numbers(m map[string]any) {
	for k, v := range m {
		m[k] = number(v)
	}
}

// fits refuses a trial that cannot be trained in the memory of this machine, so that a slip of the keyboard is an
// error and not a dead machine. The bound is low: weights, gradients, two moments, the best and a copy to write; and
// two values and two gradients for every channel and ms of a batch, beside its targets and heads.
func fits(t trainer.Trial, inputs, duration int) error {
	s, c := &t.Spec, &t.Config
	depth, width := float64(max(1, s.Depth)), float64(max(1, s.Width))
	taps := func(i int) float64 {
		switch {
		case i < len(s.Kernels):
			return float64(s.Kernels[i])
		case len(s.Kernels) > 0:
			return float64(s.Kernels[0])
		}
		return float64(max(1, s.Window))
	}
	weights := float64(inputs) * taps(0) * width
	for i := 1; i < s.Depth; i++ {
		weights += width * width * taps(i)
	}
	window, batch := c.Window, float64(c.Batch)
	if window == 0 {
		window = min(400, duration)
	}
	if batch == 0 {
		batch = 16
	}
	time := float64(window)
	if c.BurnIn != nil {
		time += float64(*c.BurnIn)
	}
	need := 4*6*weights + 4*batch*time*(4*width*depth+16)
	if have := memory.Physical(); have > 0 && need > have {
		return fmt.Errorf("training.batch: %s takes at least %s of memory, this machine has %s: make training.batch, training.window_ms, "+
			"training.burn_in_ms or the surrogate smaller", t.Name, amount(need), amount(have))
	}
	return nil
}

func amount(bytes float64) string {
	if bytes > 1e18 {
		return fmt.Sprintf("%.0e bytes", bytes)
	}
	return console.Bytes(int64(bytes))
}
