package strictjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// check walks the tokens of data beside t. The decoder itself refuses what is no JSON, repeated names (also ones
// written with escapes) and bad UTF-8.
func check(data []byte, t reflect.Type) error {
	w := walker{tokens: jsontext.NewDecoder(bytes.NewBuffer(data))}
	if err := w.value(planOf(t)); err != nil {
		return err
	}
	if _, err := w.tokens.ReadToken(); err != io.EOF {
		return errors.New("text after the end of the value")
	}
	return nil
}

type walker struct{ tokens *jsontext.Decoder }

// fault returns an error at the value or name that was read last.
func (w *walker) fault(format string, args ...any) error {
	return fmt.Errorf("%s: %s", pathOf(w.tokens.StackPointer()), fmt.Sprintf(format, args...))
}

// value reads one value of the shape that p says.
func (w *walker) value(p *plan) error {
	token, err := w.tokens.ReadToken()
	if err != nil {
		return syntax(err)
	}
	if w.tokens.StackDepth() > MaxDepth {
		return w.fault("more than %d levels", MaxDepth)
	}
	switch token.Kind() {
	case 'n':
		return w.fault("is null")
	case '0':
		if p.shape != shapeLeaf && p.shape != shapeAny {
			return w.fault("is a number, want %s", p.shape)
		}
		return w.number(token.String())
	case 't', 'f':
		if p.shape != shapeLeaf && p.shape != shapeAny {
			return w.fault("is a boolean, want %s", p.shape)
		}
		return nil
	case '"':
		switch p.shape {
		case shapeBase64:
			return w.base64(token.String())
		case shapeLeaf, shapeAny:
			return nil
		}
		return w.fault("is a string, want %s", p.shape)
	case '[':
		if p.shape != shapeList && p.shape != shapeAny {
			return w.fault("is a list, want %s", p.shape)
		}
		return w.list(p)
	default: // '{', as an end cannot come where a value begins
		if p.shape != shapeObject && p.shape != shapeMap && p.shape != shapeAny {
			return w.fault("is an object, want %s", p.shape)
		}
		return w.object(p)
	}
}

func (w *walker) list(p *plan) error {
	element := anyPlan
	if p.shape == shapeList {
		element = planOf(p.element)
	}
	for w.tokens.PeekKind() != ']' {
		if err := w.value(element); err != nil {
			return err
		}
	}
	_, err := w.tokens.ReadToken()
	return syntax(err)
}

func (w *walker) object(p *plan) error {
	at := w.tokens.StackPointer()
	element := anyPlan
	if p.shape == shapeMap {
		element = planOf(p.element)
	}
	var seen map[string]bool
	if len(p.required) > 0 {
		seen = make(map[string]bool, len(p.members))
	}
	for w.tokens.PeekKind() != '}' {
		token, err := w.tokens.ReadToken()
		if err != nil {
			return syntax(err)
		}
		inner := element
		if p.shape == shapeObject {
			name := token.String()
			t, known := p.members[name]
			if !known {
				return w.fault("unknown member")
			}
			inner = planOf(t)
			if seen != nil {
				seen[name] = true
			}
		}
		if err := w.value(inner); err != nil {
			return err
		}
	}
	if _, err := w.tokens.ReadToken(); err != nil {
		return syntax(err)
	}
	for _, name := range p.required {
		if !seen[name] {
			return fmt.Errorf("%s: missing", pathOf(at.AppendToken(name)))
		}
	}
	return nil
}

// number takes 0 and what starts with another digit and has digits only, up to 2^53 − 1. The fault does not repeat
// the number: it may be somebody's.
func (w *walker) number(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxInteger {
		return w.fault("want a whole number from 0 to %d in digits alone", uint64(MaxInteger))
	}
	return nil
}

// base64 takes the one encoding of a byte string. Other readers skip line breaks or ignore the unused bits.
func (w *walker) base64(text string) error {
	if strings.ContainsAny(text, "\r\n") {
		return w.fault("line break inside base64")
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(text); err != nil {
		return w.fault("is not canonical standard base64 with padding: %v", err)
	}
	return nil
}

// String returns the shape's name for an error.
func (s shape) String() string {
	switch s {
	case shapeBase64:
		return "a base64 string"
	case shapeObject, shapeMap:
		return "an object"
	case shapeList:
		return "a list"
	}
	return "a string, number or boolean"
}

// syntax gives an error of the decoder this package's form of path.
func syntax(err error) error {
	var fault *jsontext.SyntacticError
	if err == nil || !errors.As(err, &fault) {
		if errors.Is(err, io.EOF) {
			return errors.New("no value")
		}
		return err
	}
	return fmt.Errorf("%s: %w (at byte %d)", pathOf(fault.JSONPointer), fault.Err, fault.ByteOffset)
}

// maxPath is how much of a path stands in an error: names may come from outside.
const maxPath = 200

// pathOf writes a pointer as provinces[3].code. A pointer does not tell a position in a list from a member that
// has digits for a name; both are shown in brackets.
func pathOf(pointer jsontext.Pointer) string {
	var b strings.Builder
	for token := range pointer.Tokens() {
		switch _, err := strconv.ParseUint(token, 10, 64); {
		case err == nil:
			fmt.Fprintf(&b, "[%s]", token)
		case plainName(token):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(token)
		default:
			fmt.Fprintf(&b, "[%.60q]", token)
		}
		if b.Len() > maxPath {
			return b.String()[:maxPath] + "…"
		}
	}
	if b.Len() == 0 {
		return "value"
	}
	return b.String()
}

func plainName(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 60
}
