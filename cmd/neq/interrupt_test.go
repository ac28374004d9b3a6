package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interrupt sends a signal once a condition holds. It tells whether neq was still at work.
func interrupt(t *testing.T, dir string, sig os.Signal, when func() bool, args ...string) (result, bool) {
	t.Helper()
	r := start(t, command(dir, args...))
	for deadline := time.Now().Add(patience); !when(); time.Sleep(500 * time.Microsecond) {
		select {
		case err := <-r.done:
			r.done <- err
			return wait(t, r), false
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q: what was waited for did not come\n%s", args, &r.err)
		}
	}
	if r.Process.Signal(sig) != nil {
		return wait(t, r), false
	}
	res := wait(t, r)
	return res, res.code != exitDone
}

// stopped checks that a run that was told to stop said so in one line and left with the code for a scheduler.
func stopped(t *testing.T, r result, hit bool) {
	t.Helper()
	if !hit {
		t.Fatalf("it ended before it could be interrupted: %s", r.said())
	}
	if r.code != exitInterrupted || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "--resume") || r.out != "" {
		t.Errorf("interrupted: %s", r.said())
	}
}

// killed checks that a run was ended by a signal.
func killed(t *testing.T, r result, hit bool) {
	t.Helper()
	if !hit || r.code != -1 {
		t.Fatalf("it ended before it could be killed: %s", r.said())
	}
}

// Interrupted or killed in the middle, a simulation is not a data set; resumed, it is the one that an uninterrupted
// run makes.
func TestInterruptSimulate(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	args := []string{"simulate", "run.yaml", "-q", "--set", "simulation.samples.train=388", "--set", "simulation.samples_per_shard=5", "--out"}
	must(t, dir, append(args, "whole")...)
	want := digest(t, dir, "whole")
	for name, sig := range map[string]os.Signal{"int": os.Interrupt, "kill": os.Kill} {
		r, hit := interrupt(t, dir, sig, func() bool { return exists(dir, name, "shards", "9.json") }, append(args, name)...)
		if sig == os.Kill {
			killed(t, r, hit)
		} else {
			stopped(t, r, hit)
		}
		refused(t, dir, exitFailed, []string{"of 80 shards", "--resume"}, "inspect", name)
		refused(t, dir, exitFailed, []string{"of 80 shards", "--resume"}, "train", "run.yaml", "--data", name, "--out", "fit", "-q")
		refused(t, dir, exitUsage, []string{"not empty", "--resume"}, append(args, name)...)
		done := read(t, dir, name, "shards", "3.json")
		must(t, dir, append(args, name, "--resume")...)
		if string(done) != string(read(t, dir, name, "shards", "3.json")) {
			t.Errorf("%s: a shard that was done was made again", name)
		}
		must(t, dir, "verify", name, "-q")
		if digest(t, dir, name) != want {
			t.Errorf("%s: resumed, another data set", name)
		}
		if temps, _ := filepath.Glob(filepath.Join(dir, name, "*", ".neq-tmp-*")); len(temps) > 0 {
			t.Errorf("%s: left behind %v", name, temps)
		}
	}
}

// Two runs do not write one folder: the second says so and leaves the first alone.
func TestInUse(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "-q", "--out", "other")
	for begun, line := range map[string]string{
		"data/shards/3.json":     "simulate run.yaml -q --set simulation.samples.train=388 --set simulation.samples_per_shard=5 --out data --resume",
		"fit/checkpoints/step-*": "train run.yaml --data other -q --set training.steps=6000 --set training.checkpoint_every_s=0.02 --out fit --resume",
	} {
		args := strings.Fields(line)
		first := start(t, command(dir, args...))
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			if all, _ := filepath.Glob(filepath.Join(dir, begun)); len(all) > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s did not come", begun)
			}
		}
		refused(t, dir, exitFailed, []string{"is in use by another neq"}, args...)
		if r := wait(t, first); r.code != exitDone {
			t.Errorf("the first of two: %s", r.said())
		}
	}
}

// Interrupted or killed in the middle, a fit goes on to the same weights, bit for bit.
func TestInterruptTrain(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "-q", "--out", "data")
	args := []string{"train", "run.yaml", "--data", "data", "-q", "--set", "training.steps=4000", "--set", "training.checkpoint_every_s=0.02", "--out"}
	must(t, dir, append(args, "whole")...)
	want := string(read(t, dir, "whole", "weights.safetensors"))
	for name, sig := range map[string]os.Signal{"term": syscall.SIGTERM, "kill": os.Kill} {
		begun := func() bool {
			all, _ := filepath.Glob(filepath.Join(dir, name, "checkpoints", "step-*"))
			return len(all) > 1
		}
		r, hit := interrupt(t, dir, sig, begun, append(args, name)...)
		if sig == os.Kill {
			killed(t, r, hit)
		} else {
			stopped(t, r, hit)
		}
		refused(t, dir, exitFailed, []string{name, "model.json"}, "eval", name, "--data", "data", "-q")
		refused(t, dir, exitUsage, []string{"training.batch", "4", "5"}, append(args, name, "--resume", "--set", "training.batch=5")...)
		r, hit = interrupt(t, dir, sig, func() bool { return true }, append(args, name, "--resume")...) // at its start
		if r.code != exitInterrupted && r.code != -1 {
			t.Errorf("%s: interrupted once more: %v, %s", name, hit, r.said())
		}
		must(t, dir, append(args, name, "--resume")...)
		if string(read(t, dir, name, "weights.safetensors")) != want {
			t.Errorf("%s: resumed, other weights", name)
		}
		if exists(dir, name, "checkpoints") {
			t.Errorf("%s: a finished fit keeps its checkpoints", name)
		}
	}
}

