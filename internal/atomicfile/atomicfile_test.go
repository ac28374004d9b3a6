package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFileReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, want := range []string{"first, longer", "second", ""} {
		if err := WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
	}
	if n := names(t, filepath.Dir(path)); len(n) != 1 {
		t.Errorf("left behind: %v", n)
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm()&0o400 == 0 || info.Mode().Perm()&0o111 != 0 {
		t.Errorf("mode %v, want a plain readable file", info.Mode())
	}
}

func TestFileAppearsOnCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("ab"))
	f.Write([]byte("cd"))
	if _, err := os.Stat(path); err == nil {
		t.Error("visible before Commit")
	}
	if n := names(t, filepath.Dir(path)); len(n) != 1 || !IsTemp(n[0]) {
		t.Errorf("%v, want one temporary", n)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if got, _ := os.ReadFile(path); string(got) != "abcd" {
		t.Errorf("read %q", got)
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("wrote after Commit")
	}
	if err := f.Commit(); err == nil {
		t.Error("committed twice")
	}
}

// Whatever step fails, the old file stays as it was, no temporary is left, and the error names the file and step.
// Only after the rename is the new content there: the folder's fsync fails too late to undo it.
func TestFaults(t *testing.T) {
	for _, op := range []Op{Create, Write, Sync, Rename, SyncDir} {
		t.Run(string(op), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a")
			if err := WriteFile(path, []byte("old")); err != nil {
				t.Fatal(err)
			}
			d := Disk{Fault: func(o Op, _ string, n int) (int, error) {
				if o == op {
					return n / 2, syscall.EIO
				}
				return n, nil
			}}
			err := d.WriteFile(path, []byte("new"))
			if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), string(op)) {
				t.Errorf("error %v", err)
			}
			want := "old"
			if op == SyncDir {
				want = "new"
			}
			if got, _ := os.ReadFile(path); string(got) != want {
				t.Errorf("file holds %q, want %q", got, want)
			}
			if n := names(t, filepath.Dir(path)); len(n) != 1 {
				t.Errorf("left behind: %v", n)
			}
		})
	}
}

func TestFullAfter(t *testing.T) {
	d := Disk{Fault: FullAfter(10)}
	dir := t.TempDir()
	if err := d.WriteFile(filepath.Join(dir, "a"), make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	f, err := d.NewFile(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Write(bytes.Repeat([]byte{1}, 6))
	if n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v, want 4 and ENOSPC", n, err)
	}
	f.Abort()
	if n := names(t, dir); len(n) != 1 || n[0] != "a" {
		t.Errorf("left behind: %v", n)
	}
}

// What is no file is never replaced: a rename onto a device would take it from the machine.
func TestOnlyFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	folder, pipe, link := filepath.Join(dir, "folder"), filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(folder, 0o755), syscall.Mkfifo(pipe, 0o644), os.Symlink("pipe", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, pipe, link} {
		before, _ := os.Lstat(path)
		if err := WriteFile(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", path, err)
		}
		if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s was replaced", path)
		}
	}
	if n := names(t, dir); len(n) != 3 {
		t.Errorf("left behind: %v", n)
	}
}

func TestMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "a")
	err := WriteFile(path, nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), tempMark) {
		t.Errorf("error %v: want ErrNotExist naming %s alone", err, path)
	}
}
