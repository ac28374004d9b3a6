//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// childVariable makes this program the child of a probe: see init.
const childVariable = "NEQ_GPU_PROBE"

// probeLimit is how long the driver may take. Eight GPUs whose driver is not kept loaded take over ten seconds.
const probeLimit = 40 * time.Second

// prober is where a probe looks.
type prober struct {
	dev, pci string // folders: /dev, /sys/bus/pci/devices
	access   func(path string) error
	limit    time.Duration
	env      []string // for the child, added to this program's
}

// Probe looks for a GPU in a child process and says what it found. It takes as long as the driver takes to start,
// at most until ctx ends or 40 s, and never fails: what is wrong is in the Status.
func Probe(ctx context.Context) Status {
	p := prober{dev: "/dev", pci: "/sys/bus/pci/devices", limit: probeLimit,
		access: func(path string) error { return unix.Access(path, unix.R_OK|unix.W_OK) }}
	return p.probe(ctx)
}

func (p prober) probe(ctx context.Context) Status {
	f := p.run(ctx)
	if v, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok {
		f.visible = &v
	}
	for _, form := range []string{"nvidiactl", "nvidia[0-9]*", "nvidia-uvm"} {
		paths, _ := filepath.Glob(filepath.Join(p.dev, form))
		for _, path := range paths {
			f.files = true
			if f.denied == "" && errors.Is(p.access(path), os.ErrPermission) {
				f.denied = path
			}
		}
	}
	f.onBus = onBus(p.pci)
	return diagnose(f)
}

// onBus says whether a display controller (class 03) of NVIDIA's (vendor 10de) is on the PCI bus.
func onBus(dir string) bool {
	vendors, _ := filepath.Glob(filepath.Join(dir, "*", "vendor"))
	for _, v := range vendors {
		vendor, _ := os.ReadFile(v)
		class, _ := os.ReadFile(filepath.Join(filepath.Dir(v), "class"))
		if strings.TrimSpace(string(vendor)) == "0x10de" && strings.HasPrefix(string(class), "0x03") {
			return true
		}
	}
	return false
}

// run starts the child and gathers its report, which comes as a line of JSON per stage.
func (p prober) run(ctx context.Context) facts {
	var f facts
	r, w, err := os.Pipe()
	if err != nil {
		f.child = err.Error()
		return f
	}
	defer r.Close()
	began := time.Now()
	ctx, stop := context.WithTimeout(ctx, p.limit)
	defer stop()
	var said tail
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(append(os.Environ(), p.env...), childVariable+"=1", "GOTRACEBACK=single")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	w.Close()
	if err != nil {
		f.child = err.Error()
		return f
	}
	lines := make(chan report)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(r)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var x report
			if json.Unmarshal(in.Bytes(), &x) == nil {
				lines <- x
			}
		}
	}()
	// A child stuck in the kernel cannot be killed; it must not hold this program.
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for open := true; open; {
		select {
		case x, ok := <-lines:
			if open = ok; ok {
				f.report = x
			}
		case <-ctx.Done():
			open = false
			r.Close()
			go func() { // lets the reader end
				for range lines {
				}
			}()
		}
	}
	if f.Done {
		return f
	}
	if ctx.Err() != nil {
		f.hung, f.limit, f.child = true, time.Since(began).Round(100*time.Millisecond).String(), "no answer"
		return f
	}
	select {
	case err := <-ended:
		f.child = ending(err, said.String())
	case <-ctx.Done():
		f.child = "no report"
	}
	return f
}

var signalForm = regexp.MustCompile(`SIG[A-Z]+`)

// ending puts a child's end into words. Go turns a fault in a library into a message and exit status 2.
func ending(err error, said string) string {
	if s := signalForm.FindString(said); s != "" {
		return s
	}
	if err == nil {
		return "it ended without a report"
	}
	return err.Error()
}

// tail keeps the first bytes of what a child says.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	if room := 64<<10 - t.Len(); room > 0 {
		t.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}

func init() {
	if os.Getenv(childVariable) == "" {
		return
	}
	os.Unsetenv(childVariable)
	time.AfterFunc(probeLimit+5*time.Second, func() { os.Exit(3) }) // where the parent is gone
	out := os.NewFile(3, "report")
	examine(func(r report) {
		b, err := json.Marshal(r)
		if err == nil {
			_, err = out.Write(append(b, '\n'))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(3)
		}
	})
	os.Exit(0)
}

// probePTX is a kernel that does nothing, as old as the others.
const probePTX = ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry neq_probe()\n{\n\tret;\n}\n"

// examine tries everything that a program needs of the driver, telling each step before it takes it.
func examine(tell func(report)) {
	runtime.LockOSThread() // a context is current on a thread
	var r report
	stage := func(s string) { r.Stage = s; tell(r) }
	stage("cuInit")
	d := load()
	r.Loaded, r.Trouble, r.Path, r.Init = d.loaded, d.trouble, d.path, int(d.init)
	r.Version = d.raw.version()
	if d.loaded && d.init == 0 && r.Version >= leastDriver {
		stage("counting GPUs")
		n, k := d.raw.devices()
		if k != 0 {
			r.Init = int(k)
		}
		for i := range n {
			stage(fmt.Sprintf("GPU %d", i))
			r.Devices = append(r.Devices, examineDevice(d.raw, i))
		}
	}
	r.Listed = true
	for _, x := range r.Devices {
		if x.Usable {
			stage("cuBLAS")
			r.BLAS = findBLAS()
			break
		}
	}
	r.Done = true
	tell(r)
}

// examineDevice opens a device and compiles a kernel for it.
func examineDevice(r raw, i int) DeviceInfo {
	d, k := r.device(i)
	d.Index = i
	var h handle
	switch {
	case k != 0:
	case d.Major < leastCompute:
		d.Kind, d.Why = DeviceTooOld, fmt.Sprintf("its compute capability is %d.%d, neq's kernels need 8.0 (Ampere) or newer", d.Major, d.Minor)
		return d
	default:
		if h, k = r.makeContext(i); k == 0 {
			defer r.destroyContext(h)
			if d.Free, _, k = r.memory(); k == 0 {
				var m handle
				if m, _, k = r.load(probePTX); k == 0 {
					if _, k = r.function(m, "neq_probe"); k == 0 {
						k = r.unload(m)
					}
				}
			}
		}
	}
	if d.Usable = k == 0; k != 0 {
		d.Kind, d.Code, d.Why = k.kind(), int(k), k.text()
	}
	return d
}
