package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is the built command: these tests use neq as a user does.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "neq-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "neq")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is what a run of neq came to.
type result struct {
	code     int
	out, err string
}

// said shows a run in a test's message.
func (r result) said() string {
	return fmt.Sprintf("exit code %d\nstdout: %.600s\nstderr: %.2000s", r.code, r.out, r.err)
}

// patience bounds a run of neq: a hang is a failure, not a wait.
const patience = time.Minute

func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOTRACEBACK=single", "SLURM_ARRAY_TASK_ID=", "JOB_COMPLETION_INDEX=", "OMPI_COMM_WORLD_RANK=", "PMI_RANK=")
	return c
}

// neq runs a command line in a folder. It fails the test where the program panics or hangs.
func neq(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return wait(t, start(t, command(dir, args...)))
}

// running is a neq under way.
type running struct {
	*exec.Cmd
	out, err bytes.Buffer
	done     chan error
}

func start(t *testing.T, c *exec.Cmd) *running {
	t.Helper()
	r := &running{Cmd: c, done: make(chan error, 1)}
	c.Stdout, c.Stderr = &r.out, &r.err
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() }) // harmless once it has ended
	go func() { r.done <- c.Wait() }()
	return r
}

func wait(t *testing.T, r *running) result {
	t.Helper()
	var err error
	select {
	case err = <-r.done:
	case <-time.After(patience):
		r.Process.Kill()
		<-r.done
		t.Fatalf("%q has not ended after %v\n%s", r.Args[1:], patience, &r.err)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	res := result{r.ProcessState.ExitCode(), r.out.String(), r.err.String()}
	for _, bad := range []string{"panic:", "fatal error:", "goroutine "} {
		if strings.Contains(res.err, bad) {
			t.Fatalf("%q crashed: %s", r.Args[1:], res.said())
		}
	}
	return res
}

// must runs a command line that is to exit with 0.
func must(t *testing.T, dir string, args ...string) result {
	t.Helper()
	r := neq(t, dir, args...)
	if r.code != exitDone {
		t.Fatalf("%q: %s", args, r.said())
	}
	return r
}

// refused checks that a command line exits with a code, says why in one line that holds every string wanted, and prints
// no result.
func refused(t *testing.T, dir string, code int, want []string, args ...string) {
	t.Helper()
	r := neq(t, dir, args...)
	if r.code != code {
		t.Errorf("%q: want exit code %d, got %s", args, code, r.said())
		return
	}
	text := strings.TrimSpace(r.err)
	last := text[strings.LastIndexByte(text, '\n')+1:]
	for _, w := range want {
		if !strings.Contains(last, w) {
			t.Errorf("%q: %q does not say %q", args, last, w)
		}
	}
	if !strings.HasPrefix(last, "neq: ") || len(last) > 700 || r.out != "" {
		t.Errorf("%q: want one clear sentence, got %s", args, r.said())
	}
}

// tiny is an experiment of a second: an integrate-and-fire neuron with ten synapses.
const tiny = `title: Tiny
seed: 3
neuron:
  model: lif
  synapses:
    - {name: exc, kind: delta, count: 8, weight: 5}
    - {name: inh, kind: delta, count: 2, weight: -5}
stimulus:
  protocol: modulated
  trees:
    - {excitatory: exc, inhibitory: inh, excitatory_per_100ms: [0, 40], inhibitory_offset: [-50, -15]}
simulation:
  dt_ms: 1
  duration_ms: 400
  samples: {train: 12, validation: 4, test: 8}
  samples_per_shard: 6
surrogates:
  - {family: filter, window_ms: 10}
  - {family: fcn, window_ms: 10, width: 2}
training:
  steps: 30
  batch: 4
  window_ms: 100
  learning_rate: 2e-2
  voltage: {clip_mv: -55}
`

// folder is a fresh one with run.yaml in it.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "run.yaml"), tiny)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func exists(path ...string) bool {
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}
