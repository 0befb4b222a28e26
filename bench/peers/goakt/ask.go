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

// ask asks the receiver to add one; the reply is its total.
type ask func() (int64, error)

// askOneByOne has one caller with one ask on its way. An ask that is long enough is timed by itself: perLook is 1.
func askOneByOne(t task, askOne ask, perLook int) (outcome, error) {
	var micros []float64
	var total int64
	sent := 0
	startedAt := time.Now()
	lookedAt := startedAt
	for sent < t.countMax && lookedAt.Sub(startedAt) < t.seconds {
		for range perLook {
			reply, err := askOne()
			if err != nil {
				return outcome{}, err
			}
			total = reply
		}
		sent += perLook
		now := time.Now()
		micros = append(micros, microsOf(now.Sub(lookedAt))/float64(perLook))
		lookedAt = now
	}
	return outcome{int64(sent), total, lookedAt.Sub(startedAt), latencies(micros)}, nil
}

// askConcurrently has callers at the same time, each with one ask on its way. An ask that fails, or whose reply
// is not a total, is not delivered, and not repeated.
func askConcurrently(t task, askOne ask, callers int, isTimed bool) (outcome, error) {
	var sent, highestTotal, failed atomic.Int64
	var isOver atomic.Bool
	var all sync.WaitGroup
	micros := make([][]float64, callers)
	startedAt := time.Now()
	for caller := range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for !isOver.Load() {
				if number := sent.Add(1); number%asksPerLook == 0 {
					isOver.Store(number >= int64(t.countMax) || time.Since(startedAt) >= t.seconds)
				}
				var askedAt time.Time
				if isTimed {
					askedAt = time.Now()
				}
				total, err := askOne()
				if err != nil {
					failed.Add(1)
					continue
				}
				if isTimed {
					micros[caller] = append(micros[caller], microsOf(time.Since(askedAt)))
				}
				raise(&highestTotal, total)
			}
		}()
	}
	all.Wait()
	elapsed := time.Since(startedAt)
	extra := latencies(slices.Concat(micros...))
	extra["failedAsks"] = float64(failed.Load())
	delivered := min(sent.Load()-failed.Load(), highestTotal.Load())
	return outcome{sent.Load(), delivered, elapsed, extra}, nil
}

func microsOf(elapsed time.Duration) float64 { return float64(elapsed.Nanoseconds()) / 1e3 }

// latencies are the quantiles that the tables show; none without measurements.
func latencies(micros []float64) map[string]float64 {
	if len(micros) == 0 {
		return map[string]float64{}
	}
	slices.Sort(micros)
	at := func(share float64) float64 { return micros[int(share*float64(len(micros)-1))] }
	return map[string]float64{"medianMicros": at(0.5), "p99Micros": at(0.99), "p999Micros": at(0.999)}
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

// withAdder runs a measurement whose asks go to an actor of this process.
func withAdder(measure func(ask) (outcome, error)) (outcome, error) {
	system, err := startSystem()
	if err != nil {
		return outcome{}, err
	}
	pid, err := system.Spawn(background, "adder", &adder{}, actor.WithLongLived())
	if err != nil {
		return outcome{}, err
	}
	return measure(func() (int64, error) { return askToAdd(pid) })
}
