// Package cluster runs the nodes of a province as processes of this program on the loopback address, for `hutong demo`
// and `hutong bench registry`.
//
// It promises that a node which ends by itself is noticed with the end of its log, that none outlives an orderly end of
// the program that started it, and on Linux not even a killed one. It makes no folders: those are the ceremonies'.
package cluster
