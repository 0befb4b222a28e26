// GoAkt, a peer: the same scenarios, payloads, counts and flow as the JavaScript contestants (see
// ../../contestant.ts for the protocol, ../../flow.ts and ../../asking.ts for the shapes). One process runs
// one scenario, warms up first, and prints one JSON line. GOMAXPROCS, given by the harness, decides
// whether it has every core or one.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// task says what to measure and for how long: whichever limit comes first ends the sending.
type task struct {
	scenario   string
	contestant string
	seconds    time.Duration
	countMax   int
}

// outcome is what was measured; delivered is counted at the receiver, after the drain.
type outcome struct {
	sent, delivered int64
	elapsed         time.Duration
	extra           map[string]float64
}

var contests = map[string]func(task) (outcome, error){
	"S1.one-pair":      func(t task) (outcome, error) { return tell(t, 1) },
	"S1.hundred-pairs": func(t task) (outcome, error) { return tell(t, 100) },
	"S2.sequential": func(t task) (outcome, error) {
		return withAdder(func(a ask) (outcome, error) { return askOneByOne(t, a, asksPerLook) })
	},
	"S2.hundred-callers": func(t task) (outcome, error) {
		return withAdder(func(a ask) (outcome, error) { return askConcurrently(t, a, 100, false) })
	},
	"S5.tell": func(t task) (outcome, error) { return tellRemotely(t, t.contestant == "GoAkt, batch tell") },
	"S6.one-in-flight": func(t task) (outcome, error) {
		return withRemoteAdder(func(a ask) (outcome, error) { return askOneByOne(t, a, 1) })
	},
	"S6.hundred-in-flight": func(t task) (outcome, error) {
		return withRemoteAdder(func(a ask) (outcome, error) { return askConcurrently(t, a, 100, true) })
	},
	"S8.spawn":  spawnIdle,
	"S8.grains": activateGrains,
}

func main() {
	scenario := flag.String("scenario", "S1.one-pair", "what to measure")
	contestant := flag.String("contestant", "GoAkt", "the name to print")
	seconds := flag.Float64("seconds", 1, "seconds of sending at most")
	count := flag.Int("count", 1_000_000, "messages, asks or spawns at most")
	warmUpSeconds := flag.Float64("warm-up-seconds", 0.25, "seconds of warming up")
	peerPort := flag.Int("peer-port", 0, "be the other process of a remote scenario, at this port")
	peerReceivers := flag.Int("peer-receivers", 0, "with so many receivers")
	flag.Parse()
	if *peerPort > 0 {
		if err := servePeer(*peerPort, *peerReceivers); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}

	line := map[string]any{"scenario": *scenario, "contestant": *contestant}
	if result, err := measure(*scenario, *contestant, *seconds, *warmUpSeconds, *count); err != nil {
		line["notRun"] = err.Error()
	} else {
		line["sent"] = result.sent
		line["delivered"] = result.delivered
		line["seconds"] = result.elapsed.Seconds()
		line["perSecond"] = float64(result.delivered) / result.elapsed.Seconds()
		line["extra"] = result.extra
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(scenario, contestant string, seconds, warmUpSeconds float64, count int) (outcome, error) {
	contest, isKnown := contests[scenario]
	if !isKnown {
		return outcome{}, fmt.Errorf("has no such scenario")
	}
	if warmUpSeconds > 0 {
		if _, err := contest(task{scenario, contestant, secondsOf(warmUpSeconds), (count + 9) / 10}); err != nil {
			return outcome{}, err
		}
	}
	return contest(task{scenario, contestant, secondsOf(seconds), count})
}

func secondsOf(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
