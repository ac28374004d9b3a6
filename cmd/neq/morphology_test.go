package main

import (
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

const cellSWC = "1 1 0 0 0 6 -1\n2 3 7 0 0 0.5 1\n3 3 100 0 0 0.5 2\n4 4 0 7 0 1 1\n5 4 0 300 0 1 4\n"

func TestMorphology(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cell.swc"), cellSWC)
	r := must(t, dir, "morphology", "cell.swc", "--svg", "cell.svg", "--colour", "distance")
	for _, want := range []string{"cell.swc: 3 sections, 21 segments", "dend, basal", "apic, apical", "293"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("lacks %q: %s", want, r.said())
		}
	}
	d := xml.NewDecoder(strings.NewReader(string(read(t, dir, "cell.svg"))))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var s summary
	decode(t, dir, &s, "morphology", "cell.swc", "--stub-axon", "--segment-length", "20")
	if s.Sections != 5 || s.Segments != 1+3*2+9+29 || len(s.Regions) != 4 || s.Regions[1].Length != 60 {
		t.Errorf("%+v", s)
	}
	decode(t, dir, &s, "morphology")
	if s.Segments != 640 || s.Regions[1].Segments != 262 || s.Regions[2].Segments != 377 {
		t.Errorf("the built-in cell: %+v", s)
	}
}

func TestMorphologyRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cell.swc"), cellSWC)
	write(t, filepath.Join(dir, "orphan.swc"), cellSWC+"6 3 0 0 9 1 77\n")
	write(t, filepath.Join(dir, "cell.txt"), cellSWC)
	write(t, filepath.Join(dir, "cut.asc"), "(\"CellBody\" (1 2 3)")
	for _, c := range []struct {
		code int
		line string
		want string
	}{
		{exitUsage, "morphology cell.swc more.swc", "at most 1 arg"},
		{exitUsage, "morphology cell.swc --colour purple --svg a.svg", "--colour purple: want region, area, diameter, distance"},
		{exitUsage, "morphology cell.swc --colour area", "--svg FILE"},
		{exitUsage, "morphology cell.swc --segment-length 0", "--segment-length 0"},
		{exitUsage, "morphology cell.swc --segment-length -3", "--segment-length -3"},
		{exitUsage, "morphology cell.swc --segment-length nan", "--segment-length NaN"},
		{exitFailed, "morphology cell.swc --segment-length 1e-7", "more than 1000000 segments"},
		{exitFailed, "morphology absent.swc", "absent.swc"},
		{exitFailed, "morphology cell.txt", "must end in .swc or .asc"},
		{exitFailed, "morphology orphan.swc", "orphan.swc:6: the parent, 77, is not in the file"},
		{exitFailed, "morphology cut.asc", "cut.asc:1: a contour opened here is never closed"},
		{exitFailed, "morphology cell.swc --svg absent/cell.svg", "absent"},
	} {
		refused(t, dir, c.code, []string{c.want}, strings.Fields(c.line)...)
	}
}
