package cuda

import (
	"context"
	"errors"
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

// Select opens the devices that want names (see CheckDevice) with that many threads of the host, 0 for all: "cuda" is
// every usable GPU, "cuda:i" one. auto is every usable GPU, else the CPU, and why says in words what decided; it is
// empty for the others, which open what they name or fail. A GPU first runs Check beside the CPU.
func Select(ctx context.Context, want string, threads int) (devices []Device, why string, err error) {
	kind, i, err := parseDevice(want)
	if err != nil {
		return nil, "", err
	}
	if kind == "cpu" {
		return onCPU(threads, "")
	}
	s := driver.Probe(ctx)
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	list := []int{i}
	if i < 0 {
		list = usable(s)
	}
	for _, i := range list {
		d, err := openChecked(ctx, s, GPUOptions{Index: i, Threads: threads})
		if err == nil {
			devices = append(devices, d)
			continue
		}
		for _, d := range devices {
			err = errors.Join(err, d.Close())
		}
		switch {
		case kind == "cuda":
			return nil, "", err
		case s.Usable: // but would not open, or does not compute
			return onCPU(threads, err.Error())
		}
		return onCPU(threads, strings.TrimPrefix(s.String(), "no GPU is used: "))
	}
	if kind == "cuda" {
		return devices, "", nil
	}
	return devices, "a GPU was found; --device cpu does without it", nil
}

func onCPU(threads int, why string) ([]Device, string, error) {
	d, err := NewCPU(CPUOptions{Threads: threads})
	if err != nil {
		return nil, "", err
	}
	return []Device{d}, why, nil
}

// openChecked opens a GPU that computes what the CPU does.
func openChecked(ctx context.Context, s driver.Status, o GPUOptions) (Device, error) {
	d, err := openGPU(s, o)
	if err != nil {
		return nil, err
	}
	if err := Check(ctx, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// usable are the GPUs that are, or 0, which says why there is none.
func usable(s driver.Status) []int {
	var list []int
	for i, d := range s.Devices {
		if d.Usable {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return []int{0}
	}
	return list
}
