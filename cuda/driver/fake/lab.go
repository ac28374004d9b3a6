package fake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Source is the C that twins of kernels are compiled from.
type Source struct {
	Name   string   // of the file it becomes
	File   string   // that is included
	Before string   // lines before that
	Also   []string // patterns of files it depends on, beside those in its own folder
}

// Main is the body of a TestMain: it runs the package's tests with twins made from sources, deletes what was built, and
// returns the exit code. It reads all that twins depend on, so that go test knows when a result is old.
func (l *Lab) Main(m *testing.M, sources ...Source) int {
	defer l.Close()
	l.Twins = map[string]string{}
	for _, s := range sources {
		path, err := filepath.Abs(s.File)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		l.Twins[s.Name] = fmt.Sprintf("%s#include %q\n", s.Before, path)
		for _, form := range append([]string{filepath.Join(filepath.Dir(s.File), "*.[chu]*"), s.File}, s.Also...) {
			files, err := filepath.Glob(form)
			if err != nil || len(files) == 0 {
				fmt.Fprintf(os.Stderr, "fake driver: nothing is %s (%v)\n", form, err)
				return 1
			}
			for _, f := range files {
				if _, err := os.ReadFile(f); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
			}
		}
	}
	return m.Run()
}

// Lab runs tests on the fake driver, which it builds once. A package's tests share one, whose Main is their TestMain.
type Lab struct {
	Twins map[string]string // C source of kernels' twins, by the name of the file it becomes

	once  sync.Once
	dir   string
	twins []string
	err   error
}

// Built is the folder of the fake driver and the twins' shared objects. A test skips where there is no gcc.
func (l *Lab) Built(t testing.TB) (dir string, twins []string) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc to build a driver for tests: apt-get install gcc")
	}
	l.once.Do(func() {
		if l.dir, l.err = os.MkdirTemp("", "fake-driver"); l.err != nil {
			return
		}
		if l.err = Build(l.dir); l.err != nil {
			return
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for name, source := range l.Twins {
			wg.Go(func() {
				path, err := Twin(l.dir, name, source)
				mu.Lock()
				defer mu.Unlock()
				l.twins, l.err = append(l.twins, path), errors.Join(l.err, err)
			})
		}
		wg.Wait()
	})
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.dir, l.twins
}

// inside names, in a child, the test it is to run.
const inside = "NEQ_TEST_IN_FAKE"

// Within runs the calling test again in a process that finds the fake driver, and with blas the fake cuBLAS, and
// says whether this is that process: if lab.Within(t, "devices=2", false) { ... }. What the test says there, and
// that it fails, shows here.
func (l *Lab) Within(t *testing.T, settings string, blas bool, env ...string) bool {
	t.Helper()
	if name := os.Getenv(inside); name != "" {
		return name == t.Name()
	}
	dir, twins := l.Built(t)
	var form []string
	for _, part := range strings.Split(t.Name(), "/") {
		form = append(form, "^"+part+"$")
	}
	counts := filepath.Join(t.TempDir(), "counts")
	if err := os.WriteFile(counts, make([]byte, binary.Size(Counts{})), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe", "-test.run", strings.Join(form, "/"), "-test.v")
	c.Env = append(append(Environ(dir, blas, settings, twins...), inside+"="+t.Name(), countsVariable+"="+counts), env...)
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("on the fake driver (%s): %v\n%s", settings, err, out)
	}
	return false
}

// Close deletes what was built.
func (l *Lab) Close() {
	if l.dir != "" {
		os.RemoveAll(l.dir)
	}
}
