package main

import (
	"fmt"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/address"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// remoteAdder is kept from the warm-up to the measurement, with what its total was then.
var remoteAdder struct {
	client *actor.Remoting
	other  *peer
	to     *address.Address
	before int64
}

// withRemoteAdder runs a measurement whose asks go to the other process, from outside of all actors.
func withRemoteAdder(measure func(ask) (outcome, error)) (outcome, error) {
	adder := &remoteAdder
	if adder.client == nil {
		var err error
		if adder.other, err = startPeer(0); err != nil {
			return outcome{}, err
		}
		adder.client = actor.NewRemoting()
		adder.to = address.New("adder", systemName, loopback, adder.other.port)
	}
	before, err := askRemotely(0)
	if err != nil {
		return outcome{}, err
	}
	return measure(func() (int64, error) {
		total, err := askRemotely(1)
		return total - before, err
	})
}

func askRemotely(amount int32) (int64, error) {
	adder := &remoteAdder
	reply, err := adder.client.RemoteAsk(background, address.NoSender(), adder.to, wrapperspb.Int32(amount), askTimeout)
	if err != nil {
		return 0, err
	}
	if reply == nil {
		return 0, fmt.Errorf("a reply is nothing")
	}
	total := new(wrapperspb.Int64Value)
	err = reply.UnmarshalTo(total)
	return total.GetValue(), err
}
