package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// enter makes OutDir ready: done where it holds a finished fit to be resumed.
func enter(o FitOptions) (done bool, err error) {
	entries, err := os.ReadDir(o.OutDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("trainer: %w", err)
	}
	switch {
	case o.Resume:
		for _, e := range entries {
			done = done || e.Name() == modelFile
		}
	case o.Overwrite:
		for _, name := range []string{modelFile, weightsFile, metricsFile, boardFolder, checkpointFolder} { // model.json first: a half-removed fit must not look whole
			if err := os.RemoveAll(filepath.Join(o.OutDir, name)); err != nil {
				return false, fmt.Errorf("trainer: %w", err)
			}
		}
	case len(entries) > 0:
		return false, fmt.Errorf("trainer: %s is not empty: use --resume to go on with the fit there, or --overwrite", o.OutDir)
	}
	if err := os.MkdirAll(o.OutDir, 0o777); err != nil {
		return false, fmt.Errorf("trainer: %w", err)
	}
	return done, nil
}

// finished is the result of a fit that was already done.
func finished(dir string, who identity) (*FitResult, error) {
	d, err := Describe(dir)
	if err != nil {
		return nil, err
	}
	was := newIdentity(d.Spec, d.Config, d.Data)
	was.Origin = d.Origin
	if key, was, is := differs(was, who); key != "" {
		return nil, &MismatchError{Path: dir, Key: key, Was: was, Is: is}
	}
	if err := os.RemoveAll(filepath.Join(dir, checkpointFolder)); err != nil { // left by a kill after the last rename
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return &FitResult{Description: *d, Dir: dir, Stopped: d.Steps < d.Config.Steps}, nil
}
