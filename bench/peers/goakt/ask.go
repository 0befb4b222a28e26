package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/goaktpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// asksPerLook is how many asks pass between two looks at the clock.
const asksPerLook = 256

// askTimeout is how long one ask waits.
const askTimeout = 2 * time.Second

// adder adds up and replies with its total.
type adder struct {
	actorLife
	total int64
}

// Receive adds, and replies.
func (a *adder) Receive(ctx *actor.ReceiveContext) {
	switch message := ctx.Message().(type) {
	case *goaktpb.PostStart:
	case *wrapperspb.Int32Value:
		a.total += int64(message.GetValue())
		ctx.Response(wrapperspb.Int64(a.total))
	default:
		ctx.Unhandled()
	}
}

// askOneByOne has one caller with one ask on its way.
func askOneByOne(t task) (outcome, error) {
	return withAdder(func(pid *actor.PID) (outcome, error) {
		var micros []float64
		var total int64
		sent := 0
		startedAt := time.Now()
		lookedAt := startedAt
		for sent < t.countMax && lookedAt.Sub(startedAt) < t.seconds {
			for range asksPerLook {
				reply, err := askToAdd(pid)
				if err != nil {
					return outcome{}, err
				}
				total = reply
			}
			sent += asksPerLook
			now := time.Now()
			micros = append(micros, float64(now.Sub(lookedAt).Nanoseconds())/1e3/asksPerLook)
			lookedAt = now
		}
		slices.Sort(micros)
		extra := map[string]float64{"medianMicros": micros[len(micros)/2], "p99Micros": micros[len(micros)*99/100]}
		return outcome{int64(sent), total, lookedAt.Sub(startedAt), extra}, nil
	})
}

// askConcurrently has callers at the same time, each with one ask on its way. An ask that fails, or whose reply
// is not a total, is not delivered, and not repeated.
func askConcurrently(t task, callers int) (outcome, error) {
	return withAdder(func(pid *actor.PID) (outcome, error) {
		var sent, highestTotal, failed atomic.Int64
		var isOver atomic.Bool
		var all sync.WaitGroup
		startedAt := time.Now()
		for range callers {
			all.Add(1)
			go func() {
				defer all.Done()
				for !isOver.Load() {
					if number := sent.Add(1); number%asksPerLook == 0 {
						isOver.Store(number >= int64(t.countMax) || time.Since(startedAt) >= t.seconds)
					}
					total, err := askToAdd(pid)
					if err != nil {
						failed.Add(1)
						continue
					}
					raise(&highestTotal, total)
				}
			}()
		}
		all.Wait()
		elapsed := time.Since(startedAt)
		extra := map[string]float64{"failedAsks": float64(failed.Load())}
		delivered := min(sent.Load()-failed.Load(), highestTotal.Load())
		return outcome{sent.Load(), delivered, elapsed, extra}, nil
	})
}

func askToAdd(pid *actor.PID) (int64, error) {
	reply, err := actor.Ask(background, pid, wrapperspb.Int32(1), askTimeout)
	if err != nil {
		return 0, err
	}
	total, isTotal := reply.(*wrapperspb.Int64Value)
	if !isTotal {
		return 0, fmt.Errorf("a reply is not a total: %T", reply)
	}
	return total.GetValue(), nil
}

func raise(highest *atomic.Int64, value int64) {
	for {
		known := highest.Load()
		if value <= known || highest.CompareAndSwap(known, value) {
			return
		}
	}
}

func withAdder(run func(*actor.PID) (outcome, error)) (outcome, error) {
	system, err := startSystem()
	if err != nil {
		return outcome{}, err
	}
	pid, err := system.Spawn(background, "adder", &adder{}, actor.WithLongLived())
	if err != nil {
		return outcome{}, err
	}
	return run(pid)
}
