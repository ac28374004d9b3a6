package trainer

import (
	"fmt"
	"path/filepath"

	"neq/internal/tensorboard"
)

// boardFolder is where training.tensorboard puts event files, in the fit's folder.
const boardFolder = "tensorboard"

// board is the folder of a fit's event files, "" for none.
func (o *FitOptions) board(c *Config) string {
	if o.TensorBoard == "" && c.TensorBoard {
		return filepath.Join(o.OutDir, boardFolder)
	}
	return o.TensorBoard
}

// openBoard starts an event file, if one is asked for. What earlier runs wrote of steps that are made again does not count.
func (r *run) openBoard() error {
	dir := r.o.board(&r.c)
	if dir == "" {
		return nil
	}
	purge := 0
	if r.st.Step > 0 {
		purge = r.st.Step + 1
	}
	w, err := tensorboard.Create(dir, int64(purge))
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	r.board = w
	return nil
}

// write writes a line of metrics, and its event.
func (r *run) write(m metric) error {
	if err := r.log.write(m); err != nil || r.board == nil {
		return err
	}
	err := r.board.Write(int64(m.Step), m.scalars(r.c.Loss.AuxiliaryNames())...)
	if err == nil {
		err = r.board.Flush()
	}
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// scalars are a line's values under names that TensorBoard groups by what is before the slash.
func (m *metric) scalars(auxiliary []string) []tensorboard.Scalar {
	var list []tensorboard.Scalar
	add := func(tag string, v *float64) {
		if v != nil {
			list = append(list, tensorboard.Scalar{Tag: tag, Value: *v})
		}
	}
	add("loss/total", m.Loss)
	add("loss/spike", m.Spike)
	add("loss/voltage", m.Voltage)
	for i := range m.Auxiliary {
		add("loss/auxiliary/"+auxiliary[i], &m.Auxiliary[i])
	}
	add("training/gradient_norm", m.GradientNorm)
	add("validation/auc", m.AUC)
	add("validation/average_precision", m.AveragePrecision)
	add("validation/voltage_rmse_mv", m.RMSE)
	add("validation/explained_variance", m.ExplainedVariance)
	if m.Loss != nil {
		add("training/learning_rate", &m.Rate)
		add("speed/bio_seconds_per_second", &m.BioPerSecond)
		add("speed/loader_wait", &m.Waited)
	}
	return list
}
