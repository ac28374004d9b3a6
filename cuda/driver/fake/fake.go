// Package fake builds a driver and a cuBLAS for tests, from C, with gcc: what package driver finds as libcuda.so.1
// and libcublas.so.12 where they are on LD_LIBRARY_PATH. The driver checks arguments, bounds and lifetimes, runs
// kernels through their CPU twins, and fails as it is told to (see src/libcuda.c).
//
// The dynamic linker reads LD_LIBRARY_PATH when a process starts, so a test runs itself again: see Lab.
package fake

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"neq/cuda/driver/lazycuda"
)

//go:embed src/libcuda.c
var libcuda string

//go:embed src/modules.c
var modules string

//go:embed src/libcublas.c
var libcublas string

//go:embed src/twin.h
var twin string

// Build writes libcuda.so.1 to dir/driver and libcublas.so.12 to dir/blas, and cuda.h and twin.h to dir for twins
// to include.
func Build(dir string) error {
	for _, f := range []struct{ name, text string }{{"cuda.h", lazycuda.Header}, {"twin.h", twin}, {"libcuda.c", libcuda}, {"modules.c", modules}, {"libcublas.c", libcublas}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return fmt.Errorf("fake driver: %w", err)
		}
	}
	for _, sub := range []string{"driver", "blas"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return fmt.Errorf("fake driver: %w", err)
		}
	}
	if err := gcc(dir, "-Wl,-soname,libcuda.so.1", "-o", "driver/libcuda.so.1", "libcuda.c", "-ldl", "-lpthread"); err != nil {
		return err
	}
	return gcc(dir, "-o", "blas/libcublas.so.12", "libcublas.c", "driver/libcuda.so.1")
}

// Twin compiles C source with twins of kernels into dir/name.so, after Build(dir), and returns its path.
func Twin(dir, name, source string) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, name+".c"), []byte(source), 0o644); err != nil {
		return "", fmt.Errorf("fake driver: %w", err)
	}
	out := filepath.Join(dir, name+".so")
	return out, gcc(dir, "-o", out, name+".c", "driver/libcuda.so.1", "-lm")
}

func gcc(dir string, args ...string) error {
	c := exec.Command("gcc", append([]string{"-O1", "-g", "-fPIC", "-shared", "-Wall", "-I."}, args...)...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("fake driver: gcc %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Environ is the environment of a process that finds the fake driver, and with blas the fake cuBLAS: this one's,
// with settings as FAKE_CUDA ("devices=2,lost=40") and twins as FAKE_CUDA_TWINS.
func Environ(dir string, blas bool, settings string, twins ...string) []string {
	path := filepath.Join(dir, "driver")
	if blas {
		path += ":" + filepath.Join(dir, "blas")
	}
	return append(os.Environ(), "LD_LIBRARY_PATH="+path, "FAKE_CUDA="+settings, "FAKE_CUDA_TWINS="+strings.Join(twins, ":"))
}

// countsVariable names the file that the driver counts in.
const countsVariable = "FAKE_CUDA_COUNTS"

// Counts are the calls made to the driver in a context so far: all of them, and among them launches of kernels and
// products of cuBLAS, launches of graphs, those that wait for the device, copies and fills, and allocations. A call that
// is captured is counted when it is captured.
type Counts struct{ Calls, Launches, Graphs, Waits, Copies, Allocations int64 }

// Count reads the counts of this process, a child of a Lab.
func Count() (Counts, error) {
	var c Counts
	b, err := os.ReadFile(os.Getenv(countsVariable))
	if err == nil {
		err = binary.Read(bytes.NewReader(b), binary.NativeEndian, &c)
	}
	if err != nil {
		return Counts{}, fmt.Errorf("fake driver: its counts: %w", err)
	}
	return c, nil
}

// Since is what was counted between a count before and this one.
func (c Counts) Since(before Counts) Counts {
	return Counts{c.Calls - before.Calls, c.Launches - before.Launches, c.Graphs - before.Graphs, c.Waits - before.Waits,
		c.Copies - before.Copies, c.Allocations - before.Allocations}
}
