// Package identifier reads the identifiers that Chinese credentials carry: the licence identifier of GB/T 36904
// (电子证照标识), the unified social credit code of GB 32100 (统一社会信用代码), the citizen number of GB 11643
// (公民身份号码), and the province table of GB/T 2260.
//
// It promises that each has one accepted text (upper case, no spaces, ASCII), that every departure has a code of its
// own, and that no error repeats what was read: a serial or a holder code may name a person. A check character
// catches slips of the pen; it proves nothing about who issued anything, and a province read out of a code is a hint
// where to look, never a reason to trust. Region codes below province level are not looked up.
package identifier
