package neuron

import (
	"neq/cuda"
	"neq/data/neuron/morphology"
)

// What the rooms beside this one are about to deliver.

func treeMechanisms() []cuda.TreeMechanism { return nil }

func grow(uint64) (*morphology.Morphology, error) {
	return nil, keyError("neuron.morphology", "grown: not there yet: give a file")
}
