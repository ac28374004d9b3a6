package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Count prints a whole number with its thousands apart: 8,005.
func Count[T ~int | ~int32 | ~int64 | ~uint64](n T) string {
	s, sign := fmt.Sprint(n), ""
	if s[0] == '-' {
		s, sign = s[1:], "-"
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes prints a size with three significant figures in decimal units, as disks are sold: 312 B, 1.2 GB.
func Bytes[T ~int | ~int64 | ~uint64](n T) string {
	return scaled(float64(n), []string{" B", " kB", " MB", " GB", " TB", " PB", " EB"})
}

// Rate prints a quantity that may span orders of magnitude: 0.052, 8.7, 420, 1,560, 1.2 M.
func Rate(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "-"
	case a >= 999_500:
		return scaled(x, []string{"", " k", " M", " G", " T", " P"})
	case a >= 99.95:
		return Count(int64(math.Round(x)))
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
}

// scaled divides by 1000 until the number reads well: below 10 with one decimal, then none.
func scaled(x float64, units []string) string {
	u := 0
	for math.Abs(x) >= 999.5 && u < len(units)-1 {
		x, u = x/1000, u+1
	}
	digits := 0
	if u > 0 && math.Abs(x) < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(x, 'f', digits, 64) + units[u]
}

// Duration prints a time in its two leading units: 0.8 s, 42 s, 3 min 20 s, 2 h 05 min, 3 d 4 h.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %02d min", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
	}
}
