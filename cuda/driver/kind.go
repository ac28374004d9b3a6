package driver

import "fmt"

// Kind is why the GPU cannot be used or a call failed. It is an error itself, for errors.Is(err, driver.OutOfMemory).
type Kind int

// What is wrong with the machine, then what went wrong with a device, then what was wrong with a call.
const (
	NotBuilt       Kind = iota + 1 // this program was built without GPU support
	NoDriver                       // no libcuda, or one that does not load
	NoDevice                       // a driver, but no GPU
	Hidden                         // CUDA_VISIBLE_DEVICES hides the GPUs
	NoPermission                   // the device files may not be opened
	DriverTooOld                   // older than the kernels' PTX needs
	DriverMismatch                 // the library and the kernel module differ in version
	DriverNotReady                 // still starting (fabric manager, recovery)
	DeviceTooOld                   // compute capability below 8.0
	Busy                           // in exclusive use by another process, or closed to compute
	Crashed                        // the driver ended the probe
	Hung                           // the driver did not answer in time

	OutOfMemory // the device's or the pinned host memory
	DeviceLost  // it fell off the bus, had an uncorrectable error, or its context was destroyed
	KernelFault // a kernel read or wrote what it may not: its context is lost
	TimedOut    // the display's watchdog ended a kernel
	NoBLAS      // no cuBLAS
	Failed      // anything else the driver says

	BadPTX        // the driver's compiler refuses a module
	NoKernel      // a module has no such kernel
	BadArgument   // a launch or call whose arguments do not fit
	BadSize       // lengths that do not agree or are out of range
	UsedAfterFree // memory, stream, event, module or context that was freed
	FreedTwice    // freed for the second time
)

var kindText = map[Kind]string{
	NotBuilt: "no GPU support in this build", NoDriver: "no NVIDIA driver", NoDevice: "no GPU", Hidden: "GPUs are hidden",
	NoPermission: "no permission to use the GPU", DriverTooOld: "the driver is too old", DriverMismatch: "the driver's parts differ in version",
	DriverNotReady: "the driver is not ready", DeviceTooOld: "the GPU is too old", Busy: "the GPU is in use by others",
	Crashed: "the driver crashed", Hung: "the driver hung", OutOfMemory: "out of GPU memory", DeviceLost: "the GPU was lost",
	KernelFault: "a kernel failed on the GPU", TimedOut: "a kernel ran too long", NoBLAS: "no cuBLAS", Failed: "the driver failed",
	BadPTX: "the driver refuses the kernels", NoKernel: "no such kernel", BadArgument: "wrong argument", BadSize: "wrong size",
	UsedAfterFree: "used after it was freed", FreedTwice: "freed twice",
}

func (k Kind) Error() string {
	if s, ok := kindText[k]; ok {
		return s
	}
	return fmt.Sprintf("driver.Kind(%d)", int(k))
}

// Error is a failure of the driver or a refused call.
type Error struct {
	Kind Kind
	Op   string // what was tried: "allocate 4.0 GB"
	Text string // what is wrong and what to do
	Code int    // the driver's CUresult or cuBLAS's status, 0 where it was not asked
}

func (e *Error) Error() string {
	s := "gpu: "
	if e.Op != "" {
		s += e.Op + ": "
	}
	s += e.Text
	if e.Code > 0 {
		s += " (" + code(e.Code).String() + ")"
	}
	return s
}

// Unwrap makes errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

// code is a CUresult.
type code int

