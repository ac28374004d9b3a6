// Package atomicfile writes files that exist only when they are whole: a temporary in the same folder, fsync,
// rename over the name, fsync of the folder. A crash, a kill or a full disk leaves the old file or none.
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Op is a step of writing a file, as a Fault sees it.
type Op string

// The steps in their order.
const (
	Create  Op = "create"
	Write   Op = "write"
	Sync    Op = "sync"
	Rename  Op = "rename"
	SyncDir Op = "sync folder of"
)

// Fault decides how a step goes: n is the bytes about to be written (0 for other steps). It returns how many of
// them reach the disk and the error the step then fails with.
type Fault func(op Op, path string, n int) (int, error)

// Disk writes files. The zero value is the real disk; Fault, when set, stands between it and the caller so that
// tests can fill or break it. Safe for concurrent use if Fault is.
type Disk struct{ Fault Fault }

// WriteFile writes data to path on the real disk; see Disk.WriteFile.
func WriteFile(path string, data []byte) error { return Disk{}.WriteFile(path, data) }

// NewFile starts writing path on the real disk; see Disk.NewFile.
func NewFile(path string) (*File, error) { return Disk{}.NewFile(path) }

// WriteFile replaces path by data as a whole, or leaves what was there. Errors name the file and wrap the
// system's (errors.Is(err, syscall.ENOSPC) on a full disk).
func (d Disk) WriteFile(path string, data []byte) error {
	f, err := d.NewFile(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// File is a file being written. It appears under its name on Commit and never before.
type File struct {
	disk Disk
	path string
	temp *os.File // nil once committed or aborted
}

const tempMark = ".neq-tmp-"

// IsTemp tells whether a file's base name is that of a temporary a killed writer left behind.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempMark) }

// NewFile opens a temporary beside path. The caller ends with Commit, or Abort (harmless after Commit).
func (d Disk) NewFile(path string) (*File, error) {
	if _, err := d.step(Create, path, 0); err != nil {
		return nil, err
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() { // a rename would replace /dev/stdout
		return nil, fail(Create, path, errors.New("there is something under this name that is no regular file"))
	}
	var word [8]byte
	for {
		rand.Read(word[:]) // never fails
		name := filepath.Join(filepath.Dir(path), tempMark+hex.EncodeToString(word[:]))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fail(Create, path, err)
		}
		return &File{disk: d, path: path, temp: f}, nil
	}
}

// Write appends to the file; it is an io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if f.temp == nil {
		return 0, fail(Write, f.path, fs.ErrClosed)
	}
	allowed, fault := f.disk.step(Write, f.path, len(p))
	n, err := f.temp.Write(p[:allowed])
	if err != nil {
		return n, fail(Write, f.path, err)
	}
	return n, fault
}

// Commit makes the file appear under its name, durably. On an error nothing of it stays.
func (f *File) Commit() error {
	if f.temp == nil {
		return fail(Sync, f.path, fs.ErrClosed)
	}
	defer f.Abort()
	if _, err := f.disk.step(Sync, f.path, 0); err != nil {
		return err
	}
	if err := f.temp.Sync(); err != nil {
		return fail(Sync, f.path, err)
	}
	if err := f.temp.Close(); err != nil {
		return fail(Sync, f.path, err)
	}
	if _, err := f.disk.step(Rename, f.path, 0); err != nil {
		return err
	}
	if err := os.Rename(f.temp.Name(), f.path); err != nil {
		return fail(Rename, f.path, err)
	}
	f.temp = nil
	if _, err := f.disk.step(SyncDir, f.path, 0); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(f.path))
}

// Abort removes the temporary. It does nothing after Commit.
func (f *File) Abort() {
	if f.temp == nil {
		return
	}
	f.temp.Close()
	os.Remove(f.temp.Name())
	f.temp = nil
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("atomicfile: sync folder %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !notForFolders(err) {
		return fmt.Errorf("atomicfile: sync folder %s: %w", dir, err)
	}
	return nil
}

func (d Disk) step(op Op, path string, n int) (int, error) {
	if d.Fault == nil {
		return n, nil
	}
	allowed, err := d.Fault(op, path, n)
	if err != nil {
		err = fail(op, path, err)
	}
	return min(max(allowed, 0), n), err
}

// fail names the file rather than its temporary.
func fail(op Op, path string, err error) error {
	var in *fs.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	return fmt.Errorf("atomicfile: %s %s: %w", op, path, err)
}
