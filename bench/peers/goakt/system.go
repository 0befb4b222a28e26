package main

import (
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/log"
)

// drainTimeout bounds every wait for what has been sent.
const drainTimeout = 20 * time.Second

// startSystem starts a local actor system: no remoting, no cluster, no log. It is never stopped: stopping 16,000
// actors takes GoAkt 50 seconds, and the process ends anyway.
func startSystem() (actor.ActorSystem, error) {
	system, err := actor.NewActorSystem("bench",
		actor.WithLogger(log.DiscardLogger),
		actor.WithActorInitMaxRetries(1))
	if err != nil {
		return nil, err
	}
	return system, system.Start(background)
}

// actorLife is the part of an actor that does nothing here.
type actorLife struct{}

// PreStart does nothing.
func (actorLife) PreStart(*actor.Context) error { return nil }

// PostStop does nothing.
func (actorLife) PostStop(*actor.Context) error { return nil }
