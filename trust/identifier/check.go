package identifier

// CheckCharacter returns the check character of body by ISO/IEC 7064 MOD 37,36 (GB/T 17710-2008), and false if body
// is empty or has other characters than 0-9 and A-Z. It finds every single substitution and every exchange of
// neighbours.
func CheckCharacter(body string) (byte, bool) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	p := 36
	for i := range len(body) {
		v, ok := base36(body[i])
		if !ok {
			return 0, false
		}
		if p = (p + v) % 36; p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return alphabet[(37-p)%36], body != ""
}

func base36(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10, true
	}
	return 0, false
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isBase36(s string) bool {
	for i := range len(s) {
		if _, ok := base36(s[i]); !ok {
			return false
		}
	}
	return s != ""
}
