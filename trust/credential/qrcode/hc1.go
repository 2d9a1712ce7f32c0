package qrcode

import (
	"bytes"
	"errors"
	"math"

	"github.com/fxamacker/cbor/v2"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/sm3"
)

// COSE algorithms of the EU DCC, and its claim.
const (
	algorithmES256 = -7
	algorithmPS256 = -37
	claimHealth    = -260 // hcert: {1: certificate}
	healthV1       = 1

	maxKID       = 64  // bytes of a key hint; the specification has 8
	minPS256Size = 256 // bytes of a signature: RSA of 2,048
	maxPS256Size = 512 // and of 4,096 bits
)

// The codes of the departures that HC1 tolerates.
const (
	DefectUntagged           = "cose_untagged"          // no CBOR tag 18
	DefectCWTTag             = "cwt_tag"                // CBOR tag 61 before tag 18
	DefectAlgorithmUnsigned  = "algorithm_unprotected"  // alg stands in the unprotected header only
	DefectKIDTwice           = "kid_twice"              // kid stands in both headers; the protected one counts
	DefectKIDMissing         = "kid_missing"            // no kid at all
	DefectIssuerMissing      = "issuer_missing"         // no iss
	DefectIssuerNotCountry   = "issuer_not_a_country"   // iss is not two capital letters
	DefectTimeFraction       = "time_fraction"          // a date is not a whole number of seconds
	DefectSeveralEntries     = "several_entries"        // more than one vaccination, test or recovery entry
	DefectSignatureOddLength = "signature_length_es256" // an ES256 signature is not 64 bytes: it cannot verify
	DefectSignatureOddPS256  = "signature_length_ps256" // a PS256 signature is not of 2,048 to 4,096 bits
)

// The strictest settings that read what real systems wrote: none of them needs indefinite lengths, repeated keys,
// NaN or big numbers. Tags stand nowhere in COSE's own parts, but some systems tag dates inside the claims.
var (
	coseCBOR   = strictCBOR(cbor.TagsForbidden)
	claimsCBOR = strictCBOR(cbor.TagsAllowed)
)

func strictCBOR(tags cbor.TagsMode) cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           tags,
		BignumTag:        cbor.BignumTagForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
		MaxNestedLevels:  16,
		MaxArrayElements: 64,
		MaxMapPairs:      64,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}

// readHC1 reads a COSE_Sign1 as the EU DCC has it: tagged 18, bare, or under CWT's tag 61.
func readHC1(cose []byte) (*credential.Credential, error) {
	c := &credential.Credential{Format: FormatHC1, Digest: sm3.Sum(cose)}
	var elements []any
	if err := unmarshal(coseCBOR, untag(c, cose), &elements); err != nil {
		return nil, refuse(StageCOSE, "%s", err)
	}
	if len(elements) != 4 {
		return nil, refuse(StageCOSE, "COSE_Sign1 has %d elements, want 4", len(elements))
	}
	protected, ok1 := elements[0].([]byte)
	unprotected, ok2 := elements[1].(map[any]any)
	payload, ok3 := elements[2].([]byte)
	signature, ok4 := elements[3].([]byte)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, refuse(StageCOSE, "COSE_Sign1 is not [bytes, map, bytes, bytes]")
	}
	signed := map[any]any{}
	if len(protected) > 0 {
		if err := unmarshal(coseCBOR, protected, &signed); err != nil {
			return nil, refuse(StageCOSE, "protected header: %s", err)
		}
	}
	if fault := readHeaders(c, signed, unprotected); fault != "" {
		return nil, refuse(StageCOSE, "%s", fault)
	}
	if len(signed) == 0 {
		protected = nil // RFC 9052 section 4.4: an empty map is signed as a string of no bytes
	}
	c.Message, _, _ = appendSigStructure(make([]byte, 0, len(cose)+64), protected, "", payload)
	c.Signature = bytes.Clone(signature)
	noteSignatureSize(c)

	var item any
	if err := unmarshal(claimsCBOR, payload, &item); err != nil {
		return nil, refuse(StageClaims, "%s", err)
	}
	claims, ok := item.(map[any]any)
	if !ok {
		return nil, refuse(StageClaims, "the claims are no map")
	}
	if fault := readHealthClaims(c, claims); fault != "" {
		return nil, refuse(StageClaims, "%s", fault)
	}
	return c, nil
}

func note(c *credential.Credential, code, detail string) {
	c.Defects = append(c.Defects, credential.Defect{Code: code, Detail: detail})
}

// unmarshal decodes strictly. The error repeats no value of the input.
func unmarshal(mode cbor.DecMode, data []byte, v any) error {
	err := mode.Unmarshal(data, v)
	var repeated *cbor.DupMapKeyError
	if errors.As(err, &repeated) {
		return errors.New("cbor: a map key stands twice")
	}
	return err
}

// untag takes off the tags that a COSE_Sign1 may have. RFC 8392 puts 61 before 18, never alone.
func untag(c *credential.Credential, cose []byte) []byte {
	const sign1Tag, cwtTag = 0xC0 | tagSign1, "\xD8\x3D"
	if rest, ok := bytes.CutPrefix(cose, []byte{cwtTag[0], cwtTag[1], sign1Tag}); ok {
		note(c, DefectCWTTag, "the COSE_Sign1 stands under CBOR tag 61")
		return rest
	}
	if rest, ok := bytes.CutPrefix(cose, []byte{sign1Tag}); ok {
		return rest
	}
	note(c, DefectUntagged, "the COSE_Sign1 has no CBOR tag 18")
	return cose
}

