package identifier

// A Defect says in one of a closed set of words how an identifier departs from its standard.
type Defect string

// Defects for which an identifier is refused.
const (
	NotAnIdentifier     Defect = "not-an-identifier"     // not ten pieces with dots between, too long, or not text
	WrongRoot           Defect = "wrong-root"            // the root is another one than 1.2.156.3005.2
	MalformedType       Defect = "malformed-type"        // not 18 characters and 3 digits
	MalformedIssuer     Defect = "malformed-issuer"      // empty, too long, or other characters than 0-9 A-Z
	MalformedSerial     Defect = "malformed-serial"      // empty, above 64 characters, or other characters than 0-9 A-Z
	SeparatorInSerial   Defect = "separator-in-serial"   // an underscore or hyphen, which some systems write
	MalformedVersion    Defect = "malformed-version"     // not three digits
	VersionZero         Defect = "version-000"           // versions start at 001
	WrongCheckCharacter Defect = "wrong-check-character" // not the one that the rest asks for
	MalformedCode       Defect = "malformed-code"        // not the length and characters that the standard has
	WrongDate           Defect = "wrong-date"            // no day of the calendar
	UnknownProvince     Defect = "unknown-province"      // no province has these digits
)

// Defects with which an identifier is accepted and reported: they occur in identifiers that authorities gave out.
const (
	IssuerNotUSCC              Defect = "issuer-not-uscc"                 // such as a region code
	IssuerUSCCFails            Defect = "issuer-uscc-check-fails"         // 18 characters, but no credit code
	TypeAuthorityUSCCFails     Defect = "type-authority-uscc-check-fails" // the same, of the defining authority
	OrganizationCodeCheckFails Defect = "organization-code-check-fails"   // inside a credit code that is right
)

// Refuses reports whether an identifier with this defect is refused.
func (d Defect) Refuses() bool {
	switch d {
	case IssuerNotUSCC, IssuerUSCCFails, TypeAuthorityUSCCFails, OrganizationCodeCheckFails:
		return false
	}
	return true
}

// A RefusedError is returned for an identifier that is refused. It does not hold the identifier.
type RefusedError struct {
	Defect Defect // the first that refuses, in the order of the identifier's parts
	What   string // what was read
}

// Error returns what was read and why it is refused.
func (e *RefusedError) Error() string { return "reading a " + e.What + ": " + string(e.Defect) }
