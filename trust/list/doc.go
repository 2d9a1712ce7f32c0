// Package list holds the trust list: a province's word on which authority may issue which credential type under which
// certificate. docs/formats/trust-list.md specifies it to the byte. Names follow ETSI TS 119 602 where it has one.
//
// It promises that a Document which Read returned obeys every rule about one list alone, and that Evaluate lets no
// anchor count that asks for more than the national list grants its province, or whose certificate rests on no
// national root; such an anchor is refused by name and reason while the rest of the list counts.
//
// It does not know which list is in force, which head pins it, or whether an anchor may issue at some moment: that is
// the verdict's to say, from StatusAt and the rest.
package list
