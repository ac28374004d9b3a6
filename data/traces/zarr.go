package traces

import "encoding/json"

// compressor is numcodecs' configuration of a codec.
type compressor struct {
	ID    string `json:"id"`
	Level int    `json:"level"`
}

// filter is numcodecs' configuration of what comes before the compressor.
type filter struct {
	ID          string `json:"id"`
	ElementSize int    `json:"elementsize"`
}

// zarray is the metadata of a Zarr v2 array (zarr.readthedocs.io, storage specification version 2).
type zarray struct {
	Chunks     []int64    `json:"chunks"`
	Compressor compressor `json:"compressor"`
	Dtype      string     `json:"dtype"`
	Fill       any        `json:"fill_value"`
	Filters    []filter   `json:"filters"` // none: null
	Order      string     `json:"order"`
	Shape      []int64    `json:"shape"`
	Separator  string     `json:"dimension_separator"`
	Format     int        `json:"zarr_format"`
}

type zgroup struct {
	Format int `json:"zarr_format"`
}

// zarrFiles returns the metadata files of the set by path.
func (in *Info) zarrFiles() (map[string][]byte, error) {
	attributes := map[string]any{
		"title":          "input and output of simulated neurons",
		"source":         "neq " + in.Version,
		"neuron":         in.Neuron,
		"threshold_mv":   in.Threshold,
		"duration_ms":    in.Duration,
		"seed":           in.Seed,
		"device":         in.Device,
		"splits":         in.Splits,
		"synapse_groups": in.Synapses,
		"configuration":  in.Configuration,
	}
	if in.SpikeRule != "" {
		attributes["spike_rule"] = in.SpikeRule
	}
	if c := in.Cell; c != nil {
		attributes["morphology"], attributes["morphology_sha256"], attributes["segments"] = c.Morphology, c.SHA256, len(c.Segments)
	}
	if in.Windows != nil {
		attributes["windows"] = in.Windows
	}
	return zarrFiles(attributes, in.arrays())
}

// zarrFiles returns the metadata files of a group by path.
func zarrFiles(attributes map[string]any, arrays []array) (map[string][]byte, error) {
	meta := map[string]any{".zgroup": zgroup{2}, ".zattrs": attributes}
	for _, a := range arrays {
		attrs := map[string]any{"_ARRAY_DIMENSIONS": a.dims}
		for k, v := range a.attrs {
			attrs[k] = v
		}
		var filters []filter
		if size := a.wordSize(); size > 1 {
			filters = []filter{{"shuffle", size}}
		}
		meta[a.name+"/.zarray"] = zarray{Chunks: a.chunk, Filters: filters, Compressor: compressor{"zstd", zstdLevel}, Dtype: a.dtype,
			Fill: a.fill, Order: "C", Shape: a.shape, Separator: ".", Format: 2}
		meta[a.name+"/.zattrs"] = attrs
	}
	files := map[string][]byte{}
	for name, v := range meta {
		b, err := indented(v)
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	b, err := indented(map[string]any{"metadata": meta, "zarr_consolidated_format": 1})
	files[".zmetadata"] = b
	return files, err
}

func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "    ")
	return append(b, '\n'), err
}
