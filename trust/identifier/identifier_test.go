package identifier_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/identifier"
)

// Identifiers that state bodies published, all with a right check character.
var published = []string{
	"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
	"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S",
	"1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0",
	"1.2.156.3005.2.11100000000013338W087.11370800MB28559184.37080001202411010001.001.3",
	"1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9",
}

const specimen = "11010519491231002X" // printed in GB 11643

func TestParseLicenceAccepts(t *testing.T) {
	for i, s := range published {
		l, defects, err := identifier.ParseLicence(s)
		if err != nil || l.Text() != s {
			t.Errorf("ParseLicence(%q) = %q, %v", s, l.Text(), err)
		}
		if want := i == len(published)-1; slices.Contains(defects, identifier.IssuerNotUSCC) != want || l.Strict() == want {
			t.Errorf("ParseLicence(%q) has defects %q and Strict() %v", s, defects, l.Strict())
		}
	}
	first, _, _ := identifier.ParseLicence(published[0])
	second, _, _ := identifier.ParseLicence(published[1])
	if !second.Supersedes(first) || first.Supersedes(second) || first.Supersedes(first) {
		t.Error("version 002 must supersede 001 and nothing else")
	}
	if got := first.TypeAuthority(); got != "11100000000013338W" {
		t.Errorf("TypeAuthority() = %s, want 11100000000013338W", got)
	}
}

func TestParseLicenceRefuses(t *testing.T) {
	for _, c := range []struct {
		s    string
		want identifier.Defect
	}{
		{"", identifier.NotAnIdentifier},
		{strings.Repeat(".", 9), identifier.WrongRoot},
		{"1.2.156.3003.2.11100000000013338W011.11430000006122244L.20230000403.001.U", identifier.WrongRoot},
		{"1.2.156.3005.2.11100000000013338W01.11430000006122244L.20230000403.001.U", identifier.MalformedType},
		{"1.2.156.3005.2.11100000000013338W0A1.11430000006122244L.20230000403.001.U", identifier.MalformedType},
		{"1.2.156.3005.2.11100000000013338W011..20230000403.001.U", identifier.MalformedIssuer},
		{"1.2.156.3005.2.11100000000013338W011.114300-0006122244L.20230000403.001.U", identifier.MalformedIssuer},
		{"1.2.156.3005.2.11100000000013338W011." + strings.Repeat("1", 33) + ".20230000403.001.U", identifier.MalformedIssuer},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L..001.7", identifier.MalformedSerial},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.2023_0000403.001.U", identifier.SeparatorInSerial},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.2023-0000403.001.U", identifier.SeparatorInSerial},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.01.E", identifier.MalformedVersion},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.00A.E", identifier.MalformedVersion},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.", identifier.WrongCheckCharacter},
		{"1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.UU", identifier.WrongCheckCharacter},
		{"1.2.156.3005.2.11100000000013661B006.113700000045046442.209FA4E88F9E4C878F3E9BED2CE7EA49.001.M", identifier.WrongCheckCharacter},
		{published[0] + strings.Repeat("0", 300), identifier.NotAnIdentifier},
		// In use, with neither type nor issuer of the standard's form: refused, and for a reason that says so.
		{"1.2.156.3005.2.062301.1101101102.0624_001.001.U", identifier.MalformedType},
	} {
		l, defects, err := identifier.ParseLicence(c.s)
		refused := new(identifier.RefusedError)
		if !errors.As(err, &refused) || refused.Defect != c.want || !slices.Contains(defects, c.want) || l != (identifier.Licence{}) {
			t.Errorf("ParseLicence(%q) = %v with defects %q, want %s", c.s, err, defects, c.want)
		}
	}
}

// Brute force: the check character misses no single substitution and no exchange of neighbours.
func TestCheckCharacterFindsSlips(t *testing.T) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, s := range published {
		l, _, err := identifier.ParseLicence(s)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf("%s%s%s%03d", l.Type, l.Issuer, l.Serial, l.Version)
		whole := body + string(l.Check)
		right := func(s string) bool {
			check, ok := identifier.CheckCharacter(s[:len(s)-1])
			return ok && check == s[len(s)-1]
		}
		if !right(whole) {
			t.Fatalf("CheckCharacter(%q) is not %c", body, l.Check)
		}
		for i := range len(whole) {
			for _, c := range alphabet {
				if byte(c) != whole[i] && right(whole[:i]+string(c)+whole[i+1:]) {
					t.Errorf("%s: character %d as %c is not noticed", s, i, c)
				}
			}
			if i+1 < len(whole) && whole[i] != whole[i+1] && right(whole[:i]+whole[i+1:i+2]+whole[i:i+1]+whole[i+2:]) {
				t.Errorf("%s: exchange of characters %d and %d is not noticed", s, i, i+1)
			}
		}
	}
}

func TestCreditCodeFindsSlips(t *testing.T) {
	const code, alphabet = "11430000006122244L", "0123456789ABCDEFGHJKLMNPQRTUWXY"
	for i := range len(code) {
		for _, c := range alphabet {
			if _, err := identifier.ParseUSCC(code[:i] + string(c) + code[i+1:]); byte(c) != code[i] && err == nil {
				t.Errorf("character %d as %c is not noticed", i, c)
			}
		}
		if i+1 < len(code) && code[i] != code[i+1] {
			if _, err := identifier.ParseUSCC(code[:i] + code[i+1:i+2] + code[i:i+1] + code[i+2:]); err == nil {
				t.Errorf("exchange of characters %d and %d is not noticed", i, i+1)
			}
		}
	}
}

