package statuslog

import (
	"fmt"

	"github.com/hutong-project/hutong/trust"
)

// Kind is what an event speaks of.
type Kind uint8

// The kinds, as encoded.
const (
	KindCredential  Kind = 1
	KindCertificate Kind = 2
	KindSeal        Kind = 3
	KindCRL         Kind = 4 // a CA's CRL that was taken in
)

var kindWords = map[Kind]string{
	KindCredential:  "credential",
	KindCertificate: "certificate",
	KindSeal:        "seal",
	KindCRL:         "crl",
}

// Known reports whether k is one of the kinds.
func (k Kind) Known() bool { return k >= KindCredential && k <= KindCRL }

// String returns the kind's word, as JSON carries it.
func (k Kind) String() string {
	if w := kindWords[k]; w != "" {
		return w
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind reads a kind's word.
func ParseKind(s string) (Kind, error) {
	for k, w := range kindWords {
		if w == s {
			return k, nil
		}
	}
	return 0, trust.Refuse(trust.Malformed, "kind %.40q, want credential, certificate, seal or crl", s)
}

// MarshalText returns the kind's word and an error for an unknown kind.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.Known() {
		return nil, fmt.Errorf("writing a kind of event: %s is unknown", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads a kind's word.
func (k *Kind) UnmarshalText(text []byte) error {
	v, err := ParseKind(string(text))
	*k = v
	return err
}

// Status is where a subject stands: the vocabulary of the status codes in use (住建部 certState), and what
// re-issue needs. The zero Status is none of them and means "no event".
type Status uint8

// The statuses, as encoded.
const (
	StatusValid       Status = 1  // 有效
	StatusSuspended   Status = 2  // 暂扣
	StatusRescinded   Status = 3  // 撤销
	StatusCancelled   Status = 4  // 注销
	StatusLapsed      Status = 5  // 失效
	StatusTransferred Status = 6  // 转出
	StatusRevoked     Status = 7  // 吊销
	StatusSuperseded  Status = 8  // 变更、延续: a successor stands
	StatusNotActive   Status = 9  // 未激活
	StatusOther       Status = 99 // 其他
)

// statusWords is the one table of the words: English, Chinese, the two-digit certState code ("" when it has none)
// and other forms that sources use. Order is that of the numbers.
var statusWords = []struct {
	status           Status
	english, chinese string
	certState        string
	also             []string
}{
	{StatusValid, "valid", "有效", "01", nil},
	{StatusSuspended, "suspended", "暂扣", "02", nil},
	{StatusRescinded, "rescinded", "撤销", "03", nil},
	{StatusCancelled, "cancelled", "注销", "04", nil},
	{StatusLapsed, "lapsed", "失效", "05", nil},
	{StatusTransferred, "transferred", "转出", "06", []string{"办理转出"}},
	{StatusRevoked, "revoked", "吊销", "07", nil},
	// 延续 alone is refused: sources use it for the operation that makes the new record, which is valid.
	{StatusSuperseded, "superseded", "已变更", "", []string{"变更", "已延续"}},
	{StatusNotActive, "not-active", "未激活", "", nil},
	{StatusOther, "other", "其他", "99", nil},
}

// parsed maps every accepted form to its status; printed holds the English and the Chinese word.
var parsed, printed = func() (map[string]Status, map[Status][2]string) {
	in, out := map[string]Status{}, map[Status][2]string{}
	for _, w := range statusWords {
		for _, form := range append([]string{w.english, w.chinese, w.certState}, w.also...) {
			if form != "" {
				in[form] = w.status
			}
		}
		out[w.status] = [2]string{w.english, w.chinese}
	}
	return in, out
}()

// ParseStatus reads a status by its English word ("revoked"), its Chinese word ("吊销") or its two-digit code of
// certState ("07"), in exactly that spelling.
func ParseStatus(s string) (Status, error) {
	if v, ok := parsed[s]; ok {
		return v, nil
	}
	return 0, trust.Refuse(trust.Malformed, "status %.40q, want a word such as revoked or 吊销, or a code of certState, 01 to 07 or 99", s)
}

// Known reports whether s is one of the statuses.
func (s Status) Known() bool { return s >= StatusValid && s <= StatusNotActive || s == StatusOther }

// String returns the English word, as JSON carries it; "none" for the zero Status.
func (s Status) String() string {
	if w, ok := printed[s]; ok {
		return w[0]
	}
	if s == 0 {
		return "none"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Chinese returns the Chinese word; "无" for the zero Status.
func (s Status) Chinese() string {
	if w, ok := printed[s]; ok {
		return w[1]
	}
	if s == 0 {
		return "无"
	}
	return fmt.Sprintf("状态 %d", uint8(s))
}

// Final reports whether only a correction takes s back. 转出 is not final: until the other province names the old
// credential the transfer may be called off.
func (s Status) Final() bool {
	switch s {
	case StatusRescinded, StatusCancelled, StatusLapsed, StatusRevoked, StatusSuperseded:
		return true
	}
	return false
}

// MarshalText returns the English word and an error for an unknown status.
func (s Status) MarshalText() ([]byte, error) {
	if !s.Known() {
		return nil, fmt.Errorf("writing a status: %s is unknown", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what ParseStatus reads.
func (s *Status) UnmarshalText(text []byte) error {
	v, err := ParseStatus(string(text))
	*s = v
	return err
}
