package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type sample struct {
	Name  string `yaml:"name"`
	Inner struct {
		Steps int                `yaml:"steps"`
		Rates map[string]float64 `yaml:"rates"`
	} `yaml:"inner"`
	List []struct {
		Width int `yaml:"width"`
	} `yaml:"list"`
}

const text = `# a comment
name: x
inner:
  steps: 3
  rates: {a: 1.5}
list:
  - width: 4
  - {width: 8}
`

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var v sample
	_, err := Load(path, []string{"inner.steps=7", "list.1.width=16", "inner.rates.b=2", "name=y=z"}, &v)
	if err != nil {
		t.Fatal(err)
	}
	var bare sample
	if _, err := Parse("f.yaml", []byte(text), []string{"inner=", "list=[]"}, &bare); err != nil || bare.Inner.Steps != 0 || len(bare.List) != 0 {
		t.Errorf("--set inner= left %+v, %v", bare, err)
	}
	var powers sample
	if _, err := Parse("f.yaml", []byte("inner: {steps: 1e3, rates: {a: 1e-3, b: 2}}"), []string{"inner.rates.b=1e30"}, &powers); err != nil ||
		powers.Inner.Steps != 1000 || powers.Inner.Rates["a"] != 1e-3 || powers.Inner.Rates["b"] != 1e30 {
		t.Errorf("powers of ten: %+v, %v", powers, err)
	}
	if v.Inner.Steps != 7 || v.List[0].Width != 4 || v.List[1].Width != 16 || v.Inner.Rates["b"] != 2 || v.Inner.Rates["a"] != 1.5 || v.Name != "y=z" {
		t.Errorf("%+v", v)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent.yaml"), nil, &v); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		sets       []string
		want       string
	}{
		{"unknown key", "name: x\ninner:\n  stepz: 3\n", nil, "f.yaml:3: unknown key \"stepz\""},
		{"wrong type", "name: x\ninner:\n  steps: many\n", nil, "f.yaml:3: inner.steps: many: want a whole number"},
		{"cut to an integer", "name: x\ninner:\n  steps: 1.5\n", nil, "f.yaml:3: inner.steps: 1.5: want a whole number"},
		{"too large an integer", "inner: {steps: 9223372036854775808}", nil, "f.yaml:1: inner.steps: 9223372036854775808: want a whole number"},
		{"text for a number", "inner:\n  rates: {a: fast}\n", nil, "f.yaml:2: inner.rates.a: fast: want a number"},
		{"list for text", "name: [x]", nil, "f.yaml:1: name: a list: want text"},
		{"value for a section", "inner: 3", nil, "f.yaml:1: inner: 3: want keys and values"},
		{"value for a list", "list: 3", nil, "f.yaml:1: list: 3: want a list"},
		{"value for an item", "list: [3]", nil, "f.yaml:1: list[0]: 3: want keys and values"},
		{"two documents", "name: x\n---\nname: y\n", nil, "2 YAML documents"},
		{"nested without end", "name: " + strings.Repeat("[", 100000), nil, "deeper than 64"},
		{"set to a fraction", text, []string{"inner.steps=1.5"}, "--set inner.steps=1.5: inner.steps: 1.5: want a whole number"},
		{"syntax", "name: [x\n", nil, "f.yaml:1: "},
		{"twice", "name: x\nname: y\n", nil, "f.yaml:2: "},
		{"empty", "  \n", nil, "neq init"},
		{"comments alone", "# x\n", nil, "neq init"},
		{"set without value", text, []string{"name"}, "--set name: want key=value"},
		{"set unknown", text, []string{"inner.stepz=1"}, "stepz"},
		{"set beyond a list", text, []string{"list.2.width=1"}, "list of 2"},
		{"set inside a value", text, []string{"name.x=1"}, "plain value"},
	} {
		var v sample
		if _, err := Parse("f.yaml", []byte(c.text), c.sets, &v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	var v sample
	f, err := Parse("f.yaml", []byte(text), nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	for msg, want := range map[string]string{
		"inner.steps: too few":     "f.yaml:4: inner.steps: too few",
		"inner.rates.a: too high":  "f.yaml:5: inner.rates.a: too high",
		"inner.other: missing":     "f.yaml:4: inner.other: missing",
		"list[1].width: too wide":  "f.yaml:8: list[1].width: too wide",
		"no key at the start here": "no key at the start here",
	} {
		if got := f.Explain(errors.New(msg)).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A key that --set changed is not in the file: the error names the flag.
func TestExplainSet(t *testing.T) {
	var v sample
	f, err := Parse("f.yaml", []byte(text), []string{"list.1.width=99", "inner.rates={a: 7}"}, &v)
	if err != nil {
		t.Fatal(err)
	}
	for msg, want := range map[string]string{
		"list[1].width: too wide": "--set list.1.width=99: list[1].width: too wide",
		"list[0].width: too wide": "f.yaml:7: list[0].width: too wide",
		"inner.rates.a: too high": "--set inner.rates={a: 7}: inner.rates.a: too high",
		"inner.steps: too few":    "f.yaml:4: inner.steps: too few",
	} {
		if got := f.Explain(errors.New(msg)).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("? {"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if file, err := Parse("f", b, []string{"inner.steps=1"}, &v); err == nil && v.Inner.Steps != 1 {
			t.Errorf("steps %d of %v", v.Inner.Steps, file)
		}
	})
}