// An experiment stopped in each of its phases goes on to the same report.
func TestInterruptRun(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	args := []string{"run", "run.yaml", "-q", "--set", "training.steps=3000", "--set", "training.checkpoint_every_s=0.02",
		"--set", "simulation.samples.train=300", "--set", "surrogates.1.training.steps=9000", "--out"}
	must(t, dir, append(args, "whole")...)
	want := report(t, dir, filepath.Join("whole", "sweep"))
	trial := func(name, file string) func() bool {
		return func() bool {
			all, _ := filepath.Glob(filepath.Join(dir, "out", "sweep", "trials", name, file))
			return len(all) > 0
		}
	}
	r, hit := interrupt(t, dir, os.Kill, func() bool { return exists(dir, "out", "traces", "shards", "5.json") }, append(args, "out")...)
	killed(t, r, hit)
	r, hit = interrupt(t, dir, syscall.SIGTERM, trial("filter-10ms", "checkpoints/step-*"), append(args, "out", "--resume")...)
	stopped(t, r, hit)
	if exists(dir, "out", "report.html") {
		t.Error("an interrupted experiment has a report")
	}
	r, hit = interrupt(t, dir, os.Kill, trial("filter-10ms", "row.json"), append(args, "out", "--resume")...)
	killed(t, r, hit)
	done := read(t, dir, "out", "sweep", "trials", "filter-10ms", "row.json")
	must(t, dir, append(args, "out", "--resume")...)
	if string(done) != string(read(t, dir, "out", "sweep", "trials", "filter-10ms", "row.json")) {
		t.Error("a trial that was done was trained again")
	}
	for _, name := range []string{"filter-10ms", "fcn-10ms-2"} {
		file := filepath.Join("sweep", "trials", name, "weights.safetensors")
		if string(read(t, dir, "whole", file)) != string(read(t, dir, "out", file)) {
			t.Errorf("%s: resumed, other weights", name)
		}
	}
	if got := report(t, dir, filepath.Join("out", "sweep")); !reflect.DeepEqual(got, want) {
		t.Errorf("resumed, the report says\n%v\nnot\n%v", got, want)
	}
}

// A disk that fills leaves nothing that looks whole, and what is there goes on once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	args := "run.yaml -q --set simulation.samples.train=400"
	must(t, dir, append([]string{"simulate", "--out", "whole"}, strings.Fields(args)...)...)
	must(t, dir, "train", "run.yaml", "--data", "whole", "--out", "fit", "-q", "--set", "surrogates.0.window_ms=2000")
	script := `mkdir disk && mount -t tmpfs -o size=300k tmpfs disk || exit 99
` + program + ` simulate --out disk/data ` + args + `; echo code $?
` + program + ` inspect disk/data -q; echo code $?
mount -o remount,size=64m disk
` + program + ` simulate --out disk/data --resume ` + args + `; echo code $?
cp -r disk/data data
mount -o remount,size=` + "$(( $(du -sk disk | cut -f1) + 60 ))k" + ` disk
` + program + ` train run.yaml --data whole --out disk/fit -q --set surrogates.0.window_ms=2000; echo code $?
ls disk/fit
` + program + ` eval disk/fit --data whole -q; echo code $?
mount -o remount,size=64m disk
` + program + ` train run.yaml --data whole --out disk/fit --resume -q --set surrogates.0.window_ms=2000; echo code $?
cp -r disk/fit again`
	c := exec.Command("unshare", "-rm", "sh", "-c", script)
	c.Dir = dir
	b, err := c.CombinedOutput()
	out := string(b)
	if err != nil && (strings.Contains(out, "unshare") || c.ProcessState == nil || c.ProcessState.ExitCode() == 99) {
		t.Skipf("needs a small file system of its own: unshare -rm and mount -t tmpfs: %v %s", err, out)
	}
	var codes []string
	for line := range strings.Lines(out) {
		if code, ok := strings.CutPrefix(strings.TrimSpace(line), "code "); ok {
			codes = append(codes, code)
		}
	}
	if got := strings.Join(codes, " "); got != "1 1 0 1 1 0" || strings.Count(out, "disk is full")+strings.Count(out, "no space left") < 2 || strings.Contains(out, "panic") {
		t.Fatalf("exit codes %s, want 1 1 0 1 1 0, and a full disk named:\n%s", got, out)
	}
	if digest(t, dir, "data") != digest(t, dir, "whole") {
		t.Error("resumed with room, another data set")
	}
	if string(read(t, dir, "again", "weights.safetensors")) != string(read(t, dir, "fit", "weights.safetensors")) {
		t.Error("resumed with room, other weights")
	}
}
