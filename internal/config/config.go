// Package config reads YAML configuration files: unknown keys are errors, every error names its line, and
// single values can be set from the command line.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSize bounds a configuration file: 1 MB.
const maxSize = 1 << 20

// File is a configuration file that has been read.
type File struct {
	Path string
	tree *ast.File
	sets []string // as given on the command line
}

// Load reads the file and fills v, a pointer to a struct with yaml tags. Each of sets is "key=value": a dotted
// key (lists by index: surrogates.0.width) and a YAML value that replaces what the file says.
func Load(path string, sets []string, v any) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s: larger than a configuration may be (%d bytes)", path, maxSize)
	}
	return Parse(path, text, sets, v)
}

// Parse is Load for text that is at hand; path is what errors call it.
func Parse(path string, text []byte, sets []string, v any) (file *File, err error) {
	defer func() { // the YAML library is not under our control: a panic of its is an error of the file's
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("%s: not readable as YAML: %v", path, r)
		}
	}()
	if depth(text) > maxDepth {
		return nil, fmt.Errorf("%s: nested deeper than %d levels", path, maxDepth)
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, yamlError(path, err)
	}
	file = &File{Path: path, tree: tree}
	if len(bytes.TrimSpace(text)) == 0 || len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return nil, fmt.Errorf("%s: empty: \"neq init\" writes a configuration to start from", path)
	}
	if len(tree.Docs) > 1 {
		return nil, fmt.Errorf("%s: %d YAML documents in one file: want one", path, len(tree.Docs))
	}
	if err := strict(tree, text, v); err != nil {
		return nil, yamlError(path, err)
	}
	if len(sets) == 0 {
		return file, nil
	}
	reflect.ValueOf(v).Elem().SetZero() // what --set takes away must not stay
	var all any
	if err := yaml.UnmarshalWithOptions(text, &all, yaml.UseOrderedMap()); err != nil {
		return nil, yamlError(path, err)
	}
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--set %s: want key=value, such as --set training.steps=100", s)
		}
		var x any
		if err := yaml.UnmarshalWithOptions([]byte(value), &x, yaml.UseOrderedMap()); err != nil {
			return nil, fmt.Errorf("--set %s: the value is not YAML: %s", s, firstLine(err))
		}
		if all, err = set(all, strings.Split(key, "."), x); err != nil {
			return nil, fmt.Errorf("--set %s: %w", s, err)
		}
		file.sets = append(file.sets, s)
	}
	changed, err := yaml.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if tree, err = parser.ParseBytes(changed, 0); err == nil {
		err = strict(tree, changed, v)
	}
	if err != nil {
		return nil, fmt.Errorf("--set %s: %s", strings.Join(sets, " --set "), message(err))
	}
	return file, nil
}

func strict(tree *ast.File, text []byte, v any) error {
	for _, d := range tree.Docs {
		if err := checkTypes(d.Body, reflect.TypeOf(v), ""); err != nil {
			return err
		}
	}
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// set replaces the value at a path of keys in a tree of ordered maps and lists.
func set(tree any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch t := tree.(type) {
	case yaml.MapSlice:
		for i, item := range t {
			if fmt.Sprint(item.Key) == path[0] {
				v, err := set(item.Value, path[1:], value)
				t[i].Value = v
				return t, err
			}
		}
		v, err := set(nil, path[1:], value)
		return append(t, yaml.MapItem{Key: path[0], Value: v}), err
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(t) {
			return nil, fmt.Errorf("%q does not name an item of a list of %d", path[0], len(t))
		}
		t[i], err = set(t[i], path[1:], value)
		return t, err
	case nil:
		v, err := set(nil, path[1:], value)
		return yaml.MapSlice{{Key: path[0], Value: v}}, err
	}
	return nil, fmt.Errorf("%q lies inside a plain value", path[0])
}

// yamlError puts an error of the YAML library in our form: path:line: message.
func yamlError(path string, err error) error {
	var kind *typeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s:%d: %w", path, kind.line, kind)
	}
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		return fmt.Errorf("%s:%d: %s", path, y.GetToken().Position.Line, message(err))
	}
	return fmt.Errorf("%s: %s", path, firstLine(err))
}

func message(err error) string {
	var y yaml.Error
	if errors.As(err, &y) {
		return strings.Replace(y.GetMessage(), "unknown field", "unknown key", 1)
	}
	return firstLine(err)
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

var keyPattern = regexp.MustCompile(`^([a-z_0-9]+(\[[0-9]+\])?(\.[a-zA-Z_0-9-]+(\[[0-9]+\])?)*): `)

// Explain adds the file and line to an error whose text begins with a key: "neuron.model: ...".
func (f *File) Explain(err error) error {
	if f == nil || err == nil {
		return err
	}
	m := keyPattern.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	for _, s := range f.sets {
		if key, _, _ := strings.Cut(s, "="); within(m[1], key) {
			return fmt.Errorf("--set %s: %w", s, err)
		}
	}
	if line := f.line(m[1]); line > 0 {
		return fmt.Errorf("%s:%d: %w", f.Path, line, err)
	}
	return fmt.Errorf("%s: %w", f.Path, err)
}

// within tells whether a key of an error, such as surrogates[0].width, is one that --set changed, or lies inside it.
func within(key, changed string) bool {
	key = strings.NewReplacer("[", ".", "]", "").Replace(key)
	return key == changed || strings.HasPrefix(key, changed+".")
}

// line finds the line of a key, or of the nearest key above it; 0 where there is none.
func (f *File) line(key string) int {
	for key != "" {
		if p, err := yaml.PathString("$." + key); err == nil {
			if n, err := p.FilterFile(f.tree); err == nil && n != nil && n.GetToken() != nil {
				return keyLine(n)
			}
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			break
		}
		key = key[:i]
	}
	return 0
}

// keyLine is the line a value starts at.
func keyLine(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	return n.GetToken().Position.Line
}
