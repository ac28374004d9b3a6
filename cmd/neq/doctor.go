package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"neq/cuda"
	"neq/cuda/driver"
	"neq/cuda/kernels/inputs"
	"neq/internal/console"
	"neq/trainer"
)

// finding is a line of the doctor's: what there is, and what would make it better.
type finding struct {
	What   string `json:"what"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

func doctorCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has, what neq uses of it, and what would make it faster",
		Long: `doctor looks at the processors, the disk, and the GPUs with their driver. It says what is there, what
--device auto uses to simulate and to train after trying both, why it does not use the rest, and what to install.`,
		Example: "  neq doctor",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			isas := inputs.ISAs()
			all := []finding{
				{"neq", version + ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH, ""},
				{"processors", fmt.Sprintf("%d, vector instructions: %s", runtime.NumCPU(), strings.Join(isas, ", ")), ""},
			}
			if isas[0] == "portable" {
				all[1].Advice = "a processor with AVX2 or AVX-512 is 4 to 10 times faster"
			}
			gpu := driver.Probe(c.Context())
			all = append(all, findGPUs(gpu)...)
			if gpu.Usable {
				used, err := f.findUse(c.Context())
				if err != nil {
					return err
				}
				all = append(all, used...)
			}
			var disk unix.Statfs_t
			if err := unix.Statfs(".", &disk); err == nil {
				all = append(all, finding{"free disk here", console.Bytes(disk.Bavail * uint64(disk.Bsize)), ""})
			}
			var text strings.Builder
			for _, x := range all {
				fmt.Fprintf(&text, "%-16s %s\n", x.What, x.Found)
				if x.Advice != "" {
					fmt.Fprintf(&text, "%-16s -> %s\n", "", x.Advice)
				}
			}
			return f.result(c.OutOrStdout(), all, text.String())
		},
	}
}

// findGPUs puts a probe into lines: the driver, a line a GPU, cuBLAS. Where none is usable the first line says so.
func findGPUs(s driver.Status) []finding {
	var all []finding
	if !s.Usable {
		all = append(all, finding{"GPU", "none is used: " + s.Why, s.Advice})
	}
	if s.Library != "" {
		text := "CUDA " + s.Driver + ", " + s.Library
		if s.Driver == "" {
			text = s.Library
		}
		all = append(all, finding{"GPU driver", text, ""})
	}
	for _, d := range s.Devices {
		all = append(all, finding{fmt.Sprintf("GPU %d", d.Index), strings.TrimPrefix(d.String(), fmt.Sprintf("%d: ", d.Index)), ""})
	}
	switch {
	case s.BLAS != "":
		all = append(all, finding{"cuBLAS", strings.TrimPrefix(s.BLAS, "cuBLAS "), ""})
	case s.Usable:
		all = append(all, finding{"cuBLAS", "not found: neq's own matrix product is used", driver.BLASAdvice})
	}
	return all
}

// findUse says what --device auto takes: every GPU first shows that it computes as the CPU does.
func (f *flags) findUse(ctx context.Context) ([]finding, error) {
	devices, why, err := cuda.Select(ctx, "auto", f.cores())
	if err != nil {
		return nil, err
	}
	simulate := finding{What: "to simulate", Found: deviceNames(devices)}
	if !strings.HasPrefix(simulate.Found, "cuda:") {
		simulate.Found += ", the GPUs are not used: " + why
	}
	for _, d := range devices {
		if err := d.Close(); err != nil {
			return nil, err
		}
	}
	gpus, why, err := trainer.OpenGPUs(ctx, "auto")
	if err != nil {
		return nil, err
	}
	train := finding{What: "to train", Found: "cpu, the GPUs are not used: " + why}
	var names []string
	for _, c := range gpus {
		names = append(names, c.Name())
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	if len(names) > 0 {
		train.Found = strings.Join(names, "; ")
	}
	return []finding{simulate, train}, nil
}
