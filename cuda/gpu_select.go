package cuda

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"neq/cuda/driver"
)

// CheckDevice says what is wrong with the name of a device: want "auto" or "" (which is auto), "cpu", "cuda" or
// "cuda:i".
func CheckDevice(want string) error {
	_, _, err := parseDevice(want)
	return err
}

// parseDevice splits a name; i is -1 for "cuda", any GPU.
func parseDevice(want string) (kind string, i int, err error) {
	kind, index, found := strings.Cut(want, ":")
	switch {
	case want == "" || want == "auto":
		return "auto", -1, nil
	case want == "cpu" || want == "cuda":
		return want, -1, nil
	case kind == "cuda" && found:
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && index[0] != '+' {
			return kind, i, nil
		}
	}
	return "", 0, fmt.Errorf("device %q: want auto, cpu, cuda or cuda:i with i counted from 0", want)
}

// Select opens the device that want names (see CheckDevice) with that many threads of the host, 0 for all. auto is
// the first usable GPU, else the CPU, and why says in words what decided; it is empty for the others, which open what
// they name or fail.
func Select(ctx context.Context, want string, threads int) (d Device, why string, err error) {
	kind, i, err := parseDevice(want)
	if err != nil {
		return nil, "", err
	}
	if kind == "cpu" {
		d, err = NewCPU(CPUOptions{Threads: threads})
		return d, "", err
	}
	s := driver.Probe(ctx)
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if i < 0 {
		i = firstUsable(s)
	}
	d, err = openGPU(s, GPUOptions{Index: i, Threads: threads})
	switch {
	case kind == "cuda":
		return d, "", err
	case err == nil:
		return d, "a GPU was found; --device cpu does without it", nil
	}
	why = strings.TrimPrefix(s.String(), "no GPU is used: ")
	if s.Usable { // but would not open
		why = err.Error()
	}
	d, err = NewCPU(CPUOptions{Threads: threads})
	return d, why, err
}

// firstUsable is the first usable GPU, or 0, which says why there is none.
func firstUsable(s driver.Status) int {
	for i, d := range s.Devices {
		if d.Usable {
			return i
		}
	}
	return 0
}
