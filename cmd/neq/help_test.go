package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// parse checks a command line as far as cobra does before a command begins.
func parse(args []string) error {
	root := newRoot()
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	return c.ValidateRequiredFlags()
}

// commands finds neq's command lines in a text, one or more a line.
var commands = regexp.MustCompile("(?:^|[ `\"/])neq ((?:[a-z]+)(?: [^ `\"|;>#)]+)*)")

func lines(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "   "); i >= 0 && strings.TrimSpace(line[:i]) != "" {
			line = line[:i] // the rest explains it
		}
		for part := range strings.SplitSeq(strings.TrimSpace(line), "||") {
			for _, m := range commands.FindAllStringSubmatch(part, -1) {
				out = append(out, strings.Fields(m[1]))
			}
		}
	}
	return out
}

// Every command shows examples, and every example parses.
func TestHelp(t *testing.T) {
	root := newRoot()
	for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		examples := lines(c.Example)
		if len(examples) == 0 {
			t.Errorf("%s shows no examples", c.CommandPath())
		}
		for _, args := range examples {
			if err := parse(args); err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), args, err)
			}
		}
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"--help"}, {"simulate", "--help"}, {"help", "sweep"}} {
		if r := must(t, dir, args...); !strings.Contains(r.out, "Examples:") || r.err != "" {
			t.Errorf("%q: %s", args, r.said())
		}
	}
	if r := must(t, dir, "--version"); !strings.HasPrefix(r.out, "neq version ") {
		t.Errorf("version: %s", r.said())
	}
}

// Command lines in prose are cut at what follows them; those shown on lines of their own must parse.
func TestReadme(t *testing.T) {
	for _, file := range []string{"README.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile("../../" + file)
		if os.IsNotExist(err) {
			t.Logf("no %s", file)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		found := 0
		for line := range strings.Lines(string(text)) {
			shown := strings.HasPrefix(line, "    ")
			for _, args := range lines(strings.TrimSpace(line)) {
				if err := parse(args); shown && err != nil {
					t.Errorf("%s: %q: %v", file, args, err)
				}
				if _, _, err := newRoot().Find(args); strings.Contains(line, "`neq "+strings.Join(args, " ")) && err != nil {
					t.Errorf("%s: %q: %v", file, args, err)
				}
				found++
			}
		}
		if found < 5 && file == "README.md" {
			t.Errorf("%s: %d command lines found", file, found)
		}
	}
}

func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete", "zsh": "compdef", "fish": "complete", "powershell": "Register-ArgumentCompleter"} {
		if r := must(t, t.TempDir(), "completion", shell); !strings.Contains(r.out, want) {
			t.Errorf("%s: %s", shell, r.said())
		}
	}
}

func TestModels(t *testing.T) {
	dir := t.TempDir()
	var all struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
		Synapses []struct {
			Name string `json:"name"`
		} `json:"synapses"`
	}
	if err := json.Unmarshal([]byte(must(t, dir, "models", "--json").out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Models) < 8 || len(all.Synapses) < 5 {
		t.Errorf("%+v", all)
	}
	table := must(t, dir, "models").out
	for _, m := range all.Models {
		if !strings.Contains(table, m.Name) {
			t.Errorf("models does not list %s", m.Name)
		}
		one := must(t, dir, "models", m.Name).out
		for _, want := range []string{m.Name + ":", "source:", "parameters", "sets"} {
			if !strings.Contains(one, want) {
				t.Errorf("models %s does not say %q", m.Name, want)
			}
		}
		if !json.Valid([]byte(must(t, dir, "models", m.Name, "--json").out)) {
			t.Errorf("models %s --json is not JSON", m.Name)
		}
		text := must(t, dir, "init", "--model", m.Name)
		if must(t, dir, "init", "--model", m.Name, "--out", m.Name+".yaml"); text.out != string(read(t, dir, m.Name+".yaml")) || text.err != "" {
			t.Errorf("init --model %s writes another text to a file, or says something beside it", m.Name)
		}
	}
	refused(t, dir, exitUsage, []string{"lif.yaml is there already"}, "init", "--out", "lif.yaml")
	refused(t, dir, exitUsage, []string{`no model "lifx"`, `did you mean "lif"`}, "init", "--model", "lifx")
	refused(t, dir, exitUsage, []string{`no model "nope"`}, "models", "nope")
}

func TestDoctor(t *testing.T) {
	var found []struct{ What, Found string }
	if err := json.Unmarshal([]byte(must(t, t.TempDir(), "doctor", "--json").out), &found); err != nil || len(found) < 4 {
		t.Errorf("%v: %+v", err, found)
	}
	if r := must(t, t.TempDir(), "doctor"); !strings.Contains(r.out, "processors") {
		t.Errorf("doctor: %s", r.said())
	}
}
