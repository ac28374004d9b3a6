package morphology

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// tokens of a Neurolucida ASC file
type token byte

const (
	end    token = iota
	open         // (
	close_       // )
	bar          // |
	less         // <
	more         // >
	number
	text // "..."
	word
)

func (t token) String() string {
	return [...]string{"the end of the file", "(", ")", "|", "<", ">", "a number", "a string", "a word"}[t]
}

// maxToken is the longest word or string kept, in bytes.
const maxToken = 4096

// lexer splits an ASC file into tokens. A comma separates, a semicolon begins a comment to the end of the line.
type lexer struct {
	r     *bufio.Reader
	name  string
	line  int // of the token
	at    int // of the next byte
	kind  token
	value float64
	text  string
	buf   []byte
}

func newLexer(r io.Reader, name string) *lexer {
	return &lexer{r: bufio.NewReaderSize(r, 1<<16), name: name, at: 1}
}

// next reads a token into kind, value and text.
func (l *lexer) next() error {
	for {
		b, err := l.r.ReadByte()
		l.line = l.at
		if err == io.EOF {
			l.kind = end
			return nil
		} else if err != nil {
			return readFault(l.name, l.line, err)
		}
		switch b {
		case '\n':
			l.at++
		case ' ', '\t', '\r', '\f', '\v', ',':
		case ';':
			if err := l.comment(); err != nil {
				return err
			}
		case '(':
			l.kind = open
			return nil
		case ')':
			l.kind = close_
			return nil
		case '|':
			l.kind = bar
			return nil
		case '<':
			l.kind = less
			return nil
		case '>':
			l.kind = more
			return nil
		case '"':
			l.kind = text
			return l.quoted()
		default:
			if b < ' ' || b == 0x7f {
				return fault(l.name, l.line, "byte 0x%02x does not belong in a text file", b)
			}
			return l.plain(b)
		}
	}
}

func (l *lexer) comment() error {
	for {
		_, err := l.r.ReadSlice('\n')
		switch err {
		case nil:
			l.at++
			return nil
		case io.EOF:
			return nil
		case bufio.ErrBufferFull:
		default:
			return readFault(l.name, l.line, err)
		}
	}
}

func (l *lexer) quoted() error {
	l.buf = l.buf[:0]
	for {
		b, err := l.r.ReadByte()
		switch {
		case err == io.EOF || b == '\n':
			return fault(l.name, l.line, "a string has no closing quote")
		case err != nil:
			return readFault(l.name, l.line, err)
		case b == '"':
			l.text = string(l.buf)
			return nil
		case len(l.buf) == maxToken:
			return fault(l.name, l.line, "a string is longer than %d bytes", maxToken)
		}
		l.buf = append(l.buf, b)
	}
}

// plain reads a number or a word that begins with b.
func (l *lexer) plain(b byte) error {
	l.buf = append(l.buf[:0], b)
	for {
		b, err := l.r.ReadByte()
		if err == nil {
			switch b {
			case ' ', '\t', '\r', '\n', '\f', '\v', ',', ';', '(', ')', '|', '<', '>', '"':
				err = io.EOF
				if e := l.r.UnreadByte(); e != nil {
					return readFault(l.name, l.line, e)
				}
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return readFault(l.name, l.line, err)
		}
		if len(l.buf) == maxToken {
			return fault(l.name, l.line, "a word is longer than %d bytes", maxToken)
		}
		l.buf = append(l.buf, b)
	}
	l.text, l.kind = string(l.buf), word
	if !isLetter(l.buf[0]) || strings.EqualFold(l.text, "nan") || strings.EqualFold(l.text, "inf") {
		if v, err := strconv.ParseFloat(l.text, 64); err == nil {
			l.kind, l.value = number, v
		}
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
