// Package trees runs cells with dendrites on the CPU: one C source, compiled for each instruction set and precision,
// picked at run time. A Block is a few vectors of lanes, of one cell each, that stay in the cache for their whole time
// loop. The step is in step.h, the layout in trees.h, what a GPU does with the same tables in the .cu and .cuh files.
//
// # Three devices carry the speed
//
// Gates come from tables (AVX-512, float32). Whatever its formula, a gate's steady state and its 1 - exp(-dt/tau) are two
// functions of v: 32 cubics of 6 mV each, made in double from the mechanism's own source when a cell is compiled, and read
// by permutations of registers. A table that is off by more than 3e-4 is not used; the gate then runs its source, as all do
// in the other builds and in float64 (Cell.Direct asks for it).
//
// Synapses are read, not written. Their exponentials are stored over the decay they all share since the last renewal, so
// a step multiplies by two numbers of the step; an event divides by them.
//
// The unknown is the change of v, and the diagonal is kept without the parent's conductance (step.h): in float32 a cell
// rests where it does in float64, to 1e-3 mV, however finely it is divided.
//
// # What bounds it
//
// One core of a Sapphire Rapids at 3.2 GHz that six other processes and, as a rule, the core's other thread shared; of 12
// runs the best and the median; float32, dt 0.025 ms; lines of an AVX-512 prototype with fixed formulas in turn with them.
//
//	                       segment-steps/s      prototype            per segment and 16 lanes: instructions, of
//	                       best     median      best     median      them vector arithmetic; bytes a lane read, written
//	L5 cell                3.95e8   3.36e8      1.59e8   1.42e8      373, 178; 68, 40
//	640 segments, 1278     1.74e9   1.21e9      1.52e9   1.20e9      125, 50; 40, 12
//	  synapses
//	640 segments of HH     1.00e9   8.37e8      6.98e8   6.20e8      175, 85; 28, 24
//
// Two ports take vector arithmetic: 178, 50 and 85 are 89, 25 and 43 cycles, and the best runs took 130, 29 and 51. So it
// is arithmetic that bounds all three, two thirds of it look-ups (44 of 178 are permutations, which one port takes), not the
// second-level cache: 640 segments run a tenth faster where they are 40. The next factor would come from fewer look-ups,
// slow gates every fourth step, or half-precision arithmetic for what is far from its threshold.
//
// The step of two stages takes no more mechanisms, but two more ways through the solver's numbers: with the staggered one in
// turn four times, best against best, 0.87 to 0.93 of its rate on the L5 cell (3.0e8, 3.5e8 and 3.1e8 segment-steps/s
// at 16, 32 and 64 lanes a block; 3.4e8, 3.9e8 and 3.3e8).
//
// In the same hour: AVX2 1.0e8, 6.4e8 and 2.5e8; SSE2 4e7, 2.9e8 and 1.1e8; float64 (AVX-512) 2.1e7, 2.3e8 and 7.6e7.
package trees
