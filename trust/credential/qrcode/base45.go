package qrcode

// base45Alphabet is RFC 9285's, in the order of values: exactly what QR's alphanumeric mode can hold.
const base45Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// notBase45 marks a byte outside the alphabet in base45Values.
const notBase45 = 0xFF

var base45Values = func() (values [256]byte) {
	for i := range values {
		values[i] = notBase45
	}
	for i, c := range []byte(base45Alphabet) {
		values[c] = byte(i)
	}
	return values
}()

// appendBase45Decoded appends what s encodes. Each byte string has one encoding: a character outside the alphabet,
// a lone last character, and a group whose value does not fit its two bytes (or the last one) are refused.
func appendBase45Decoded(dst []byte, s string) ([]byte, error) {
	if len(s)%3 == 1 {
		return dst, refuse(StageBase45, "%d characters: one is left over", len(s))
	}
	i := 0
	for ; i+3 <= len(s); i += 3 {
		a, b, c := base45Values[s[i]], base45Values[s[i+1]], base45Values[s[i+2]]
		if a == notBase45 || b == notBase45 || c == notBase45 {
			return dst, badBase45Character(s, i)
		}
		value := uint(a) + 45*uint(b) + 45*45*uint(c)
		if value > 0xFFFF {
			return dst, refuse(StageBase45, "the group at character %d stands for %d, above 65535", i, value)
		}
		dst = append(dst, byte(value>>8), byte(value))
	}
	if i < len(s) {
		a, b := base45Values[s[i]], base45Values[s[i+1]]
		if a == notBase45 || b == notBase45 {
			return dst, badBase45Character(s, i)
		}
		value := uint(a) + 45*uint(b)
		if value > 0xFF {
			return dst, refuse(StageBase45, "the last group stands for %d, above 255", value)
		}
		dst = append(dst, byte(value))
	}
	return dst, nil
}

func badBase45Character(s string, from int) error {
	for base45Values[s[from]] != notBase45 {
		from++
	}
	return refuse(StageBase45, "byte %#02x at character %d is not in the alphabet", s[from], from)
}

// appendBase45 appends the base45 text of data.
func appendBase45(dst, data []byte) []byte {
	for ; len(data) >= 2; data = data[2:] {
		value := uint(data[0])<<8 | uint(data[1])
		dst = append(dst, base45Alphabet[value%45], base45Alphabet[value/45%45], base45Alphabet[value/(45*45)])
	}
	if len(data) == 1 {
		value := uint(data[0])
		dst = append(dst, base45Alphabet[value%45], base45Alphabet[value/45])
	}
	return dst
}
