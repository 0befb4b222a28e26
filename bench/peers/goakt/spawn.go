package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// spawnIdle spawns, reads the memory when all are idle, then asks each one once: who answers was delivered.
func spawnIdle(t task) (outcome, error) {
	system, err := startSystem()
	if err != nil {
		return outcome{}, err
	}
	before := footprint()
	var pids []*actor.PID
	startedAt := time.Now()
	for len(pids) < t.countMax && time.Since(startedAt) < t.seconds {
		for range 1000 {
			// Long-lived: no passivation timer, the lightest form.
			pid, err := system.Spawn(background, fmt.Sprintf("actor-%d", len(pids)), &adder{}, actor.WithLongLived())
			if err != nil {
				return outcome{}, err
			}
			pids = append(pids, pid)
		}
	}
	elapsed := time.Since(startedAt)
	extra := bytesEach(before, footprint(), len(pids))
	result := outcome{sent: int64(len(pids)), elapsed: elapsed, extra: extra}
	for _, pid := range pids {
		if _, err := askToAdd(pid); err == nil {
			result.delivered++
		}
	}
	return result, nil
}

// addingGrain is the same adder as a grain.
type addingGrain struct{ total int64 }

// OnActivate does nothing.
func (*addingGrain) OnActivate(context.Context, *actor.GrainProps) error { return nil }

// OnDeactivate does nothing.
func (*addingGrain) OnDeactivate(context.Context, *actor.GrainProps) error { return nil }

// OnReceive adds, and replies.
func (g *addingGrain) OnReceive(ctx *actor.GrainContext) {
	message, isAdd := ctx.Message().(*wrapperspb.Int32Value)
	if !isAdd {
		ctx.Unhandled()
		return
	}
	g.total += int64(message.GetValue())
	ctx.Response(wrapperspb.Int64(g.total))
}

// activateGrains activates grains on this node, reads the memory when all are idle, then asks each one once.
func activateGrains(t task) (outcome, error) {
	system, err := startSystem()
	if err != nil {
		return outcome{}, err
	}
	newGrain := func(context.Context) (actor.Grain, error) { return &addingGrain{}, nil }
	before := footprint()
	var identities []*actor.GrainIdentity
	startedAt := time.Now()
	for len(identities) < t.countMax && time.Since(startedAt) < t.seconds {
		for range 1000 {
			name := fmt.Sprintf("grain-%d", len(identities))
			identity, err := system.GrainIdentity(background, name, newGrain, actor.WithLongLivedGrain())
			if err != nil {
				return outcome{}, err
			}
			identities = append(identities, identity)
		}
	}
	elapsed := time.Since(startedAt)
	extra := bytesEach(before, footprint(), len(identities))
	result := outcome{sent: int64(len(identities)), elapsed: elapsed, extra: extra}
	for _, identity := range identities {
		if _, err := system.AskGrain(background, identity, wrapperspb.Int32(1), askTimeout); err == nil {
			result.delivered++
		}
	}
	return result, nil
}

// memory is what a contestant holds: the live heap, and the stacks of its goroutines, which an idle actor may own.
type memory struct{ heapBytes, stackBytes uint64 }

func footprint() memory {
	// What has just been spawned is still starting on its own goroutines.
	time.Sleep(200 * time.Millisecond)
	for range 3 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return memory{stats.HeapAlloc, stats.StackInuse}
}

func bytesEach(before, after memory, count int) map[string]float64 {
	heap := float64(after.heapBytes) - float64(before.heapBytes)
	stacks := float64(after.stackBytes) - float64(before.stackBytes)
	return map[string]float64{
		"heapBytesEach":     (heap + stacks) / float64(count),
		"goHeapBytesEach":   heap / float64(count),
		"goStacksBytesEach": stacks / float64(count),
	}
}
