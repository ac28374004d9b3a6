package plot

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Integer writes 8005 as 8,005.
func Integer(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Figures rounds to n significant figures without an exponent or trailing zeros.
func Figures(x float64, n int) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	decimals := n - 1 - int(math.Floor(math.Log10(math.Abs(x))))
	if decimals <= 0 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	s := strconv.FormatFloat(x, 'f', min(decimals, 12), 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// Power writes 6.88e14 as 6.9×10¹⁴.
func Power(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	e := int(math.Floor(math.Log10(math.Abs(x))))
	m := Figures(x/math.Pow10(e), 2)
	if m == "10" {
		m, e = "1", e+1
	}
	out := "10" + Superscript(e)
	if m != "1" {
		out = m + "×" + out
	}
	return out
}

// Superscript writes a whole number above the line.
func Superscript(n int) string {
	var b strings.Builder
	for _, r := range strconv.Itoa(n) {
		if r == '-' {
			b.WriteRune('⁻')
		} else {
			b.WriteRune([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0'])
		}
	}
	return b.String()
}

// Fixed writes so many decimals, with a true minus.
func Fixed(x float64, n int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	s := strconv.FormatFloat(x, 'f', n, 64)
	if strings.HasPrefix(s, "-") {
		return "−" + s[1:]
	}
	return s
}

// Printable replaces control characters, which a terminal or a browser might obey.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

// Plural counts a thing: 1 spike, 8,005 spikes.
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return Integer(n) + " " + word + "s"
}
