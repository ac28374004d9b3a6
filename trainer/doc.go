// Package trainer fits surrogates to a data set of traces: windows drawn from the training split, a spike and a
// voltage loss, checkpoints that resume bit for bit, scores on whole held-out episodes, and sweeps over many
// surrogates.
//
// What a fit computes depends on the configuration, the seed and the data set alone: never on the number of
// threads, on how often it was interrupted or on which part of a sweep it ran in. Randomness comes from
// counters (see philox): the windows of step k are a pure function of (seed, k).
//
// A fit leaves a folder:
//
//	fit/model.json            architecture, inputs, normalisation, configuration, data set, validation (Description)
//	fit/weights.safetensors   of the best validation
//	fit/metrics.jsonl         a line per so many steps and per validation
//	fit/tensorboard/          the same lines as TensorBoard's events, where asked
//	fit/checkpoints/          while it runs: step-N with weights, best weights, optimiser and state.json
//
// Fits from several seeds leave seed-N/ with such a fit each and seeds.json, their mean and spread (Seeds). A search for a
// learning rate leaves nothing (FindRate). A sweep leaves trials/NAME/ with such a fit each and what package equivalence reads beside it.
package trainer
