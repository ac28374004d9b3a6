package trainer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"neq/cuda"
	"neq/cuda/driver"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// OpenGPUs opens what --device names for fits: "cuda:i" one GPU, "cuda" all that are usable, "cpu" none. "auto" is all
// that are usable, or none, and why says in words what decided. Every GPU first runs a small training step beside the
// CPU; one that differs is not used. The caller closes them.
func OpenGPUs(ctx context.Context, want string) (gpus []*driver.Context, why string, err error) {
	if err := cuda.CheckDevice(want); err != nil {
		return nil, "", err
	}
	if want == "cpu" {
		return nil, "", nil
	}
	s := driver.Probe(ctx)
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	auto := want == "auto" || want == ""
	if !s.Usable {
		if auto {
			return nil, strings.TrimPrefix(s.String(), "no GPU is used: "), nil
		}
		return nil, "", fmt.Errorf("trainer: %w", s.Err())
	}
	var list []int
	if _, index, one := strings.Cut(want, ":"); one {
		i, err := strconv.Atoi(index)
		if err != nil {
			return nil, "", fmt.Errorf("trainer: %w", err)
		}
		list = append(list, i)
	} else {
		for i, d := range s.Devices {
			if d.Usable {
				list = append(list, i)
			}
		}
	}
	for _, i := range list {
		c, err := openGPU(s, i)
		if err != nil {
			for _, c := range gpus {
				c.Close()
			}
			if auto {
				return nil, err.Error(), nil
			}
			return nil, "", fmt.Errorf("trainer: %w", err)
		}
		gpus = append(gpus, c)
	}
	return gpus, "a GPU was found; --device cpu does without it", nil
}

// openGPU opens one GPU and lets it show that it computes.
func openGPU(s driver.Status, i int) (*driver.Context, error) {
	c, err := s.Open(i)
	if err != nil {
		return nil, err
	}
	d, err := ops.OpenDevice(c, ops.DeviceOptions{})
	if err == nil {
		err = surrogates.CheckDevice(d)
		if e := d.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
