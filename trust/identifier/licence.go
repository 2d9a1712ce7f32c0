package identifier

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Root is the object identifier under which GB/T 36904 puts all licence identifiers.
const Root = "1.2.156.3005.2"

const (
	maxLicence = 256 // bytes of a whole identifier; the longest standard one has 129
	maxIssuer  = 32  // characters of a non-standard issuer code
	maxSerial  = 64
	typeLength = usccLength + 3
)

// A Licence is a licence identifier taken apart. The zero Licence is none. Its serial may be a person's number:
// print it through String, which leaves the serial out, and use Text where the identifier itself is needed.
type Licence struct {
	Type    string // 证照类型代码: the defining authority's credit code and three digits
	Issuer  string // 证照颁发机构代码: a credit code, or what the issuer wrote in its place
	Serial  string // 流水号, 1 to 64 characters
	Version int    // 版本号, 1 to 999; a higher one supersedes a lower one of the same type, issuer and serial
	Check   byte   // 校验位
}

// ParseLicence reads an identifier. Accepted is the standard's form with the right root and check character, with
// one leniency: an issuer code that is no credit code is taken and reported, as such identifiers are in use. The
// defects are all that were found. If one of them refuses, the error is a *RefusedError and the Licence is zero.
func ParseLicence(s string) (Licence, []Defect, error) {
	const what = "licence identifier"
	pieces := strings.Split(s, ".")
	if len(s) > maxLicence || len(pieces) != 10 {
		return Licence{}, []Defect{NotAnIdentifier}, &RefusedError{NotAnIdentifier, what}
	}
	kind, issuer, serial, version, check := pieces[5], pieces[6], pieces[7], pieces[8], pieces[9]
	var defects []Defect
	note := func(bad bool, d Defect) {
		if bad {
			defects = append(defects, d)
		}
	}
	note(strings.Join(pieces[:5], ".") != Root, WrongRoot)
	note(len(kind) != typeLength || !isBase36(kind) || !isDigits(kind[usccLength:]), MalformedType)
	note(len(kind) == typeLength && !soundUSCC(kind[:usccLength]), TypeAuthorityUSCCFails)
	switch {
	case len(issuer) > maxIssuer || !isBase36(issuer):
		note(true, MalformedIssuer)
	case len(issuer) != usccLength:
		note(true, IssuerNotUSCC)
	default:
		note(!soundUSCC(issuer), IssuerUSCCFails)
	}
	// The separators are not dropped in silence: two texts for one licence would be two subjects in a status log.
	bare := strings.NewReplacer("_", "", "-", "").Replace(serial)
	switch {
	case len(serial) > maxSerial || !isBase36(bare):
		note(true, MalformedSerial)
	case bare != serial:
		note(true, SeparatorInSerial)
	}
	note(len(version) != 3 || !isDigits(version), MalformedVersion)
	note(version == "000", VersionZero)
	want, ok := CheckCharacter(kind + issuer + bare + version)
	note(!ok || check != string(want), WrongCheckCharacter)

	if i := slices.IndexFunc(defects, Defect.Refuses); i >= 0 {
		return Licence{}, defects, &RefusedError{defects[i], what}
	}
	number := int(version[0]-'0')*100 + int(version[1]-'0')*10 + int(version[2]-'0')
	return Licence{Type: kind, Issuer: issuer, Serial: serial, Version: number, Check: want}, defects, nil
}

// NewLicence makes an identifier of its parts, check character included. It refuses what ParseLicence refuses.
func NewLicence(kind, issuer, serial string, version int) (Licence, error) {
	check, _ := CheckCharacter(fmt.Sprintf("%s%s%s%03d", kind, issuer, serial, version))
	l, _, err := ParseLicence(Licence{kind, issuer, serial, version, check}.Text())
	if err != nil {
		return Licence{}, fmt.Errorf("making a licence identifier: %w", err)
	}
	return l, nil
}

// Text returns the identifier.
func (l Licence) Text() string {
	return fmt.Sprintf("%s.%s.%s.%s.%03d.%s", Root, l.Type, l.Issuer, l.Serial, l.Version, string(rune(l.Check)))
}

// TypeAuthority returns the credit code of the authority that defined the type (证照定义机构).
func (l Licence) TypeAuthority() string { return l.Type[:min(usccLength, len(l.Type))] }

// Strict reports whether l has the standard's form in every part, the issuer of 18 characters included.
func (l Licence) Strict() bool { return len(l.Type) == typeLength && len(l.Issuer) == usccLength }

// Supersedes reports whether l is a later version of the same licence as other.
func (l Licence) Supersedes(other Licence) bool {
	return l.Type == other.Type && l.Issuer == other.Issuer && l.Serial == other.Serial && l.Version > other.Version
}

// String returns the identifier without its serial and check character, for logs and messages.
func (l Licence) String() string {
	return fmt.Sprintf("%s.%s.%s.….%03d", Root, l.Type, l.Issuer, l.Version)
}

// GoString returns what String returns.
func (l Licence) GoString() string { return l.String() }

// LogValue returns what String returns.
func (l Licence) LogValue() slog.Value { return slog.StringValue(l.String()) }
