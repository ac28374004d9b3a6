package traces

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// debianPython is where Debian's python3-zarr and python3-xarray are.
const debianPython = "/usr/bin/python3"

const readBack = `
import sys, json, warnings
import xarray, zarr, numpy as np
warnings.simplefilter("error", RuntimeWarning) # xarray's for a group without consolidated metadata
ds = xarray.open_zarr(sys.argv[1])
z = zarr.open(sys.argv[1], mode="r")
out = {}
for name in ds.variables:
    x, y = ds[name].values, z[name][...]
    assert np.array_equal(x, y, equal_nan=x.dtype.kind == "f"), name
    out[name] = {"dtype": x.dtype.str, "shape": x.shape, "dims": ds[name].dims, "units": ds[name].attrs.get("units"),
                 "sum": float(np.nansum(x, dtype="f8")) if x.dtype.kind != "U" else 0,
                 "nan": int(np.isnan(x).sum()) if x.dtype.kind != "U" else 0}
assert "time" in ds.coords
first, n = int(ds.input_start[7]), int(ds.input_count[7])
json.dump({"arrays": out, "attrs": ds.attrs, "consolidated": sorted(zarr.open_consolidated(sys.argv[1]).array_keys()),
           "split": ds.split.attrs["names"], "groups": ds.synapse_group.attrs["names"],
           "site": float(ds.v.sel(v_site="apic[50](0.9)", time=33.0).values[7]), "window": ds.window0_time.values.tolist(),
           "fine": float(ds.window1_v.sel(v_site="apic[50](0.9)", window1_time=2.5).values[7]),
           "region": ds.segment_region.values[ds.v_segment.values].tolist(),
           "times7": ds.input_time.values[first:first + n].tolist(),
           "synapses7": ds.input_synapse.values[first:first + n].tolist()}, sys.stdout)
`

func TestPythonOpens(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import zarr, xarray").Run(); err != nil {
		if os.Getenv("NEQ_CI") == "1" {
			t.Fatalf("%s cannot import zarr and xarray: apt-get install python3-zarr python3-xarray", debianPython)
		}
		t.Skip("needs Debian's python3-zarr and python3-xarray")
	}
	in := full()
	dir := whole(t, in)
	cmd := exec.Command(debianPython, "-c", readBack, dir)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Arrays map[string]struct {
			Dtype string
			Shape []int64
			Dims  []string
			Units string
			Sum   float64
			Nan   int
		}
		Attrs        map[string]any
		Consolidated []string
		Split        []string
		Groups       []string
		Times7       []float32
		Site, Fine   float32
		Window       []float64
		Region       []string
		Synapses7    []int32
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if n := len(in.arrays()); len(got.Arrays) != n || len(got.Consolidated) != n {
		t.Errorf("%d arrays, %d consolidated, want %d", len(got.Arrays), len(got.Consolidated), n)
	}
	sums := map[string]float64{}
	for k := range in.Shards() {
		s := fake(in, k)
		for name, v := range map[string][]float32{"soma_v": s.SomaV, "input_time": s.InputTime, "spike_time": s.SpikeTime,
			"m": s.Extra[0], "h_gate": s.Extra[1], "v": slices.Concat(s.Extra[2], s.Extra[3]), "ca_ca": slices.Concat(s.Extra[4], s.Extra[5]),
			"window0_soma_v": s.Windows[0][0], "window1_v": slices.Concat(s.Windows[1][3], s.Windows[1][4])} {
			for _, x := range v {
				sums[name] += float64(x)
			}
		}
		for i := range s.Samples {
			sums["input_count"] += float64(s.InputStart[i+1] - s.InputStart[i])
			sums["spike_count"] += float64(s.SpikeStart[i+1] - s.SpikeStart[i])
		}
	}
	sums["split"] = 2*1 + 4*2
	sums["synapse_group"] = 10
	sums["time"] = 59 * 60 / 2
	for _, a := range in.arrays() {
		p, ok := got.Arrays[a.name]
		if !ok {
			t.Errorf("%s is missing", a.name)
			continue
		}
		if len(p.Shape) != len(a.shape) || p.Shape[0] != a.shape[0] || len(p.Dims) != len(a.dims) || p.Dims[0] != a.dims[0] {
			t.Errorf("%s: shape %v dims %v, want %v %v", a.name, p.Shape, p.Dims, a.shape, a.dims)
		}
		if p.Dtype != a.dtype || p.Units != a.attrs["units"] { // an integer must not come out as a float
			t.Errorf("%s: %s in %q, want %s in %q", a.name, p.Dtype, p.Units, a.dtype, a.attrs["units"])
		}
		// float64 sums in another order: 1e-9 of relative rounding is far above it.
		if want, ok := sums[a.name]; ok && math.Abs(p.Sum-want) > 1e-9*math.Abs(want) {
			t.Errorf("%s: sum %v, want %v", a.name, p.Sum, want)
		}
	}
	if n := got.Arrays["soma_v"].Nan; n != 0 {
		t.Errorf("%d NaN in soma_v: the last shard's padding shows", n)
	}
	s := fake(in, 1)
	if want := s.Extra[3][2*60+33]; got.Site != want {
		t.Errorf("v at apic[50](0.9), 33 ms is %g, want %g", got.Site, want)
	}
	if want := s.Windows[1][4][2*24+1]; got.Fine != want {
		t.Errorf("v at apic[50](0.9), 2.5 ms is %g, want %g", got.Fine, want)
	}
	if n := len(got.Window); n != 24 || got.Window[1] != 10.125 || !slices.Equal(got.Region, []string{"soma", "apic"}) {
		t.Errorf("window at %v, regions %v", got.Window, got.Region)
	}
	i, j := s.InputStart[2], s.InputStart[3]
	if len(got.Times7) != int(j-i) {
		t.Fatalf("sample 7 has %d events, want %d", len(got.Times7), j-i)
	}
	for e := range got.Times7 {
		if got.Times7[e] != s.InputTime[int(i)+e] || got.Synapses7[e] != s.InputSynapse[int(i)+e] {
			t.Fatalf("event %d of sample 7 differs", e)
		}
	}
	if got.Attrs["neuron"] != "hh" || got.Split[2] != "test" || got.Groups[1] != "inh" {
		t.Errorf("attributes %v, splits %v, groups %v", got.Attrs, got.Split, got.Groups)
	}
}
