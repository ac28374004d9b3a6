package driver

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// param is a parameter of a kernel as its PTX declares it.
type param struct {
	kind  byte // 'u', 's', 'b' or 'f' of .u64, .f32, ...; 'a' for an array of bytes, which is a structure by value
	bytes int
	align int
}

func (p param) String() string {
	if p.kind == 'a' {
		return fmt.Sprintf("%d bytes by value", p.bytes)
	}
	return fmt.Sprintf(".%c%d", p.kind, 8*p.bytes)
}

var (
	entryForm = regexp.MustCompile(`(?s)\.entry\s+([A-Za-z_$%][\w$]*)\s*(?:\(([^)]*)\))?`)
	typeForm  = regexp.MustCompile(`^\.([usfb])(8|16|32|64)$`)
	arrayForm = regexp.MustCompile(`\[\s*(\d+)\s*\]$`)
	isaForm   = regexp.MustCompile(`(?m)^\s*\.version\s+(\d+)\.(\d+)`)
	noteForm  = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/`)
)

// kernelParams reads the parameters of every kernel in PTX text (PTX ISA, "Kernel Function Parameters").
func kernelParams(ptx string) (map[string][]param, error) {
	ptx = noteForm.ReplaceAllString(ptx, " ")
	if !isaForm.MatchString(ptx) {
		return nil, refuse(BadPTX, "read PTX", "it has no .version line")
	}
	out := map[string][]param{}
	for _, m := range entryForm.FindAllStringSubmatch(ptx, -1) {
		var ps []param
		if strings.TrimSpace(m[2]) != "" {
			for _, text := range strings.Split(m[2], ",") {
				p, err := readParam(text)
				if err != nil {
					return nil, refuse(BadPTX, "read PTX", "kernel %s: parameter %d: %v", m[1], len(ps), err)
				}
				ps = append(ps, p)
			}
		}
		out[m[1]] = ps
	}
	return out, nil
}

// readParam reads one declaration: ".param .u64 .ptr .global .align 4 x" or ".param .align 8 .b8 x[112]".
func readParam(text string) (param, error) {
	words := strings.Fields(text)
	if len(words) < 3 || words[0] != ".param" {
		return param{}, fmt.Errorf("%q is not a .param", strings.TrimSpace(text))
	}
	p := param{align: 1}
	for i, w := range words {
		m := typeForm.FindStringSubmatch(w)
		switch {
		case m != nil && p.kind == 0:
			bits, _ := strconv.Atoi(m[2])
			p.kind, p.bytes = m[1][0], bits/8
			p.align = max(p.align, p.bytes)
		case w == ".align" && p.kind == 0 && i+1 < len(words): // after the type it speaks of what a pointer points to
			n, err := strconv.Atoi(words[i+1])
			if err != nil || n < 1 || n > 128 || n&(n-1) != 0 {
				return param{}, fmt.Errorf("alignment %q", words[i+1])
			}
			p.align = n
		}
	}
	if p.kind == 0 {
		return param{}, fmt.Errorf("%q has no type", strings.TrimSpace(text))
	}
	if m := arrayForm.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > 32<<10 {
			return param{}, fmt.Errorf("array of %s", m[1])
		}
		p.kind, p.bytes = 'a', n*p.bytes
	}
	return p, nil
}

// isa is the version of the PTX instruction set a module is written in, {7, 0} for 7.0.
func isa(ptx string) (major, minor int) {
	if m := isaForm.FindStringSubmatch(ptx); m != nil {
		major, _ = strconv.Atoi(m[1])
		minor, _ = strconv.Atoi(m[2])
	}
	return major, minor
}
