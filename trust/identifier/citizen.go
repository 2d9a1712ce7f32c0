package identifier

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hutong-project/hutong/trust"
)

// A Citizen is a citizen number (公民身份号码). No way of printing or encoding it shows the number: only Number does.
// Two Citizens are compared by Number.
type Citizen struct {
	// A pointer, as fmt walks into unexported fields of an enclosing struct without calling our methods, and stops
	// at a pointer.
	number *[18]byte
}

const maskedCitizen = "******************"

// CitizenChecks are the rules for a citizen number, each by itself.
type CitizenChecks struct {
	Form     bool // 17 digits and a digit or capital X
	Check    bool // form, and the check character of ISO 7064 MOD 11-2
	Date     bool // the birth date is a day of the calendar
	Province bool // the first two digits are a province's, or those of a residence permit
}

// OK reports whether all rules hold.
func (c CitizenChecks) OK() bool { return c.Form && c.Check && c.Date && c.Province }

// CheckCitizen tests s against each rule.
func CheckCitizen(s string) (c CitizenChecks) {
	if len(s) != 18 {
		return c
	}
	c.Form = isDigits(s[:17]) && (isDigits(s[17:]) || s[17] == 'X')
	c.Check = c.Form && s[17] == citizenCheck(s[:17])
	if birth, err := time.Parse("20060102", s[6:14]); err == nil {
		c.Date = isDigits(s[6:14]) && birth.Year() > 0
	}
	c.Province = isDigits(s[:6]) && citizenProvince(s) != ""
	return c
}

// ParseCitizen reads a number for which all rules hold; else the error is a *RefusedError. Lower-case x is refused,
// as is the form of 15 digits, which is no longer in use.
func ParseCitizen(s string) (Citizen, error) {
	const what = "citizen number"
	switch c := CheckCitizen(s); {
	case !c.Form:
		return Citizen{}, &RefusedError{MalformedCode, what}
	case !c.Check:
		return Citizen{}, &RefusedError{WrongCheckCharacter, what}
	case !c.Date:
		return Citizen{}, &RefusedError{WrongDate, what}
	case !c.Province:
		return Citizen{}, &RefusedError{UnknownProvince, what}
	}
	return Citizen{(*[18]byte)([]byte(s))}, nil
}

// Number returns the number itself, "" for the zero Citizen. It must not reach a log, a metric or an error.
func (c Citizen) Number() string {
	if c.number == nil {
		return ""
	}
	return string(c.number[:])
}

// Province returns the province of first registration, "" for the zero Citizen.
func (c Citizen) Province() trust.Province {
	if c.number == nil {
		return ""
	}
	return citizenProvince(c.Number())
}

// citizenProvince reads the province off an area code. 81, 82 and 83 also begin the numbers on residence permits of
// Hong Kong, Macao and Taiwan residents, the last of which has no entry of its own in GB/T 2260.
func citizenProvince(number string) trust.Province {
	if number[:2] == "83" {
		return "710000"
	}
	p := trust.Province(number[:2] + "0000")
	if _, ok := provinces[p]; !ok || p == CentralBodies {
		return ""
	}
	return p
}

func citizenCheck(first17 string) byte {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(first17[i]-'0') * w
	}
	return "10X98765432"[sum%11]
}

// String returns stars.
func (c Citizen) String() string { return maskedCitizen }

// GoString returns stars.
func (c Citizen) GoString() string { return maskedCitizen }

// Format writes stars, whatever the verb.
func (c Citizen) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, maskedCitizen) }

// LogValue returns stars.
func (c Citizen) LogValue() slog.Value { return slog.StringValue(maskedCitizen) }

// MarshalText refuses: a citizen number is not written by accident.
func (c Citizen) MarshalText() ([]byte, error) {
	return nil, errors.New("writing a citizen number as text: it may only be written on purpose, through Number")
}
