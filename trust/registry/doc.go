// Package registry is the picture of what a cluster believes: which provinces belong, which issuers they name, how far
// their status logs reach and how old all that is.
//
// A View is made by consensus after each applied command, handed to whoever judges, federates or answers, and never
// changed: one verdict is judged from one View, and all nodes of a cluster that applied the same commands hold equal
// ones. Views share their Provinces, so making the next View costs what changed.
//
// The package promises that everything reachable from a View may be read by many goroutines at once, and that the
// searches a verdict needs (the anchors that a credential may rest on, the age of the evidence) cost a few map
// look-ups. It verifies no signature, compares no sequence and keeps nothing: documents in a View were checked before
// by packages national, list and head. The events of the status logs stand outside a View, behind StatusReader, as
// they are too many to hold.
package registry