func TestNewLicence(t *testing.T) {
	l, err := identifier.NewLicence("11100000000013338W011", "11430000006122244L", "20230000403", 2)
	if err != nil || l.Text() != published[1] {
		t.Errorf("NewLicence = %q, %v, want %q", l.Text(), err, published[1])
	}
	for _, version := range []int{0, -1, 1000} {
		if _, err := identifier.NewLicence("11100000000013338W011", "11430000006122244L", "1", version); err == nil {
			t.Errorf("NewLicence with version %d was made, want an error", version)
		}
	}
}

func TestLicencePrintsWithoutSerial(t *testing.T) {
	l, _, err := identifier.ParseLicence(published[0])
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "licence", l)
	for _, text := range []string{l.String(), fmt.Sprintf("%v %+v %#v %s", l, l, l, l), log.String()} {
		if strings.Contains(text, l.Serial) || !strings.Contains(text, l.Type) {
			t.Errorf("a licence prints as %q, want its type and not its serial", text)
		}
	}
}

func TestCitizenIsMasked(t *testing.T) {
	c, err := identifier.ParseCitizen(specimen)
	if err != nil || c.Number() != specimen || c.Province() != "110000" {
		t.Fatalf("ParseCitizen of the specimen: %v, province %s", err, c.Province())
	}
	type holder struct{ citizen identifier.Citizen }
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("read", "citizen", c, "holder", holder{c})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "citizen", c, "holder", struct{ C identifier.Citizen }{c})
	asJSON, _ := json.Marshal(struct{ C identifier.Citizen }{c})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb+verb, c, holder{c})
	}
	printed := log.String() + string(asJSON)
	for _, secret := range []string{specimen, "19491231", fmt.Sprintf("%x", specimen)} {
		if strings.Contains(printed, secret) {
			t.Errorf("printing shows %s", secret)
		}
	}
	if _, err := json.Marshal(c); err == nil {
		t.Error("json.Marshal of a citizen number succeeded, want an error")
	}
}

func TestParseCitizenRefuses(t *testing.T) {
	for _, c := range []struct {
		number string
		want   identifier.Defect
	}{
		{"", identifier.MalformedCode},
		{"11010519491231002x", identifier.MalformedCode},
		{"110105194912310021", identifier.WrongCheckCharacter},
		{"330000180002300013", identifier.WrongDate},
		{"999999180001010016", identifier.UnknownProvince},
	} {
		_, err := identifier.ParseCitizen(c.number)
		refused := new(identifier.RefusedError)
		if !errors.As(err, &refused) || refused.Defect != c.want {
			t.Errorf("ParseCitizen = %v, want %s", err, c.want)
		}
	}
	if got := (identifier.Citizen{}); got.Number() != "" || got.Province() != "" {
		t.Error("the zero Citizen has a number or a province")
	}
}

func TestProvinces(t *testing.T) {
	all := identifier.Provinces()
	if len(all) != 35 {
		t.Errorf("Provinces() = %d codes, want 34 units and the central bodies", len(all))
	}
	for _, p := range all {
		if zh, en, ok := identifier.ProvinceName(p); !ok || !p.Valid() || zh == "" || en == "" {
			t.Errorf("ProvinceName(%s) = %q, %q, %v", p, zh, en, ok)
		}
	}
	for _, p := range []trust.Province{"", "AT", "310100", "990000", "660000"} {
		if zh, _, ok := identifier.ProvinceName(p); ok {
			t.Errorf("ProvinceName(%s) = %q, want none", p, zh)
		}
	}
	for code, want := range map[string]trust.Province{"11430000006122244L": "430000", "11100000000013338W": "100000",
		"11370800MB28559184": "370000", "340100": "340000", "1500001": "", "": "", "119900000000133380": "",
		"11A00000000013338W": "", "1143000000612224４L": ""} {
		if got, ok := identifier.Home(code); got != want || ok != (want != "") {
			t.Errorf("Home(%q) = %q, %v, want %q", code, got, ok, want)
		}
	}
}

func FuzzParseLicence(f *testing.F) {
	for _, s := range published {
		f.Add(s)
	}
	f.Add("1.2.156.3005.2.062301.1101101102.0624_001.001.U")
	f.Fuzz(func(t *testing.T, s string) {
		l, defects, err := identifier.ParseLicence(s)
		if refuses := slices.ContainsFunc(defects, identifier.Defect.Refuses); refuses != (err != nil) {
			t.Fatalf("ParseLicence(%q) = %v with defects %q", s, err, defects)
		}
		if err == nil && l.Text() != s {
			t.Fatalf("ParseLicence(%q).Text() = %q", s, l.Text())
		}
		_, _ = l.String(), l.TypeAuthority()
	})
}

func FuzzParseUSCC(f *testing.F) {
	f.Add("11100000000013338W")
	f.Add("11330000MAF0004770")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := identifier.ParseUSCC(s)
		if err != nil {
			return
		}
		again, err := identifier.MakeUSCC(s[:2], s[2:8], s[8:16])
		if u.OrganizationCodeOK() != (err == nil && again == u) {
			t.Fatalf("MakeUSCC of the parts of %q = %q, %v", s, again, err)
		}
	})
}

func FuzzParseCitizen(f *testing.F) {
	f.Add(specimen)
	f.Add("330000180002300013")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := identifier.ParseCitizen(s)
		if err == nil && (c.Number() != s || c.Province() == "") {
			t.Fatal("an accepted number is changed, or has no province")
		}
	})
}
