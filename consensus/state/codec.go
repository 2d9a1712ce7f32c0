package state

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

var (
	encoder = func() cbor.EncMode {
		m, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
	decoder = func() cbor.DecMode {
		m, err := cbor.DecOptions{
			DupMapKey:        cbor.DupMapKeyEnforcedAPF,
			IndefLength:      cbor.IndefLengthForbidden,
			TagsMd:           cbor.TagsForbidden,
			MaxNestedLevels:  8,
			MaxArrayElements: 1 << 20,
			MaxMapPairs:      16,
			UTF8:             cbor.UTF8RejectInvalid,
		}.DecMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
)

// encode gives one value one encoding (RFC 8949, section 4.2.1). The types of this package cannot fail to encode.
func encode(v any) []byte {
	b, err := encoder.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("state: encoding a %T: %v", v, err))
	}
	return b
}

func decode(b []byte, v any) error { return decoder.Unmarshal(b, v) }
