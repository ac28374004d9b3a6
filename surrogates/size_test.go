package surrogates

import "testing"

func TestSizeIsWhatNewAllocates(t *testing.T) {
	for _, s := range []Spec{{Family: "filter", Window: 80}, {Family: "fcn", Window: 43, Width: 16}, {Family: "tcn", Depth: 3, Width: 8, Kernels: []int{5, 3, 3}}} {
		n, err := New(s, PlainInputs(100), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		size, err := s.Size(100)
		if err != nil || size > int64(n.Parameters()) || size < int64(n.Parameters())*9/10 {
			t.Errorf("%s: size %d of %d parameters (%v)", s.Title(), size, n.Parameters(), err)
		}
	}
}
