package strictjson

import (
	"encoding"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// A shape is how the JSON of a Go type looks, as far as the check must know.
type shape int

const (
	shapeAny    shape = iota // unknown: only the rules without a type
	shapeLeaf                // string, number or boolean
	shapeBase64              // a string of canonical base64
	shapeObject              // a struct
	shapeMap
	shapeList // a slice or array
)

// A plan is what the check knows of one Go type. Plans are made once a type and then only read.
type plan struct {
	shape    shape
	members  map[string]reflect.Type // of an object
	required []string                // of an object, in the order of the fields
	element  reflect.Type            // of a map or list
}

var plans sync.Map // reflect.Type → *plan

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType     = reflect.TypeFor[json.Unmarshaler]()
	jsonFromType = reflect.TypeFor[json.UnmarshalerFrom]()
)

var anyPlan = &plan{shape: shapeAny}

// planOf returns the plan of t, through pointers.
func planOf(t reflect.Type) *plan {
	for t.Kind() == reflect.Pointer && !custom(t) {
		t = t.Elem()
	}
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p, _ := plans.LoadOrStore(t, makePlan(t))
	return p.(*plan)
}

// custom reports whether t reads itself.
func custom(t reflect.Type) bool {
	return t.Implements(textType) || t.Implements(jsonType) || t.Implements(jsonFromType)
}

func makePlan(t reflect.Type) *plan {
	pointer := reflect.PointerTo(t)
	switch {
	case pointer.Implements(jsonType), pointer.Implements(jsonFromType):
		return anyPlan
	case pointer.Implements(textType):
		return &plan{shape: shapeLeaf}
	}
	switch t.Kind() {
	case reflect.Struct:
		p := &plan{shape: shapeObject, members: make(map[string]reflect.Type)}
		p.addFields(t)
		return p
	case reflect.Map:
		return &plan{shape: shapeMap, element: t.Elem()}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return &plan{shape: shapeBase64}
		}
		return &plan{shape: shapeList, element: t.Elem()}
	case reflect.Interface:
		return anyPlan
	}
	return &plan{shape: shapeLeaf}
}

// addFields adds the members of t; those of an embedded struct without a name of its own belong to the outer object.
func (p *plan) addFields(t reflect.Type) {
	for field := range t.Fields() {
		tag, tagged := field.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" {
			continue
		}
		if field.Anonymous && name == "" {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			p.addFields(inner)
			continue
		}
		if !field.IsExported() {
			continue
		}
		if !tagged || name == "" {
			name = field.Name
		}
		optional := false
		for option := range strings.SplitSeq(options, ",") {
			optional = optional || option == "omitzero" || option == "omitempty"
		}
		p.members[name] = field.Type
		if !optional {
			p.required = append(p.required, name)
		}
	}
}
