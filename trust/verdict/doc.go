// Package verdict judges a parsed credential: valid, invalid or indeterminate, with the reasons, the steps and the
// evidence, so that the same question can be asked again against the same evidence.
//
// Judge takes nine steps. 1 structure, 2 signature, 3 certificate chain, 4 standing of the issuer and of its province,
// 5 what the issuer may issue, 6 rules of the format, 7 dates, 8 status of the credential and of the certificates, 9
// freshness of what was used. Each ends passed, failed or unknown. One failed: invalid, however old the evidence. Else
// one unknown: indeterminate. Valid is only what passed every step; what could not be decided never reads as valid.
//
// Two moments matter. The issue time that the credential states decides steps 3 to 5: a certificate that ended later
// or a grant that was withdrawn later takes nothing away. Where the credential states none, its first day of validity
// stands in, and where there is none either, the moment asked about, which is noted. Question.ValidAt decides steps 7
// and 8. Question.Now alone decides how old the evidence is. Both ends of a validity are inside it, for HT1 as for
// HC1: now equal to exp passes, now equal to iat or nbf passes, one second beyond fails; no clock skew is allowed for,
// as Now is the judging node's and ValidAt the caller's.
//
// The package reads no clock and does no I/O but through the registry.StatusReader that it is given. It never panics
// on a credential, whatever its fields hold. Its answer holds no personal data unless Question.Disclose asks for the
// face. All reason codes, with what they say in Chinese and English, stand in one table, from which docs/verdicts.md
// is made.
//
// Implemented for formats that are one signed token: QR codes. Time stamps, seals and holder binding are not judged.
package verdict
