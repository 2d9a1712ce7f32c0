// Package national holds the national list: who belongs to the federation, under which keys, national roots and
// rules. docs/formats/national-list.md specifies it to the byte.
//
// It promises that a Document which Read returned obeys every rule about one list alone: each key stands once and is
// proved, thresholds can be met, statuses have an unbroken past. CheckPinned and CheckFollows then say whether it may
// be believed: as a node's first list, or after the one held (the succession of root metadata in TUF 1.0, section 5.3).
//
// It does not know which list is in force, keeps nothing and reads no clock. Two valid lists with one number are for
// the caller to find: see CheckFollows.
package national
