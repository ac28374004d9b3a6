package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"neq/cuda"
	"neq/cuda/driver"
	"neq/internal/console"
	"neq/internal/team"
	"neq/trainer"
)

// flags are those of several subcommands.
type flags struct {
	device     string
	threads    int
	sets       []string
	out        string
	resume     bool
	overwrite  bool
	part       string
	json       bool
	quiet      bool
	seed       uint64
	precision  string
	morphology string
	told       bool // what --device auto chose
}

func newRoot() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:   "neq",
		Short: "How many parameters is a neuron?",
		Long: `neq integrates many neurons in parallel, writes their inputs and outputs as a data set, fits surrogate
networks to it, and reports how many parameters it takes to be equivalent to one neuron.`,
		Example: `  neq init --model lif > run.yaml         a commented, runnable configuration
  neq run run.yaml --out out              all of it: simulate, sweep, report
  neq simulate run.yaml --out traces      neurons -> trace data set
  neq train run.yaml --data traces --out fit
  neq eval fit --data traces              fidelity on held-out samples
  neq sweep run.yaml --data traces --out sweep
  neq report sweep --out report.html      parameters per neuron-equivalent`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().BoolVar(&f.json, "json", false, "results on stdout as JSON")
	root.PersistentFlags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress, no remarks; errors only")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w: see \"%s --help\"", err, c.CommandPath())
	})
	root.AddCommand(initCommand(f), modelsCommand(f), morphologyCommand(f), simulateCommand(f), mergeCommand(f), verifyCommand(f), inspectCommand(f),
		trainCommand(f), evalCommand(f), predictCommand(f), compressCommand(f), sweepCommand(f), reportCommand(f), exportCommand(f), importCommand(f), runCommand(f), doctorCommand(f), probeCommand(f), benchCommand(f))
	for _, c := range root.Commands() {
		wrapArgs(c)
		c.PreRunE = func(c *cobra.Command, _ []string) error { return f.check(c) }
	}
	return root
}

// wrapArgs makes a wrong number of arguments a usage error that shows how to call.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage("%w: usage: %s", err, c.UseLine())
			}
			return nil
		}
	}
}

// compute adds the flags of commands that use a device.
func (f *flags) compute(c *cobra.Command) {
	c.Flags().StringVar(&f.device, "device", "auto", "auto, cpu, or cuda[:i]")
	c.Flags().IntVar(&f.threads, "threads", 0, "CPU threads, 0 for all cores; results do not depend on it")
}

// configured adds the flags of commands that read a configuration.
func (f *flags) configured(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.sets, "set", nil, "change a `key=value` of the configuration, such as training.steps=500; may be repeated")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "replaces the configuration's seed")
	c.Flags().StringVar(&f.morphology, "morphology", "", "put a cell with dendrites on this reconstruction, an .swc or .asc `file`, or grown[:SEED]")
}

// output adds the flags of commands that fill a folder.
func (f *flags) output(c *cobra.Command, what string) {
	c.Flags().StringVarP(&f.out, "out", "o", "", what)
	c.Flags().BoolVar(&f.resume, "resume", false, "go on where an earlier run stopped")
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "delete what an earlier run wrote, and start again")
	if err := c.MarkFlagRequired("out"); err != nil {
		panic(err) // a flag defined four lines up
	}
}

// changes are the --set flags, with --seed, --precision and --morphology among them.
func (f *flags) changes(c *cobra.Command) []string {
	sets := f.sets
	if c.Flags().Changed("morphology") {
		path := f.morphology
		if _, err := os.Stat(path); err == nil { // else it may be a built-in one, by name
			if abs, err := filepath.Abs(path); err == nil {
				path = abs // a relative name would be looked up beside the configuration
			}
		}
		sets = append([]string{"neuron.morphology=" + strconv.Quote(path)}, sets...)
	}
	if c.Flags().Changed("precision") {
		sets = append([]string{"training.precision=" + f.precision}, sets...)
	}
	if c.Flags().Changed("seed") {
		sets = append([]string{"seed=" + strconv.FormatUint(f.seed, 10)}, sets...)
	}
	return sets
}

