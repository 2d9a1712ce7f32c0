package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hutong-project/hutong/cmd/internal/authority"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/credential"
	"github.com/hutong-project/hutong/trust/credential/qrcode"
)

// issuer is what an issuing authority does.
func (a *app) issuer() *cobra.Command {
	return group("issuer", "For an issuing authority: credentials and their statuses",
		a.issuerInit(), a.issuerIssue(), a.issuerRevoke(), a.issuerSuspend(), a.issuerReinstate())
}

type issuerInitOutput struct {
	Dir       string         `json:"dir"`
	Province  trust.Province `json:"province"`
	Authority string         `json:"authority"`
	ID        string         `json:"id"`
	Request   trust.Digest   `json:"request"`
}

func (a *app) issuerInit() *cobra.Command {
	var dir, code, name, id, province string
	c := &cobra.Command{
		Use: "init --dir DIR --authority USCC --name NAME --province 310000 --id ID", Args: cobra.NoArgs,
		Short: "Make an authority's folder: its keys and the request to be listed",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			made, err := authority.Create(dir, passphrase, trust.Province(province), code, name, id)
			if err != nil {
				return usage(err, trust.Malformed)
			}
			out := issuerInitOutput{dir, made.Province, made.Authority, made.ID, made.Digest}
			return a.emit(out, func(w io.Writer) {
				fmt.Fprintf(w, "%s (%s), request digest\n  %s\n", name, code, out.Request)
				fmt.Fprintf(w, "Send %s/%s to the operator of province %s.\n", dir, authority.RequestFile, province)
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to make")
	c.Flags().StringVar(&code, "authority", "", "统一社会信用代码 of the authority")
	c.Flags().StringVar(&name, "name", "", "name of the authority, for people")
	c.Flags().StringVar(&province, "province", "", "code of its province, such as 310000")
	c.Flags().StringVar(&id, "id", "", "id that it is to have in the province's trust list: a-z, 0-9, point and hyphen")
	return require(c, "dir", "authority", "name", "province", "id")
}

type issueOutput struct {
	Code         string     `json:"code"`
	Handle       string     `json:"handle"`
	Presentation bool       `json:"presentation"`
	Issued       trust.Time `json:"issued"`
	Expires      trust.Time `json:"expires,omitzero"` // none: 长期
}

func (a *app) issuerIssue() *cobra.Command {
	var dir, handle string
	var days int
	var presentation time.Duration
	var face []string
	var claims authority.Claims
	c := &cobra.Command{
		Use: "issue --dir DIR --type CODE", Args: cobra.NoArgs,
		Short: "Sign a credential and print its text, as a QR code holds it",
		RunE: func(*cobra.Command, []string) error {
			passphrase, err := a.passphrase()
			if err != nil {
				return err
			}
			if claims.Face, err = faceClaims(face); err != nil {
				return err
			}
			if handle != "" {
				if claims.Handle, err = parseHandle(handle); err != nil {
					return err
				}
			}
			claims.Issued = a.now()
			if err := lifetime(&claims, days, presentation); err != nil {
				return err
			}
			f, err := authority.Load(dir, passphrase)
			if err != nil {
				return err
			}
			text, given, err := f.Issue(claims)
			if err != nil {
				return err
			}
			out := issueOutput{text, hex.EncodeToString(given[:]), claims.Presentation, claims.Issued, claims.Expires}
			return a.emit(out, func(w io.Writer) { fmt.Fprintln(w, text) })
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the authority's folder")
	c.Flags().StringVar(&claims.Type, "type", "", "证照类型代码")
	c.Flags().IntVar(&days, "days", 365, "how many days it is valid; 0: for ever (长期)")
	c.Flags().DurationVar(&presentation, "presentation", 0, "make a presentation code that lives this long, such as 5m, instead of a credential")
	c.Flags().StringVar(&handle, "handle", "", "32 hexadecimal digits: the status handle of the credential that is presented (default: a new one)")
	c.Flags().StringArrayVar(&face, "claim", nil, "NAME=VALUE that the code shows; may be repeated")
	return require(c, "dir", "type")
}

func lifetime(claims *authority.Claims, days int, presentation time.Duration) error {
	switch {
	case days < 0 || days > 100*366:
		return fmt.Errorf("--days %d, want 0 (for ever) to %d", days, 100*366)
	case presentation < 0 || presentation > qrcode.MaxPresentation:
		return fmt.Errorf("--presentation %v, want at most %v", presentation, qrcode.MaxPresentation)
	case presentation > 0:
		claims.Presentation, claims.Expires = true, claims.Issued.Add(max(presentation, time.Second))
	case days > 0:
		claims.Expires = claims.Issued.Add(time.Duration(days) * 24 * time.Hour)
	}
	return nil
}

func faceClaims(pairs []string) ([]credential.Claim, error) {
	var face []credential.Claim
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("--claim number %d is not NAME=VALUE", i+1)
		}
		face = append(face, credential.Claim{Name: name, Value: value})
	}
	return face, nil
}

// parseHandle reads a status handle. Its errors do not repeat it.
func parseHandle(s string) (handle [qrcode.HandleSize]byte, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(handle) {
		return handle, errors.New("--handle: want 32 hexadecimal digits")
	}
	copy(handle[:], raw)
	return handle, nil
}
