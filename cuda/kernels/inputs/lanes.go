package inputs

// #include "lanes.h"
import "C"

import "unsafe"

// Lane is inputs_lane of lanes.h, and Tile inputs_tile, which say what each field holds.
type Lane struct {
	Sample                               uint64
	Length, Before, Band, Intervals, Far int32
	Lane                                 int32
	First, Rates, Mass                   int64
	Kernel, Amplitude                    int64
}

// Tile is what every input kernel takes.
type Tile struct {
	Seed                       uint64
	Stream, Shares, Release    uint32
	Row, Synapses, Bins, Spans int32
	Lanes, Capacity            int32
	_                          int32
	Low, High                  float64
	Lane, First, Table         uint64
	Kernel, Amplitude, Hit     uint64
	Part, Group, Chance        uint64
	Receptor, Weight, Due      uint64
	Drawn, Delivered           uint64
	From, Offset               uint64
	Synapse, Step, At, W       uint64
}

const ( // of one size with their C sides
	_ = uint(C.sizeof_inputs_lane - unsafe.Sizeof(Lane{}))
	_ = uint(unsafe.Sizeof(Lane{}) - C.sizeof_inputs_lane)
	_ = uint(C.sizeof_inputs_tile - unsafe.Sizeof(Tile{}))
	_ = uint(unsafe.Sizeof(Tile{}) - C.sizeof_inputs_tile)
)
