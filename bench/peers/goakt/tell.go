package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/goaktpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The flow of ../../flow.ts: at most two batches on their way, the next one when the receiver has counted one.
const (
	batchMessages   = 512
	batchesInFlight = 2
)

// tell runs pairs of one producer actor and one counting actor until all have drained.
func tell(t task, pairs int) (outcome, error) {
	system, err := startSystem()
	if err != nil {
		return outcome{}, err
	}

	drained := make(chan int64, pairs)
	endsAt := &atomic.Int64{}
	producers := make([]*producer, pairs)
	pids := make([]*actor.PID, pairs)
	for index := range pairs {
		counting, err := system.Spawn(background, fmt.Sprintf("counter-%d", index), &counter{}, actor.WithLongLived())
		if err != nil {
			return outcome{}, err
		}
		producers[index] = &producer{counter: counting, countMax: max(1, t.countMax/pairs), endsAt: endsAt, drained: drained}
		name := fmt.Sprintf("producer-%d", index)
		if pids[index], err = system.Spawn(background, name, producers[index], actor.WithLongLived()); err != nil {
			return outcome{}, err
		}
	}

	startedAt := time.Now()
	endsAt.Store(startedAt.Add(t.seconds).UnixNano())
	for _, pid := range pids {
		if err := actor.Tell(background, pid, new(emptypb.Empty)); err != nil {
			return outcome{}, err
		}
	}
	result := outcome{}
	late := time.After(t.seconds + drainTimeout)
	for range pairs {
		select {
		case delivered := <-drained:
			result.delivered += delivered
		case <-late:
			return outcome{}, fmt.Errorf("did not drain within %s", drainTimeout)
		}
	}
	result.elapsed = time.Since(startedAt)
	for _, each := range producers {
		result.sent += int64(each.sent)
	}
	return result, nil
}

// producer is the sending actor of a pair.
type producer struct {
	actorLife
	counter  *actor.PID
	countMax int
	endsAt   *atomic.Int64
	drained  chan<- int64
	sent     int
	inFlight int
}

// Receive starts on Empty and goes on at each of the counter's totals.
func (p *producer) Receive(ctx *actor.ReceiveContext) {
	switch message := ctx.Message().(type) {
	case *goaktpb.PostStart:
	case *emptypb.Empty:
		for range batchesInFlight {
			p.sendBatch(ctx)
		}
	case *wrapperspb.Int64Value:
		p.inFlight--
		p.sendBatch(ctx)
		if p.inFlight == 0 {
			p.drained <- message.GetValue()
		}
	default:
		ctx.Unhandled()
	}
}

func (p *producer) sendBatch(ctx *actor.ReceiveContext) {
	isOver := p.sent >= p.countMax || time.Now().UnixNano() >= p.endsAt.Load()
	// The first batch is sent even when the time is over: who sends nothing never drains.
	if isOver && p.sent > 0 {
		return
	}
	self := ctx.Self()
	for range batchMessages {
		// Not ctx.Tell: that wraps the context of the message that is being handled, and a chain of messages
		// would make a chain of contexts.
		if err := self.Tell(background, p.counter, wrapperspb.Int32(1)); err != nil {
			ctx.Err(err)
			return
		}
	}
	p.sent += batchMessages
	p.inFlight++
}

// counter is the receiving actor of a pair.
type counter struct {
	actorLife
	total int64
}

// Receive adds up, and tells its producer the total after each batch.
func (c *counter) Receive(ctx *actor.ReceiveContext) {
	switch message := ctx.Message().(type) {
	case *goaktpb.PostStart:
	case *wrapperspb.Int32Value:
		c.total += int64(message.GetValue())
		if c.total%batchMessages == 0 {
			if err := ctx.Self().Tell(background, ctx.Sender(), wrapperspb.Int64(c.total)); err != nil {
				ctx.Err(err)
			}
		}
	default:
		ctx.Unhandled()
	}
}

var background = context.Background()
