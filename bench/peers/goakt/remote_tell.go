package main

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/address"
	"github.com/tochemey/goakt/v3/goaktpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// remotePair is kept from the warm-up to the measurement.
var remotePair struct {
	system    actor.ActorSystem
	other     *peer
	receivers []*address.Address
	producers []*remoteProducer
	pids      []*actor.PID
}

func startRemotePair() error {
	pair := &remotePair
	if pair.system != nil {
		return nil
	}
	var err error
	if pair.other, err = startPeer(remoteReceivers); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	if pair.system, err = startRemoteSystem(port); err != nil {
		return err
	}
	for index := range remoteReceivers {
		pair.receivers = append(pair.receivers, address.New(receiverName(index), systemName, loopback, pair.other.port))
	}
	for index := range remoteSenders {
		producer := &remoteProducer{number: int32(index), receivers: pair.receivers}
		pid, err := pair.system.Spawn(background, fmt.Sprintf("sender-%d", index), producer, actor.WithLongLived())
		if err != nil {
			return err
		}
		pair.producers = append(pair.producers, producer)
		pair.pids = append(pair.pids, pid)
	}
	return nil
}

// tellRemotely runs all senders until all have drained. With isBatched a batch is one call, to one receiver.
func tellRemotely(t task, isBatched bool) (outcome, error) {
	if err := startRemotePair(); err != nil {
		return outcome{}, err
	}
	drained := make(chan int64, remoteSenders)
	startedAt := time.Now()
	for index, each := range remotePair.producers {
		each.start(t, isBatched, startedAt, drained)
		if err := actor.Tell(background, remotePair.pids[index], new(emptypb.Empty)); err != nil {
			return outcome{}, err
		}
	}
	result := outcome{}
	late := time.After(t.seconds + drainTimeout)
	for range remoteSenders {
		select {
		case delivered := <-drained:
			result.delivered += delivered
		case <-late:
			return outcome{}, fmt.Errorf("did not drain within %s", drainTimeout)
		}
	}
	result.elapsed = time.Since(startedAt)
	for _, each := range remotePair.producers {
		result.sent += each.sent.Load()
	}
	return result, nil
}

// remoteProducer is one sending actor. Receivers count on from one measurement to the next.
type remoteProducer struct {
	actorLife
	number    int32
	receivers []*address.Address
	countMax  int64
	endsAt    time.Time
	isBatched bool
	drained   chan<- int64
	sent      atomic.Int64
	inFlight  int
	before    int64
	total     int64
}

func (p *remoteProducer) start(t task, isBatched bool, startedAt time.Time, drained chan<- int64) {
	p.countMax = int64(max(1, t.countMax/remoteSenders))
	p.endsAt = startedAt.Add(t.seconds)
	p.isBatched = isBatched
	p.drained = drained
	p.sent.Store(0)
	p.before = p.total
}

// Receive starts on Empty and goes on at each of the receivers' totals.
func (p *remoteProducer) Receive(ctx *actor.ReceiveContext) {
	switch message := ctx.Message().(type) {
	case *goaktpb.PostStart:
	case *emptypb.Empty:
		for range batchesInFlight {
			p.sendBatch(ctx)
		}
	case *wrapperspb.Int64Value:
		p.total = max(p.total, message.GetValue())
		p.inFlight--
		p.sendBatch(ctx)
		if p.inFlight == 0 {
			p.drained <- p.total - p.before
		}
	default:
		ctx.Unhandled()
	}
}

func (p *remoteProducer) sendBatch(ctx *actor.ReceiveContext) {
	if p.sent.Load() > 0 && (p.sent.Load() >= p.countMax || time.Now().After(p.endsAt)) {
		return
	}
	if err := p.tellBatch(ctx.Self()); err != nil {
		ctx.Err(err)
		return
	}
	p.sent.Add(batchMessages)
	p.inFlight++
}

func (p *remoteProducer) tellBatch(self *actor.PID) error {
	if p.isBatched {
		messages := make([]proto.Message, batchMessages)
		for index := range messages {
			messages[index] = wrapperspb.Int32(p.number)
		}
		return self.RemoteBatchTell(background, p.anyone(), messages)
	}
	for range batchMessages {
		if err := self.RemoteTell(background, p.anyone(), wrapperspb.Int32(p.number)); err != nil {
			return err
		}
	}
	return nil
}

func (p *remoteProducer) anyone() *address.Address {
	return p.receivers[rand.IntN(len(p.receivers))]
}
