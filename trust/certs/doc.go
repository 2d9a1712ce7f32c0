// Package certs reads X.509 certificates as Chinese and partner authorities really make them, verifies signatures
// with the keys in them, builds paths to the national roots, and makes certificates for tools and tests.
//
// It promises that every field of a Certificate is taken from the bytes that the issuer signed, that two readers of
// one certificate see the same fields, that a key is used only with the algorithm that fits it, and that building a
// path is bounded work whatever certificates are thrown in. A Certificate does not change after Parse and may be
// used by many goroutines at once.
//
// It does not judge time (WindowsContain is asked separately, with the moment that matters), revocation (the status
// log knows) or whether a certificate may issue anything (the trust list knows). It fetches nothing.
//
// Implemented: RFC 5280 in part, GM/T 0015 and GB/T 20518 profile with SM2-with-SM3 (1.2.156.10197.1.501) under the
// default user id, ECDSA and RSA for partner authorities. Name constraints and policy constraints are not
// implemented: a path through a certificate that makes them critical is refused.
package certs
