package npz

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxDims is numpy's limit.
const maxDims = 64

// parse reads a header's text, the Python dictionary numpy writes:
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//
// Each key occurs once, in any order, and nothing else does.
func parse(text string) (*header, error) {
	s := &scanner{text: text}
	h := &header{}
	var seen []string
	if err := s.want("{"); err != nil {
		return nil, err
	}
	for !s.take("}") {
		key, err := s.quoted()
		if err != nil {
			return nil, err
		}
		if slices.Contains(seen, key) {
			return nil, fmt.Errorf("%q twice", key)
		}
		seen = append(seen, key)
		if err := s.want(":"); err != nil {
			return nil, err
		}
		switch key {
		case "descr":
			err = s.descr(h)
		case "fortran_order":
			if h.fortran = s.take("True"); !h.fortran {
				err = s.want("False")
			}
		case "shape":
			err = s.shape(h)
		default:
			err = fmt.Errorf("unknown key %.40q", key)
		}
		if err != nil {
			return nil, err
		}
		if !s.take(",") {
			if err := s.want("}"); err != nil {
				return nil, err
			}
			break
		}
	}
	if len(seen) != 3 {
		return nil, fmt.Errorf("it has the keys %q: want descr, fortran_order and shape", seen)
	}
	if s.space(); s.at != len(s.text) {
		return nil, fmt.Errorf("%.40q after the dictionary", s.text[s.at:])
	}
	return h, nil
}

// scanner reads Python literals one after the other, with spaces between them.
type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// take moves behind a token if it is next.
func (s *scanner) take(token string) bool {
	s.space()
	if !strings.HasPrefix(s.text[s.at:], token) {
		return false
	}
	s.at += len(token)
	return true
}

func (s *scanner) want(token string) error {
	if !s.take(token) {
		return fmt.Errorf("%.40q at byte %d: want %q", s.text[s.at:], s.at, token)
	}
	return nil
}

// quoted reads a string without escapes.
func (s *scanner) quoted() (string, error) {
	s.space()
	for _, q := range []string{"'", `"`} {
		if s.take(q) {
			if v, _, ok := strings.Cut(s.text[s.at:], q); ok && !strings.ContainsAny(v, "\\\n") {
				s.at += len(v) + 1
				return v, nil
			}
		}
	}
	return "", fmt.Errorf("%.40q at byte %d: want a quoted word", s.text[s.at:], s.at)
}

func (s *scanner) descr(h *header) error {
	if s.take("[") {
		return errors.New("a structured type: want an array of plain numbers")
	}
	name, err := s.quoted()
	if err != nil {
		return err
	}
	var names []string
	for _, k := range kinds {
		if k.name == name {
			h.kind = k
			return nil
		}
		names = append(names, k.name)
	}
	if strings.HasPrefix(name, ">") {
		return fmt.Errorf("type %.20q is big-endian: want one of %s", name, strings.Join(names, " "))
	}
	return fmt.Errorf("type %.20q: want one of %s", name, strings.Join(names, " "))
}

func (s *scanner) shape(h *header) error {
	if err := s.want("("); err != nil {
		return err
	}
	h.shape = []int{}
	for !s.take(")") {
		s.space()
		end := s.at
		for end < len(s.text) && s.text[end] >= '0' && s.text[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(s.text[s.at:end])
		if err != nil {
			return fmt.Errorf("shape: %.40q at byte %d: want a number", s.text[s.at:], s.at)
		}
		s.at = end
		if h.shape = append(h.shape, n); len(h.shape) > maxDims {
			return fmt.Errorf("shape: more than %d dimensions", maxDims)
		}
		if !s.take(",") {
			if len(h.shape) == 1 {
				return errors.New("shape: one number in brackets is no tuple: want a comma behind it")
			}
			return s.want(")")
		}
	}
	return nil
}