// label finds an integer label; the decoder has uint64 for those from 0 on and int64 for those below.
func label(header map[any]any, n int64) (any, bool) {
	var v any
	var ok bool
	if n >= 0 {
		v, ok = header[uint64(n)]
	} else {
		v, ok = header[n]
	}
	return v, ok
}

// readHeaders takes algorithm and key hint from the protected header, else from the unprotected one, and returns
// what is wrong, or "".
func readHeaders(c *credential.Credential, protected, unprotected map[any]any) string {
	for _, header := range [...]map[any]any{protected, unprotected} {
		if _, ok := label(header, labelCritical); ok {
			return "crit names labels that a reader must know; none is known here"
		}
	}
	algorithm, ok := label(protected, labelAlgorithm)
	if !ok {
		if algorithm, ok = label(unprotected, labelAlgorithm); !ok {
			return "alg is missing"
		}
		note(c, DefectAlgorithmUnsigned, "alg stands in the unprotected header only")
	}
	switch algorithm {
	case int64(algorithmES256):
		c.Algorithm = "ES256"
	case int64(algorithmPS256):
		c.Algorithm = "PS256"
	default:
		return "alg is neither -7 (ES256) nor -37 (PS256)"
	}

	kid, ok := label(protected, labelKID)
	other, twice := label(unprotected, labelKID)
	switch {
	case ok && twice:
		note(c, DefectKIDTwice, "kid stands in both headers; the protected one counts")
	case twice:
		kid = other
	case !ok:
		note(c, DefectKIDMissing, "no kid")
		return ""
	}
	hint, ok := kid.([]byte)
	if !ok || len(hint) == 0 || len(hint) > maxKID {
		return "kid is not a byte string of 1 to 64 bytes"
	}
	c.KID, c.KIDRule = bytes.Clone(hint), credential.KIDCertificateSHA256
	return ""
}

// noteSignatureSize reports a signature that no key of the algorithm can have made. It stays readable, so that the
// verdict can say that the signature is wrong instead of that there is nothing to judge.
func noteSignatureSize(c *credential.Credential) {
	switch n := len(c.Signature); {
	case c.Algorithm == "ES256" && n != signatureSize:
		note(c, DefectSignatureOddLength, "the ES256 signature is not 64 bytes")
	case c.Algorithm == "PS256" && (n < minPS256Size || n > maxPS256Size):
		note(c, DefectSignatureOddPS256, "the PS256 signature is not 256 to 512 bytes")
	}
}

// readHealthClaims takes what the EU DCC signs and returns what is wrong, or "". It takes nothing of a person.
func readHealthClaims(c *credential.Credential, claims map[any]any) string {
	switch issuer, ok := label(claims, claimIssuer); {
	case !ok:
		note(c, DefectIssuerMissing, "no iss")
	default:
		text, _ := issuer.(string)
		if province := trust.Province(text); province.Valid() && province.Partner() {
			c.Province = province
		} else {
			note(c, DefectIssuerNotCountry, "iss is not two capital letters")
		}
	}
	for _, date := range [...]struct {
		key      int64
		name     string
		required bool
		to       *trust.Time
	}{
		{claimExpires, "exp", true, &c.Expires},
		{claimNotBefore, "nbf", false, &c.NotBefore},
		{claimIssued, "iat", true, &c.Issued},
	} {
		value, ok := label(claims, date.key)
		if !ok && !date.required {
			continue
		}
		// An absent or zero exp must not read as "for ever".
		t, whole, ok := numericDate(value)
		if !ok {
			return date.name + " is not a number of seconds after 1970 and before 10000"
		}
		if !whole {
			note(c, DefectTimeFraction, date.name+" is not a whole number of seconds; the fraction is dropped")
		}
		*date.to = t
	}
	return readHealth(c, claims)
}

// numericDate reads RFC 8392's NumericDate: an integer, or a float, whose fraction of a second is dropped.
func numericDate(value any) (t trust.Time, whole, ok bool) {
	switch n := value.(type) {
	case uint64:
		return trust.Time(n), true, n >= 1 && n <= maxTime
	case float64:
		floor := math.Floor(n)
		return trust.Time(floor), floor == n, n >= 1 && n < maxTime+1
	}
	return 0, false, false
}

// readHealth takes the credential type from the one group that has entries.
func readHealth(c *credential.Credential, claims map[any]any) string {
	health, _ := label(claims, claimHealth)
	versions, ok := health.(map[any]any)
	if !ok {
		return "hcert (-260) is missing or no map"
	}
	v1, _ := label(versions, healthV1)
	certificate, ok := v1.(map[any]any)
	if !ok {
		return "hcert has no certificate under key 1"
	}
	for _, group := range [...]struct{ key, credentialType string }{
		{"v", "vaccination"}, {"t", "test"}, {"r", "recovery"},
	} {
		value, ok := certificate[group.key]
		if !ok || value == nil {
			continue
		}
		entries, ok := value.([]any)
		if !ok {
			return "hcert's group " + group.key + " is no array"
		}
		if len(entries) == 0 {
			continue
		}
		// Who may issue one type may not issue another on the back of it.
		if c.Type != "" {
			return "hcert has entries in more than one of v, t and r"
		}
		for _, entry := range entries {
			if _, ok := entry.(map[any]any); !ok {
				return "an entry of hcert's group " + group.key + " is no map"
			}
		}
		if len(entries) > 1 {
			note(c, DefectSeveralEntries, "hcert has more than one entry")
		}
		c.Type = group.credentialType
	}
	if c.Type == "" {
		return "hcert has no entry in v, t or r"
	}
	return ""
}
