package morphology

import "math"

// RegionFigures sums up one region of a cable.
type RegionFigures struct {
	Region   string  `json:"region"`
	Sections int     `json:"sections"`
	Segments int     `json:"segments"`
	Length   float64 `json:"length_um"`
	Area     float64 `json:"area_um2"`
	Diam     float64 `json:"diameter_um"`     // mean over the length
	Farthest float64 `json:"longest_path_um"` // from the beginning of the soma to the farthest end of a section
}

// Regions sums up the regions of a cable, in the order of its sections.
func (c *Cable) Regions() []RegionFigures {
	var out []RegionFigures
	at := map[string]int{}
	for i := range c.Segments {
		s := &c.Segments[i]
		k, ok := at[s.Region]
		if !ok {
			k = len(out)
			at[s.Region] = k
			out = append(out, RegionFigures{Region: s.Region, Sections: c.Morphology.Count(s.Region)})
		}
		r := &out[k]
		r.Segments++
		r.Length += s.Length
		r.Area += s.Area
		r.Diam += s.Diam * s.Length
		r.Farthest = math.Max(r.Farthest, s.PathDistance+s.Length/2)
	}
	for i := range out {
		out[i].Diam /= out[i].Length
	}
	return out
}
