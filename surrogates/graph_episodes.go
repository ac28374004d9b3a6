package surrogates

import (
	"errors"
	"fmt"

	"neq/surrogates/ops"
)

// EpisodeBytes is the device memory that Reside takes, 0 on the CPU.
func (g *Graph) EpisodeBytes(s ops.EpisodeShape) int64 {
	if g.batch == nil {
		return 0
	}
	return g.batch.EpisodeBytes(s)
}

// Reside takes memory on the graph's device for the episodes that QueueWindows draws from, with targets in the order of
// the heads: spikes, voltage, auxiliary ones. They are freed with the graph.
func (g *Graph) Reside(s ops.EpisodeShape) (*ops.Episodes, error) {
	if g.batch == nil {
		return nil, errors.New("surrogates: episodes on a device, of a graph on the CPU")
	}
	e, err := g.batch.Reside(s)
	if err != nil {
		return nil, fmt.Errorf("surrogates: %w", err)
	}
	return e, nil
}

// QueueWindows is Queue of a batch of windows of the episodes on the device: the same bits, from a list of numbers.
func (g *Graph) QueueWindows(list []ops.Window, w LossWeights) error {
	if g.batch == nil {
		return errors.New("surrogates: windows of episodes on a device, on a graph of the CPU")
	}
	if err := g.weigh(w); err != nil {
		return err
	}
	g.scored = true
	if err := g.batch.RunWindows(list, !g.options.Train, g.heads, g.compute); err != nil {
		return fmt.Errorf("surrogates: %w", err)
	}
	g.sum.Steps++
	return nil
}
