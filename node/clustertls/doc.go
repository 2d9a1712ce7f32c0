// Package clustertls makes and holds the certificates with which the nodes of one cluster know each other: X.509 with
// ECDSA P-256, below a CA that is the cluster's own and that no other system trusts. The name in a node's certificate is
// its id in the cluster (consensus.NodeURI); package consensus verifies it at both ends of each connection.
//
// It promises that a renewed certificate is used without a restart, that files which do not belong together never
// replace ones that do, and that a key which others can read is refused. It revokes nothing: a node that is removed
// from the cluster is refused by its id.
package clustertls
