package federation

import (
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// A conversation is one of the wire protocols with the bounds on its streams.
type conversation struct {
	id protocol.ID
	// patience is how long a stream may take from its opening to its end, on both sides: a sender of one byte a
	// second gets no further than that.
	patience time.Duration
	// silence is how long the asker waits for the first byte of the answer: what a peer only has to look up comes at
	// once, and one that fell silent must not hold up a pull until patience ends. Zero: as long as patience.
	silence time.Duration
	// perPeer and perProvince are how many streams one peer, and all peers of one province, may hold open here.
	perPeer, perProvince int
}

// The protocols. A change that an older node would not understand gets a new number.
var (
	headConversation     = conversation{"/hutong/head/1", 15 * time.Second, 0, 8, 16}
	exchangeConversation = conversation{"/hutong/exchange/1", 10 * time.Second, 4 * time.Second, 2, 8}
	nationalConversation = conversation{"/hutong/national/1", 20 * time.Second, 4 * time.Second, 2, 8}
	listConversation     = conversation{"/hutong/list/1", 30 * time.Second, 4 * time.Second, 2, 8}
	logConversation      = conversation{"/hutong/log/1", 20 * time.Second, 4 * time.Second, 4, 16}
	forwardConversation  = conversation{"/hutong/forward/1", 30 * time.Second, 0, 64, 256}
)

// pushPatience is how long a receiver works on a pushed head before it answers retry, within headConversation's.
const pushPatience = 10 * time.Second
