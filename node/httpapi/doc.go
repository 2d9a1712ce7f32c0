// Package httpapi is the node's HTTP interface: judging credentials, taking status changes and lists, and showing
// what the registry holds. docs/http-api.md specifies it.
//
// It promises that every body has a size limit and a time limit before it is read, that a check which fails answers
// with problem details (RFC 9457) and a code of a closed set, and that neither a log line nor an answer repeats a
// value out of a credential, of events or of a query. It holds no state of its own: package consensus does.
package httpapi
