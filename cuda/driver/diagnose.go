package driver

import (
	"fmt"
	"strings"
)

// Kernels are PTX 7.0 for compute capability 8.0: CUDA 11.0, driver 450.
const (
	leastDriver  = 11000
	leastCompute = 8
)

// report is what the child found, as far as it came.
type report struct {
	Stage   string // what it began last: "cuInit", "GPU 0: context"
	Loaded  bool   // a libcuda was opened
	Trouble string // why it was not, in the dynamic linker's words
	Path    string
	Init    int // what cuInit said
	Version int // 12040 is 12.4
	Devices []DeviceInfo
	Listed  bool // Devices are all there are
	BLAS    string
	Done    bool
}

// facts are the report and what the parent knows.
type facts struct {
	report
	child   string  // why there is no whole report: "SIGSEGV", "exit status 3"; "" where it is whole
	hung    bool    // it was ended for taking too long
	limit   string  // how long that was
	visible *string // CUDA_VISIBLE_DEVICES, nil where not set
	denied  string  // a device file that may not be opened
	files   bool    // there are device files
	onBus   bool    // the PCI bus has a display or compute device of NVIDIA's
}

// diagnose puts the facts into words.
func diagnose(f facts) Status {
	s := Status{Driver: versionText(f.Version), Library: f.Path, BLAS: f.BLAS, Devices: f.Devices}
	no := func(k Kind, why, advice string) Status {
		s.Kind, s.Why, s.Advice = k, why, advice
		if !f.Listed {
			s.Devices = nil
		}
		return s
	}
	switch {
	case f.hung && !f.Listed:
		return no(Hung, fmt.Sprintf("the driver did not answer within %s (%s)", f.limit, f.Stage),
			"see whether nvidia-smi answers; if it does not, restart the machine")
	case f.child != "" && !f.Listed:
		if f.Stage == "" {
			return no(Failed, "the probe of the driver did not start ("+f.child+")", "see that this program may start processes")
		}
		return no(Crashed, fmt.Sprintf("the driver ended the probe (%s, in %s)", f.child, f.Stage),
			"see whether nvidia-smi works; if it does not, install the driver again")
	case !f.Loaded:
		if f.Trouble == "" || strings.Contains(f.Trouble, "libcuda.so.1: cannot open shared object file: No such file") {
			if f.onBus {
				return no(NoDriver, "there is an NVIDIA GPU but no driver library (libcuda.so.1)",
					"install the driver (Debian: nvidia-driver), or start the container with --gpus all")
			}
			return no(NoDriver, "there is no NVIDIA driver (libcuda.so.1) and no NVIDIA GPU to be seen", "")
		}
		return no(NoDriver, "libcuda.so.1 does not load ("+f.Trouble+")", "install the driver again")
	case f.Init != 0:
		return noDevice(f, no, code(f.Init))
	case f.Version < leastDriver:
		return no(DriverTooOld, fmt.Sprintf("the driver is for CUDA %s, neq's kernels need %s", s.Driver, versionText(leastDriver)),
			"install driver 450 or newer")
	case len(f.Devices) == 0:
		return noDevice(f, no, 100)
	}
	for _, d := range f.Devices {
		s.Usable = s.Usable || d.Usable
	}
	if !s.Usable {
		d := f.Devices[0]
		return no(d.Kind, fmt.Sprintf("GPU %d (%s): %s", d.Index, d.Name, d.Why), "")
	}
	return s
}

// noDevice says why cuInit failed or found nothing.
func noDevice(f facts, no func(Kind, string, string) Status, k code) Status {
	none := k == 100 || k == 101
	switch {
	case none && f.visible != nil && hides(*f.visible):
		return no(Hidden, fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q hides every GPU", *f.visible), "unset it, or name a GPU in it")
	case f.denied != "":
		return no(NoPermission, "no permission to open "+f.denied,
			"join the group that owns it (ls -l "+f.denied+"), or ask for a GPU where the scheduler or the container gives them out")
	case none && f.visible != nil:
		return no(Hidden, fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q names no GPU of this machine", *f.visible), "see nvidia-smi -L for what there is")
	case none && f.onBus && !f.files:
		return no(NoDevice, "there is an NVIDIA GPU, but its kernel module is not loaded or it is not let into this container",
			"modprobe nvidia, or start the container with --gpus all")
	case none:
		return no(NoDevice, "the driver is there but sees no GPU", "see nvidia-smi")
	}
	kind := k.kind()
	if kind == DeviceLost { // nothing was there to be lost yet
		kind = Failed
	}
	return no(kind, fmt.Sprintf("the driver does not start (%v)", k), k.text())
}

// hides says whether a value of CUDA_VISIBLE_DEVICES hides every GPU: what is before the first bad index counts.
func hides(v string) bool {
	first, _, _ := strings.Cut(v, ",")
	first = strings.TrimSpace(first)
	return first == "" || strings.HasPrefix(first, "-") || strings.EqualFold(first, "NoDevFiles") || strings.EqualFold(first, "none")
}

// versionText writes the driver's version: 12040 is 12.4.
func versionText(v int) string {
	if v <= 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", v/1000, v%1000/10)
}
