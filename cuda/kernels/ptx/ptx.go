// Package ptx holds the kernels' PTX, as generate.sh makes it of their sources.
package ptx

import "embed"

//go:embed *.ptx
var files embed.FS

// Text is the PTX of one source, by its name without ending: "cells". It is empty where there is none.
func Text(name string) string {
	text, err := files.ReadFile(name + ".ptx")
	if err != nil {
		return ""
	}
	return string(text)
}
