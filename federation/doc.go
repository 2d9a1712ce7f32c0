// Package federation carries what provinces sign from cluster to cluster over libp2p: it pushes new heads, exchanges
// summaries with random peers, and fetches the national lists, trust lists and log leaves that a head rests on.
// docs/formats/federation.md specifies what goes over the wire.
//
// It promises that only the own cluster and peers named by the adopted national list or by adopted trust lists are
// served; that national list, head, trust list and leaves are taken in that order, each checked against the one
// before; that everything from outside is bounded in bytes, time, memory and number before it is parsed; and that one
// slow, silent or lying peer delays no other province.
//
// It believes nothing because of the channel and changes nothing itself: what it fetched goes to the Registry, which
// judges it again and adopts or refuses it as a whole. It does not keep anything on disk, sign, or decide verdicts.
package federation
