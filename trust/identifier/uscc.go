package identifier

import "fmt"

const (
	usccLength   = 18
	usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY" // 31 characters: no I O S V Z
)

// usccValue holds the place of each character in the alphabet, −1 for those outside.
var usccValue = func() (value [256]int8) {
	for i := range value {
		value[i] = -1
	}
	for i := range len(usccAlphabet) {
		value[usccAlphabet[i]] = int8(i)
	}
	return value
}()

// A USCC is a unified social credit code: registration department (1), kind of body (1), region (6), organization
// code with its own check (9), check character (1).
type USCC string

// ParseUSCC reads a code whose form and check character are right. The organization code inside may still fail its
// own check (see OrganizationCodeOK): such codes were given out. Any other departure is a *RefusedError.
func ParseUSCC(s string) (USCC, error) {
	const what = "unified social credit code"
	if len(s) != usccLength || !isDigits(s[2:8]) {
		return "", &RefusedError{MalformedCode, what}
	}
	for i := range len(s) {
		if usccValue[s[i]] < 0 {
			return "", &RefusedError{MalformedCode, what}
		}
	}
	if s[17] != usccCheck(s[:17]) {
		return "", &RefusedError{WrongCheckCharacter, what}
	}
	return USCC(s), nil
}

// soundUSCC reports whether s is a code that is right throughout.
func soundUSCC(s string) bool {
	u, err := ParseUSCC(s)
	return err == nil && u.OrganizationCodeOK()
}

// MakeUSCC makes a code of its parts with both check characters: department and kind of body (2 characters), region
// (6 digits), and the first 8 characters of the organization code.
func MakeUSCC(body, region, organization string) (USCC, error) {
	if len(body) != 2 || len(region) != 6 || len(organization) != 8 || !isBase36(organization) {
		return "", fmt.Errorf("making a credit code: got parts of %d, %d and %d characters, want 2, 6 and 8 of 0-9 A-Z",
			len(body), len(region), len(organization))
	}
	first := body + region + organization + string(rune(organizationCheck(organization)))
	for i := range len(first) {
		if usccValue[first[i]] < 0 {
			return "", fmt.Errorf("making a credit code: character %d is not in the code's alphabet", i+1)
		}
	}
	return ParseUSCC(first + string(rune(usccCheck(first))))
}

// OrganizationCode returns characters 9 to 17, the organization code of GB 11714 without its hyphen.
func (u USCC) OrganizationCode() string { return string(u[8:17]) }

// OrganizationCodeOK reports whether the organization code carries its own right check character.
func (u USCC) OrganizationCodeOK() bool {
	code := u.OrganizationCode()
	return code[8] == organizationCheck(code[:8])
}

// Region returns the GB/T 2260 code of six digits where the body is registered.
func (u USCC) Region() string { return string(u[2:8]) }

// Defects returns OrganizationCodeCheckFails where that is so, else nothing.
func (u USCC) Defects() []Defect {
	if u.OrganizationCodeOK() {
		return nil
	}
	return []Defect{OrganizationCodeCheckFails}
}

// usccCheck computes the check character of GB 32100 over 17 characters of the alphabet: weights 3^i mod 31.
func usccCheck(first17 string) byte {
	sum, weight := 0, 1
	for i := range len(first17) {
		sum += int(usccValue[first17[i]]) * weight
		weight = weight * 3 % 31
	}
	return usccAlphabet[(31-sum%31)%31]
}

// organizationCheck computes the check character of GB 11714 over 8 characters 0-9 A-Z.
func organizationCheck(first8 string) byte {
	weights := [8]int{3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i := range len(first8) {
		v, _ := base36(first8[i])
		sum += v * weights[i]
	}
	return "0123456789X"[(11-sum%11)%11]
}