// The codes of the driver's interface that are told apart, with its names for them.
var codes = map[code]struct {
	name string
	kind Kind
	text string
}{
	gone: {"", UsedAfterFree, "a buffer was freed before its turn came"},
	1:    {"INVALID_VALUE", BadArgument, "the driver refuses an argument"},
	2:    {"OUT_OF_MEMORY", OutOfMemory, "out of memory: use a smaller batch, or end what else runs on the GPU (nvidia-smi)"},
	3:    {"NOT_INITIALIZED", Failed, "the driver was not initialised"},
	4:    {"DEINITIALIZED", DeviceLost, "the driver has shut down"},
	34:   {"STUB_LIBRARY", NoDriver, "libcuda.so.1 is the toolkit's link-time stub: take its folder out of LD_LIBRARY_PATH, or install the driver"},
	35:   {"CALL_REQUIRES_NEWER_DRIVER", DriverTooOld, "the driver is too old: install a newer one"},
	46:   {"DEVICE_UNAVAILABLE", Busy, "in exclusive use by another process or closed to compute: see nvidia-smi, wait, or take another GPU with --device cuda:i"},
	100:  {"NO_DEVICE", NoDevice, "the driver sees no GPU"},
	101:  {"INVALID_DEVICE", NoDevice, "there is no such GPU"},
	200:  {"INVALID_IMAGE", BadPTX, "not PTX or a cubin"},
	201:  {"INVALID_CONTEXT", DeviceLost, "the context is gone"},
	209:  {"NO_BINARY_FOR_GPU", BadPTX, "no code for this GPU"},
	214:  {"ECC_UNCORRECTABLE", DeviceLost, "the GPU's memory had an error that could not be corrected: go on from the last checkpoint with --resume, and have the GPU looked at if it happens again"},
	218:  {"INVALID_PTX", BadPTX, "the driver's compiler refuses the PTX"},
	220:  {"NVLINK_UNCORRECTABLE", DeviceLost, "a link between GPUs failed: go on with --resume"},
	221:  {"JIT_COMPILER_NOT_FOUND", NoDriver, "the driver has no PTX compiler (libnvidia-ptxjitcompiler.so.1): install the whole driver package"},
	222:  {"UNSUPPORTED_PTX_VERSION", DriverTooOld, "the driver is too old for the kernels: install a newer one"},
	304:  {"OPERATING_SYSTEM", Failed, "a system call of the driver failed"},
	500:  {"NOT_FOUND", NoKernel, "not found"},
	600:  {"NOT_READY", Failed, "not ready"},
	700:  {"ILLEGAL_ADDRESS", KernelFault, "a kernel used memory that is not its own; this is a fault in neq: please report it. Finished results are safe; --device cpu goes on"},
	701:  {"LAUNCH_OUT_OF_RESOURCES", BadArgument, "the launch asks for more registers or shared memory than the GPU has"},
	702:  {"LAUNCH_TIMEOUT", TimedOut, "a kernel ran longer than the display's watchdog allows: use a GPU without a display, or a smaller batch"},
	709:  {"CONTEXT_IS_DESTROYED", DeviceLost, "the context is gone"},
	710:  {"ASSERT", KernelFault, "a kernel's assertion failed"},
	714:  {"HARDWARE_STACK_ERROR", KernelFault, "a kernel's stack was corrupted"},
	715:  {"ILLEGAL_INSTRUCTION", KernelFault, "a kernel ran an illegal instruction"},
	716:  {"MISALIGNED_ADDRESS", KernelFault, "a kernel used a misaligned address"},
	717:  {"INVALID_ADDRESS_SPACE", KernelFault, "a kernel used an address of the wrong space"},
	718:  {"INVALID_PC", KernelFault, "a kernel jumped out of its code"},
	719:  {"LAUNCH_FAILED", DeviceLost, "the GPU stopped in the middle of a kernel: go on from the last checkpoint with --resume; dmesg (Xid) and nvidia-smi say why"},
	800:  {"NOT_PERMITTED", NoPermission, "not permitted"},
	801:  {"NOT_SUPPORTED", Failed, "this driver or GPU lacks the call"},
	802:  {"SYSTEM_NOT_READY", DriverNotReady, "the driver is still starting: wait, and on a machine with NVSwitch see that nvidia-fabricmanager runs"},
	803:  {"SYSTEM_DRIVER_MISMATCH", DriverMismatch, "libcuda and the kernel module are of different versions, as after an update: restart the machine"},
	804:  {"COMPAT_NOT_SUPPORTED_ON_DEVICE", DriverMismatch, "a forward-compatibility libcuda that this GPU does not support: take it out of LD_LIBRARY_PATH"},
	999:  {"UNKNOWN", DeviceLost, "the driver failed for an unknown reason: dmesg (Xid) may say more; a new process or a restart may help"},
}

func (c code) String() string {
	if k, ok := codes[c]; ok {
		return "CUDA_ERROR_" + k.name
	}
	if c > blasFailed {
		return fmt.Sprintf("cuBLAS status %d", int(c-blasFailed))
	}
	return fmt.Sprintf("CUDA error %d", int(c))
}

func (c code) kind() Kind {
	if k, ok := codes[c]; ok {
		return k.kind
	}
	return Failed
}

func (c code) text() string {
	if k, ok := codes[c]; ok {
		return k.text
	}
	if c > blasFailed {
		return "cuBLAS failed"
	}
	return "the driver failed"
}

// fail is the error of a call, nil for code 0.
func fail(op string, c code) error {
	if c == 0 {
		return nil
	}
	return &Error{Kind: c.kind(), Op: op, Text: c.text(), Code: int(c)}
}

func refuse(k Kind, op, format string, a ...any) error {
	return &Error{Kind: k, Op: op, Text: fmt.Sprintf(format, a...)}
}
