package identifier_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hutong-project/hutong/trust/identifier"
	"github.com/hutong-project/hutong/trust/trusttest"
)

type vectors struct {
	ELicence struct {
		StrictRegex string
		Vectors     []struct {
			ID, Expect, CheckExpected, IssuerProvinceCode, Why string
			StrictFormat                                       bool
			Parts                                              *struct{ Root, Type, Issuer, Serial, Version, Check string }
			Flags                                              []identifier.Defect
		}
	}
	UnifiedSocialCreditCode struct {
		Vectors []struct {
			Code, Expect, CheckExpected, OrgCodeCheckExpected, AreaCode, Why string
			FormatOK, CheckOK, OrgCodeCheckOK                                bool
		}
	}
	CitizenID struct {
		Vectors []struct {
			Number, Why                              string
			FormatOK, CheckOK, DateOK, ProvinceKnown bool
		}
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(trusttest.Conformance(t), "identifiers.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.ELicence.Vectors) == 0 || len(v.UnifiedSocialCreditCode.Vectors) == 0 || len(v.CitizenID.Vectors) == 0 {
		t.Fatal("a kind of vector is missing")
	}
	return v
}

func TestConformanceLicences(t *testing.T) {
	v := readVectors(t)
	strict := regexp.MustCompile(v.ELicence.StrictRegex)
	for _, c := range v.ELicence.Vectors {
		l, defects, err := identifier.ParseLicence(c.ID)
		if accepted := c.Expect != "invalid"; (err == nil) != accepted {
			t.Errorf("ParseLicence(%q) = %v, want %s: %s", c.ID, err, c.Expect, c.Why)
			continue
		}
		for _, flag := range c.Flags {
			if !slices.Contains(defects, flag) {
				t.Errorf("ParseLicence(%q) has defects %q, want %q among them", c.ID, defects, flag)
			}
		}
		if c.Parts != nil && c.CheckExpected != "" {
			check, ok := identifier.CheckCharacter(c.Parts.Type + c.Parts.Issuer + c.Parts.Serial + c.Parts.Version)
			if !ok || string(check) != c.CheckExpected {
				t.Errorf("CheckCharacter of %q = %q, %v, want %q", c.ID, check, ok, c.CheckExpected)
			}
		}
		if err != nil {
			if !slices.ContainsFunc(defects, identifier.Defect.Refuses) {
				t.Errorf("ParseLicence(%q) refuses with defects %q, want one that refuses", c.ID, defects)
			}
			continue
		}
		if len(defects) != len(c.Flags) {
			t.Errorf("ParseLicence(%q) has defects %q, want %q", c.ID, defects, c.Flags)
		}
		if l.Text() != c.ID {
			t.Errorf("ParseLicence(%q).Text() = %q", c.ID, l.Text())
		}
		if l.Strict() != c.StrictFormat || l.Strict() != strict.MatchString(c.ID) {
			t.Errorf("ParseLicence(%q).Strict() = %v, want %v", c.ID, l.Strict(), c.StrictFormat)
		}
		if l.Type != c.Parts.Type || l.Issuer != c.Parts.Issuer || l.Serial != c.Parts.Serial || string(l.Check) != c.Parts.Check {
			t.Errorf("ParseLicence(%q) = %#v, want %+v", c.ID, l, c.Parts)
		}
		if home, _ := identifier.Home(l.Issuer); string(home) != c.IssuerProvinceCode {
			t.Errorf("Home(%q) = %q, want %q", l.Issuer, home, c.IssuerProvinceCode)
		}
	}
}

func TestConformanceCreditCodes(t *testing.T) {
	for _, c := range readVectors(t).UnifiedSocialCreditCode.Vectors {
		u, err := identifier.ParseUSCC(c.Code)
		if (err == nil) != (c.Expect != "invalid") || (err == nil) != (c.FormatOK && c.CheckOK) {
			t.Errorf("ParseUSCC(%q) = %v, want %s: %s", c.Code, err, c.Expect, c.Why)
			continue
		}
		if err != nil {
			want := identifier.MalformedCode
			if c.FormatOK {
				want = identifier.WrongCheckCharacter
			}
			if refused := new(identifier.RefusedError); !errors.As(err, &refused) || refused.Defect != want {
				t.Errorf("ParseUSCC(%q) = %v, want %s", c.Code, err, want)
			}
			continue
		}
		if u.Region() != c.AreaCode {
			t.Errorf("%s.Region() = %s, want %s", c.Code, u.Region(), c.AreaCode)
		}
		if u.OrganizationCodeOK() != c.OrgCodeCheckOK || (len(u.Defects()) > 0) != (c.Expect == "valid-flagged") {
			t.Errorf("%s: organization code right = %v, defects %q, want %v, %s", c.Code, u.OrganizationCodeOK(), u.Defects(), c.OrgCodeCheckOK, c.Expect)
		}
		if again, err := identifier.MakeUSCC(c.Code[:2], c.Code[2:8], c.Code[8:16]); c.OrgCodeCheckOK && (err != nil || again != u) {
			t.Errorf("MakeUSCC of the parts of %s = %s, %v", c.Code, again, err)
		}
	}
}

func TestConformanceCitizenNumbers(t *testing.T) {
	for _, c := range readVectors(t).CitizenID.Vectors {
		want := identifier.CitizenChecks{Form: c.FormatOK, Check: c.CheckOK, Date: c.DateOK, Province: c.ProvinceKnown}
		if got := identifier.CheckCitizen(c.Number); got != want {
			t.Errorf("CheckCitizen = %+v, want %+v: %s", got, want, c.Why)
		}
		n, err := identifier.ParseCitizen(c.Number)
		if (err == nil) != want.OK() {
			t.Errorf("ParseCitizen = %v, want accepted: %v: %s", err, want.OK(), c.Why)
		}
		if err == nil && n.Number() != c.Number {
			t.Errorf("Number() is not what was parsed: %s", c.Why)
		}
		if err != nil && c.Number != "" && strings.Contains(err.Error(), c.Number) {
			t.Errorf("the error repeats the number: %s", c.Why)
		}
	}
}
