package neuron

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"neq/cuda"
	"neq/internal/config"
)

// cellFiles are the built-in cells with dendrites: what anyone can write, under a head that names its parameters.
//
//go:embed cells/*.yaml
var cellFiles embed.FS

// cellOrder is the order in which they are listed.
var cellOrder = []string{"ball-and-stick", "pyramidal", "l5pc", "l5pc-ampa", "l5pc-passive", "dcaap"}

// Own is the name of the model that a configuration describes all by itself.
const Own = "cell"

// cellFile is the form of a built-in cell. In its neuron section $name stands for a parameter's value.
type cellFile struct {
	Name        string      `yaml:"name"`
	Like        string      `yaml:"like"` // another built-in cell, from which comes what is not given here
	Description string      `yaml:"description"`
	Source      string      `yaml:"source"`
	Dt          float64     `yaml:"dt_ms"`
	Solver      string      `yaml:"solver"`
	Without     []string    `yaml:"without"` // parameters of that cell's which this one lacks
	Parameters  []fileParam `yaml:"parameters"`
	Sets        []fileSet   `yaml:"sets"`
	Neuron      any         `yaml:"neuron"`
}

type fileParam struct {
	Name    string  `yaml:"name"`
	Unit    string  `yaml:"unit"`
	Default float64 `yaml:"default"`
	Min     float64 `yaml:"min"`
	Max     float64 `yaml:"max"`
	Doc     string  `yaml:"doc"`
	Source  string  `yaml:"source"` // default: the cell's
}

type fileSet struct {
	Name        string             `yaml:"name"`
	Description string             `yaml:"description"`
	Source      string             `yaml:"source"`
	Parameters  map[string]float64 `yaml:"parameters"`
	Current     float64            `yaml:"current"` // nA
}

// builtIn reads a built-in cell. Its file is ours: that it can be read is tested.
func builtIn(name string) (Model, error) {
	path := "cells/" + name + ".yaml"
	text, err := cellFiles.ReadFile(path)
	if err != nil {
		return Model{}, fmt.Errorf("neuron: %w", err)
	}
	var f cellFile
	if _, err := config.Parse(path, text, nil, &f); err != nil {
		return Model{}, fmt.Errorf("neuron: %w", err)
	}
	_, body, ok := strings.Cut(string(text), "\nneuron:\n")
	if !ok {
		return Model{}, fmt.Errorf("neuron: %s: no neuron section", path)
	}
	m := Model{CurrentUnit: "nA", ConductanceUnit: "nS", States: []Variable{{"v", "mV"}}}
	if f.Like != "" {
		if m, err = builtIn(f.Like); err != nil {
			return Model{}, err
		}
		m.Parameters = slices.DeleteFunc(m.Parameters, func(p Parameter) bool { return slices.Contains(f.Without, p.Name) })
		body = replaceKeys(m.template, body)
	}
	m.Name, m.Description, m.path, m.template = f.Name, f.Description, path, body
	if f.Source != "" {
		m.Source = f.Source
	}
	if f.Dt != 0 {
		m.DefaultDt, m.DefaultSolver = f.Dt, cuda.Euler
		switch f.Solver {
		case "staggered":
			m.DefaultSolver = cuda.Staggered
		case "two-stage":
			m.DefaultSolver = cuda.TwoStage
		}
	}
	for _, p := range f.Parameters {
		m.Parameters = append(m.Parameters, Parameter{p.Name, p.Unit, p.Default, p.Min, p.Max, p.Doc, cmp.Or(p.Source, m.Source)})
	}
	for _, s := range f.Sets {
		m.Sets = append(m.Sets, Set(s))
	}
	p, err := m.values("", nil)
	if err != nil {
		return Model{}, fmt.Errorf("neuron: %s: %w", path, err)
	}
	m.Cell, err = m.fill(p)
	return m, err
}

// replaceKeys returns a neuron section with the keys of another instead of its own; both are indented by two.
func replaceKeys(base, over string) string {
	keys, blocks := keyBlocks(base)
	with, text := keyBlocks(over)
	for i, k := range with {
		if j := slices.Index(keys, k); j >= 0 {
			blocks[j] = text[i]
		} else {
			keys, blocks = append(keys, k), append(blocks, text[i])
		}
	}
	return strings.Join(blocks, "")
}

// keyBlocks cuts a section at its keys.
func keyBlocks(body string) (keys, blocks []string) {
	for line := range strings.Lines(body) {
		if len(line) > 2 && line[:2] == "  " && line[2] >= 'a' && line[2] <= 'z' {
			k, _, _ := strings.Cut(line[2:], ":")
			keys, blocks = append(keys, k), append(blocks, "")
		}
		if len(blocks) > 0 {
			blocks[len(blocks)-1] += line
		}
	}
	return keys, blocks
}

// ownCell is the model whose whole description is the configuration's.
func ownCell() Model {
	return Model{Name: Own, Description: "a cell with dendrites that the configuration describes by itself: examples/cell.yaml", Source: "the configuration",
		DefaultDt: 0.025, CurrentUnit: "nA", ConductanceUnit: "nS", States: []Variable{{"v", "mV"}},
		Sets: []Set{{Name: "described", Description: "as the configuration says", Source: "the configuration"}}, path: Own}
}

// dendritic tells a cell with dendrites from a point neuron.
func (m *Model) dendritic() bool { return m.path != "" }

// fill puts the values of parameters into a built-in cell's text.
func (m *Model) fill(p values) (string, error) {
	names := slices.Collect(maps.Keys(p))
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // $gna_dend before $gna
	var pairs []string
	for _, n := range names {
		pairs = append(pairs, "$"+n, number(p[n]))
	}
	text := strings.NewReplacer(pairs...).Replace(m.template)
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "#")
		if i := strings.IndexByte(code, '$'); i >= 0 {
			return "", fmt.Errorf("neuron: %s: no parameter %s", m.path, strings.TrimSpace(code[i:]))
		}
	}
	return text, nil
}

// number writes a value as YAML reads it, whole numbers without an exponent.
func number(v float64) string {
	if v == float64(int64(v)) && v < 1e15 && v > -1e15 {
		return fmt.Sprint(int64(v))
	}
	return fmt.Sprint(v)
}

// describe is the whole description of a cell: the model's with its parameters' values, replaced by what the
// configuration gives.
func (m *Model) describe(cfg Config, p values) (Config, error) {
	var base struct {
		Neuron Config `yaml:"neuron"`
	}
	if m.template != "" {
		text, err := m.fill(p)
		if err != nil {
			return Config{}, err
		}
		if _, err := config.Parse(m.path, []byte("neuron:\n"+text), nil, &base); err != nil {
			return Config{}, fmt.Errorf("neuron: %w", err)
		}
	}
	whole := cfg
	whole.Description = cfg.Description.over(base.Neuron.Description)
	if cfg.Synapses == nil {
		whole.Synapses = base.Neuron.Synapses
	}
	return whole, nil
}
