package driver

import (
	"fmt"
	"strings"
)

// Status is what Probe found out about the machine.
type Status struct {
	Usable  bool         `json:"usable"`            // at least one device is
	Kind    Kind         `json:"kind,omitempty"`    // why not; 0 where usable
	Why     string       `json:"why,omitempty"`     // the same in a sentence
	Advice  string       `json:"advice,omitempty"`  // what to do about it
	Driver  string       `json:"driver,omitempty"`  // the CUDA version the driver speaks: "12.4"
	Library string       `json:"library,omitempty"` // the libcuda that was loaded
	BLAS    string       `json:"blas,omitempty"`    // "cuBLAS 12.4.5 (libcublas.so.12)", "" where there is none
	Devices []DeviceInfo `json:"devices,omitempty"`
}

// DeviceInfo describes a GPU. Sizes are in bytes.
type DeviceInfo struct {
	Index           int    `json:"index"`
	Name            string `json:"name"`
	Major           int    `json:"major"` // compute capability Major.Minor
	Minor           int    `json:"minor"`
	Total           int64  `json:"total"`
	Free            int64  `json:"free"` // when it was probed
	Multiprocessors int    `json:"multiprocessors"`
	ClockKHz        int    `json:"clock_khz"`
	L2              int    `json:"l2"`
	MaxThreads      int    `json:"max_threads"`      // per block
	SharedPerBlock  int    `json:"shared_per_block"` // without asking for more
	SharedOptIn     int    `json:"shared_opt_in"`    // at most, asking
	Warp            int    `json:"warp"`
	MaxGrid         [3]int `json:"max_grid"`
	MaxBlock        [3]int `json:"max_block"`
	Usable          bool   `json:"usable"`
	Kind            Kind   `json:"kind,omitempty"`
	Why             string `json:"why,omitempty"`
	Code            int    `json:"code,omitempty"` // the CUresult behind Why
}

func (d DeviceInfo) String() string {
	s := fmt.Sprintf("%d: %s, compute %d.%d, %s", d.Index, d.Name, d.Major, d.Minor, size(d.Total))
	if d.Usable {
		return s + ", " + size(d.Free) + " free"
	}
	return s + ", not usable: " + d.Why
}

// String is one line: what there is, or why there is nothing and what to do.
func (s Status) String() string {
	if !s.Usable {
		t := "no GPU is used: " + s.Why
		if s.Advice != "" {
			t += ": " + s.Advice
		}
		return t
	}
	var names []string
	for _, d := range s.Devices {
		names = append(names, d.String())
	}
	t := "CUDA " + s.Driver + "; " + strings.Join(names, "; ")
	if s.BLAS != "" {
		return t + "; " + s.BLAS
	}
	return t + "; no cuBLAS: " + blasAdvice
}

// BLASAdvice says how to get cuBLAS, and what for.
const BLASAdvice = "libcublas 11, 12 or 13 on LD_LIBRARY_PATH (Debian: libcublas12, PyPI: nvidia-cublas-cu12) makes deep networks faster"

const blasAdvice = "neq's own matrix product is used; " + BLASAdvice

// Err is nil where a device is usable, else an *Error that says why not.
func (s Status) Err() error {
	if s.Usable {
		return nil
	}
	if s.Kind == 0 {
		return &Error{Kind: Failed, Text: "the machine was not probed: call Probe"}
	}
	t := s.Why
	if s.Advice != "" {
		t += ": " + s.Advice
	}
	return &Error{Kind: s.Kind, Text: t}
}

// Open opens GPU i of a probed machine.
func (s Status) Open(i int) (*Context, error) {
	if len(s.Devices) == 0 {
		return nil, s.Err()
	}
	if i < 0 || i >= len(s.Devices) {
		return nil, refuse(NoDevice, fmt.Sprintf("open GPU %d", i), "there are %d, counted from 0", len(s.Devices))
	}
	d := s.Devices[i]
	if !d.Usable {
		return nil, &Error{Kind: d.Kind, Op: fmt.Sprintf("open GPU %d (%s)", i, d.Name), Text: d.Why, Code: d.Code}
	}
	return open(d)
}

// size writes bytes as a person would: 80.0 GB.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
