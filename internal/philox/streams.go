package philox

// Streams keep the numbers drawn for different purposes apart: a stream is one of these plus an index below
// 2^24 (a synapse, a group, a row of a batch).
const (
	StreamInput    uint32 = iota << 24 // does synapse i receive an event in this ms
	StreamDetail                       // how many events, and when in the ms
	StreamRelease                      // does an event at synapse i release
	StreamSpread                       // synapse i's share of its group's rate in this interval
	StreamProtocol                     // what group i draws for a whole sample: intervals, rates
	StreamCurrent                      // the injected current's amplitude
	StreamWeight                       // synapse i's weight
	StreamInitial                      // a surrogate's initial weights, tensor i
	StreamWindow                       // a trainer's choice of samples and windows
	StreamResample                     // bootstrap resampling
	StreamProbe                        // when a probe's Poisson input reaches synapse i
	StreamGrowth                       // the shape of a grown morphology
)
