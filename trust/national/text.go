package national

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what stands in lists for people and for the network.
const (
	MaxTextRunes    = 128 // a name
	MaxReasonRunes  = 256
	MaxTypeBytes    = 128 // a credential type or a pattern of them
	MaxPeers        = 64
	MaxPeerIDBytes  = 128
	MaxPeerAddrs    = 16
	MaxAddressBytes = 256
)

// CheckText refuses, with Malformed, a text for people that is empty, longer than 128 characters, or could look like
// something else: unprintable characters (line breaks and direction marks among them), space at either end. The
// refusal's detail starts with at.
func CheckText(at, s string) error {
	if s == "" {
		return malformed(at, "is empty")
	}
	return checkText(at, s, MaxTextRunes)
}

// CheckReason is CheckText for a reason, which may be empty and has up to 256 characters.
func CheckReason(at, s string) error { return checkText(at, s, MaxReasonRunes) }

func checkText(at, s string, maxRunes int) error {
	if len(s) > maxRunes*utf8.UTFMax || utf8.RuneCountInString(s) > maxRunes {
		return malformed(at, "longer than %d characters", maxRunes)
	}
	if !utf8.ValidString(s) {
		return malformed(at, "is not UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\u3000' { // the ideographic space is no control character
			return malformed(at, "holds the unprintable character %U", r)
		}
	}
	if strings.TrimSpace(s) != s {
		return malformed(at, "begins or ends with space")
	}
	return nil
}

// ValidType reports whether s has the form of a credential type: 1 to 128 printable ASCII characters without space,
// quotation mark, backslash and *.
func ValidType(s string) bool {
	if s == "" || len(s) > MaxTypeBytes {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"*\`, c) >= 0 {
			return false
		}
	}
	return true
}

// CheckPeers refuses, with Malformed, peers that no list may hold: too many, one twice, ids that are not base58 or
// base32 text, addresses that are not printable text starting with a slash. Whether an address can be dialled is the
// federation's to find. The refusal's detail starts with at.
func CheckPeers(at string, peers []Peer) error {
	if len(peers) > MaxPeers {
		return malformed(at, "%d peers, want at most %d", len(peers), MaxPeers)
	}
	seen := make(map[string]bool, len(peers))
	for i, peer := range peers {
		here := fmt.Sprintf("%s[%d]", at, i)
		if !validPeerID(peer.ID) {
			return malformed(here+".id", "%.40q, want 1 to %d letters and digits", peer.ID, MaxPeerIDBytes)
		}
		if seen[peer.ID] {
			return malformed(here+".id", "%s stands twice", peer.ID)
		}
		seen[peer.ID] = true
		if len(peer.Addrs) > MaxPeerAddrs {
			return malformed(here+".addrs", "%d addresses, want at most %d", len(peer.Addrs), MaxPeerAddrs)
		}
		for j, addr := range peer.Addrs {
			if !validAddress(addr) {
				return malformed(fmt.Sprintf("%s.addrs[%d]", here, j), "%.60q, want a multiaddress of at most %d bytes", addr, MaxAddressBytes)
			}
		}
	}
	return nil
}

func validPeerID(s string) bool {
	if s == "" || len(s) > MaxPeerIDBytes {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func validAddress(s string) bool {
	if len(s) < 2 || len(s) > MaxAddressBytes || s[0] != '/' {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return !strings.Contains(s, "/p2p/") && !strings.Contains(s, "/ipfs/") // the id stands beside the address
}