// check refuses flags that no command can follow, before it does anything.
func (f *flags) check(c *cobra.Command) error {
	switch {
	case f.resume && f.overwrite:
		return usage("--resume and --overwrite contradict one another: give one")
	case c.Flags().Changed("out") && f.out == "" && c.Flags().Lookup("resume") != nil:
		return usage("--out is empty: want the name of a folder")
	case f.threads < 0:
		return usage("--threads %d: want 1 or more, or 0 for all cores", f.threads)
	}
	if err := cuda.CheckDevice(f.device); err != nil {
		return usage("--%w", err)
	}
	return nil
}

func (f *flags) cores() int {
	if f.threads > 0 {
		return f.threads
	}
	return team.Cores()
}

// parts reads --part: I/N with 0 <= I < N, or auto, which takes the place in a job array from the scheduler.
func (f *flags) parts() (part, parts int, err error) {
	switch {
	case f.part == "":
		return 0, 1, nil
	case f.part == "auto":
		return schedulerPart(os.Getenv)
	}
	i, n, ok := strings.Cut(f.part, "/")
	part, err1 := strconv.Atoi(i)
	parts, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || parts < 1 || part < 0 || part >= parts {
		return 0, 0, usage("--part %s: want I/N with 0 <= I < N, such as 0/4, or auto", f.part)
	}
	return part, parts, nil
}

// schedulerPart finds a process's place among its siblings in what Slurm, Kubernetes or MPI tell it.
func schedulerPart(getenv func(string) string) (part, parts int, err error) {
	for _, v := range [][3]string{
		{"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"},
		{"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", ""},
		{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", ""},
		{"PMI_RANK", "PMI_SIZE", ""},
	} {
		i, n := getenv(v[0]), getenv(v[1])
		if i == "" {
			continue
		}
		part, err1 := strconv.Atoi(i)
		parts, err2 := strconv.Atoi(n)
		if v[2] != "" {
			first, err := strconv.Atoi(getenv(v[2]))
			if err == nil {
				part -= first
			}
		}
		if err1 != nil || err2 != nil || part < 0 || part >= parts {
			return 0, 0, usage("--part auto: %s=%q and %s=%q do not say which part this is: number the tasks in steps of 1, or use --part I/N", v[0], i, v[1], n)
		}
		return part, parts, nil
	}
	return 0, 0, usage("--part auto: no SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, OMPI_COMM_WORLD_RANK or PMI_RANK in the environment: use --part I/N")
}

// chose says, once, what --device auto came to.
func (f *flags) chose(device, why string) {
	if f.device == "auto" && !f.told {
		f.told = true
		f.remark("device", "use", device, "why", why)
	}
}

// openDevices opens the devices asked for, to simulate on.
func (f *flags) openDevices(ctx context.Context) ([]cuda.Device, error) {
	devices, why, err := cuda.Select(ctx, f.device, f.cores())
	if err != nil {
		return nil, fmt.Errorf("--device %s: %w", f.device, err)
	}
	f.chose(deviceNames(devices), why)
	return devices, nil
}

func deviceNames(devices []cuda.Device) string {
	var names []string
	for _, d := range devices {
		names = append(names, d.Name())
	}
	return strings.Join(names, "; ")
}

// openGPUs opens the GPUs asked for, to train on; none is the CPU. done gives them back.
func (f *flags) openGPUs(ctx context.Context) (gpus []*driver.Context, done func(), err error) {
	gpus, why, err := trainer.OpenGPUs(ctx, f.device)
	if err != nil {
		return nil, nil, fmt.Errorf("--device %s: %w", f.device, err)
	}
	name := fmt.Sprintf("cpu, %d threads", f.cores())
	if len(gpus) > 0 {
		var names []string
		for _, c := range gpus {
			names = append(names, c.Name())
		}
		name = strings.Join(names, "; ")
	}
	f.chose(name, why)
	return gpus, func() {
		for _, c := range gpus {
			c.Close()
		}
	}, nil
}

// remark logs something worth knowing, unless --quiet.
func (f *flags) remark(msg string, args ...any) {
	if !f.quiet {
		slog.Info(msg, args...)
	}
}

// progress starts a bar; unit counts what a step is worth times scale.
func (f *flags) progress(title string, total, done int64, unit string, scale float64) *console.Progress {
	return console.Start(title, total, console.Options{Quiet: f.quiet, Log: slog.Default(), Unit: unit, Scale: scale, Done: done})
}

// result prints what a command found: v as JSON with --json, else the text.
func (f *flags) result(w io.Writer, v any, text string) error {
	if !f.json {
		_, err := io.WriteString(w, text)
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
