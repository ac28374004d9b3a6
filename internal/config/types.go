package config

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// typeError is a value of another kind than its key takes.
type typeError struct {
	key  string
	line int
	msg  string
}

func (e *typeError) Error() string { return e.key + ": " + e.msg }

// maxDepth bounds the nesting of a configuration. The YAML library recurses, and would end the program
// where the stack ends.
const maxDepth = 64

// checkTypes compares a tree with the type it is to fill: the YAML library would cut 1.5 to 1 for an integer, and
// its messages speak of Go. Unknown keys are left to it.
func checkTypes(n ast.Node, t reflect.Type, key string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.AliasNode, *ast.TagNode:
		return nil
	case *ast.AnchorNode:
		return checkTypes(n.Value, t, key)
	}
	if _, own := reflect.New(t).Interface().(yaml.BytesUnmarshaler); own || t.Kind() == reflect.Interface {
		return nil
	}
	bad := func(want string) error {
		got := strings.TrimSpace(n.GetToken().Value)
		switch n.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			got = "a mapping"
		case *ast.SequenceNode:
			got = "a list"
		}
		return &typeError{key, n.GetToken().Position.Line, fmt.Sprintf("%s: want %s", got, want)}
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		values, ok := pairs(n)
		if !ok {
			return bad("keys and values")
		}
		for _, p := range values {
			name := strings.Trim(p.Key.String(), `"'`)
			elem := t
			if t.Kind() == reflect.Map {
				elem = t.Elem()
			} else if elem = field(t, name); elem == nil {
				continue
			}
			if err := checkTypes(p.Value, elem, strings.TrimPrefix(key+"."+name, ".")); err != nil {
				return err
			}
		}
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			return bad("a list, such as [1, 2]")
		}
		for i, v := range list.Values {
			if err := checkTypes(v, t.Elem(), fmt.Sprintf("%s[%d]", key, i)); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Uint64:
		return whole(n, t.Kind(), bad)
	case reflect.Float64:
		switch n := n.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
			return nil
		case *ast.StringNode: // 1e-3, which the library takes for text until it is decoded
			if _, err := strconv.ParseFloat(n.Value, 64); err == nil {
				return nil
			}
		}
		return bad("a number")
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return bad("true or false")
		}
	case reflect.String:
		switch n.(type) {
		case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
			return bad("text")
		}
	}
	return nil
}

// whole checks a value for an integer; 1e6 is one, 1.5 is not.
func whole(n ast.Node, kind reflect.Kind, bad func(string) error) error {
	text := strings.ReplaceAll(n.GetToken().Value, "_", "")
	switch n.(type) {
	case *ast.IntegerNode:
		if _, err := strconv.ParseInt(text, 0, 64); err == nil && (kind == reflect.Int || text[0] != '-') {
			return nil
		}
		if _, err := strconv.ParseUint(text, 0, 64); err == nil && kind == reflect.Uint64 {
			return nil
		}
	case *ast.FloatNode, *ast.StringNode: // 1e6 is text to the library until it is decoded
		v, err := strconv.ParseFloat(text, 64)
		if err == nil && v == math.Trunc(v) && math.Abs(v) < 1<<53 && (kind == reflect.Int || v >= 0) {
			return nil
		}
	}
	if kind == reflect.Uint64 {
		return bad("a whole number from 0 to 18446744073709551615")
	}
	return bad("a whole number")
}

// pairs are the keys and values of a mapping.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// field is the type of the field a key fills, nil where there is none.
func field(t reflect.Type, key string) reflect.Type {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(options, "inline") {
			if in := field(f.Type, key); in != nil {
				return in
			}
		} else if name == key && f.IsExported() {
			return f.Type
		}
	}
	return nil
}

// depth is how deep the brackets of a text nest; those in quoted text count too.
func depth(text []byte) int {
	most, open := 0, 0
	for line := range bytes.Lines(text) {
		if i := bytes.Index(line, []byte(" #")); i >= 0 {
			line = line[:i]
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
				most = max(most, open)
			case ']', '}':
				open = max(0, open-1)
			}
		}
	}
	return most
}
