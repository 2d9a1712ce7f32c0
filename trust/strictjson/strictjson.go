// Package strictjson reads and writes every JSON text of Hutong that is signed, configures trust or comes from outside.
//
// It promises that a text is either exactly what its Go type says or refused with the path of the first fault, such
// as provinces[3].code: no unknown, missing or repeated member, no other letter case, no null, no number but an
// integer in [0, 2^53−1] written in digits alone, no bad UTF-8, nothing after the value, at most 32 levels.
// docs/formats/envelope.md has the rules. It sets no limit on size: the caller has done that before.
//
// It does not say what a value means; ranges and references are checked by the package whose value it is.
package strictjson

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
)

// MaxDepth is how many objects and arrays may stand inside one another.
const MaxDepth = 32

// MaxInteger is the largest number: 2^53 − 1, the last one that every JSON reader holds exactly.
const MaxInteger = 1<<53 - 1

// Unmarshal reads data into v, a pointer. On success *v is replaced as a whole; on an error it is as it was.
// The size of data must have been limited before. It is safe for concurrent use.
//
// A struct field is required unless its tag has omitzero or omitempty. Types with UnmarshalText are strings, []byte
// is canonical standard base64 with padding. What goes into an interface, a jsontext.Value or a type with its own
// UnmarshalJSON is checked by all rules but those that need a Go type.
func Unmarshal(data []byte, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("reading JSON into %T: want a pointer that is set", v)
	}
	t := target.Type().Elem()
	if err := check(data, t); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	value := reflect.New(t)
	if err := json.Unmarshal(data, value.Interface(), json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("reading JSON: %w", located(err))
	}
	target.Elem().Set(value.Elem())
	return nil
}

// Marshal writes v: members in the order of the struct's fields, map keys sorted, no white space, a nil slice as [].
// The same value always gives the same bytes. It does not check that Unmarshal would take them: nil pointers and
// numbers out of range are written as they are.
func Marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("writing JSON of %T: %w", v, err)
	}
	return data, nil
}

// located gives an error of the library this package's form of path and leaves out the value.
func located(err error) error {
	var fault *json.SemanticError
	if !errors.As(err, &fault) {
		return err
	}
	at := pathOf(fault.JSONPointer)
	if fault.Err != nil {
		return fmt.Errorf("%s: %w", at, fault.Err)
	}
	kind := fault.JSONKind.String()
	if kind == "true" || kind == "false" {
		kind = "boolean"
	}
	return fmt.Errorf("%s: a %s does not fit", at, kind)
}
