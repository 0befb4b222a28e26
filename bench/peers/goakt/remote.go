package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/goaktpb"
	"github.com/tochemey/goakt/v3/log"
	"github.com/tochemey/goakt/v3/remote"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The shape of ../../cluster/kinds.ts: so many senders in one process, so many receivers in another.
const (
	remoteSenders   = 20
	remoteReceivers = 20_000
	loopback        = "127.0.0.1"
	systemName      = "bench"
)

// startRemoteSystem starts a system that others reach at this port.
func startRemoteSystem(port int) (actor.ActorSystem, error) {
	system, err := actor.NewActorSystem(systemName,
		actor.WithLogger(log.DiscardLogger),
		actor.WithActorInitMaxRetries(1),
		actor.WithRemote(remote.NewConfig(loopback, port)))
	if err != nil {
		return nil, err
	}
	if err := system.Start(background); err != nil {
		return nil, err
	}
	return system, whenListening(port)
}

func receiverName(index int) string { return fmt.Sprintf("receiver-%d", index) }

// servePeer is the other process: receivers and an adder, until its standard input ends.
func servePeer(port, receivers int) error {
	system, err := startRemoteSystem(port)
	if err != nil {
		return err
	}
	for index := range receivers {
		if _, err := system.Spawn(background, receiverName(index), &remoteCounter{}, actor.WithLongLived()); err != nil {
			return err
		}
	}
	if _, err := system.Spawn(background, "adder", &adder{}, actor.WithLongLived()); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// peer is the other process, seen from this one.
type peer struct {
	port int
	// Kept: it ends when its standard input does, and that with the last reference.
	stdin io.Closer
}

// startPeer starts this program again as the other process. It ends with this one: its standard input does.
func startPeer(receivers int) (*peer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	command := exec.Command(os.Args[0], "--peer-port", strconv.Itoa(port), "--peer-receivers", strconv.Itoa(receivers))
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		return nil, fmt.Errorf("the other process did not start: %q", line)
	}
	return &peer{port, stdin}, whenListening(port)
}

// whenListening returns when somebody can connect: a system that has started may not listen yet.
func whenListening(port int) error {
	var err error
	for range 100 {
		connection, dialErr := net.Dial("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if dialErr == nil {
			return connection.Close()
		}
		err = dialErr
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// counted is what the receivers of this process have counted, by sender.
var counted [remoteSenders]atomic.Int64

// remoteCounter counts, and tells a sender when one of its batches is counted.
type remoteCounter struct{ actorLife }

// Receive is told the sender's number.
func (*remoteCounter) Receive(ctx *actor.ReceiveContext) {
	switch message := ctx.Message().(type) {
	case *goaktpb.PostStart:
	case *wrapperspb.Int32Value:
		from := message.GetValue()
		if total := counted[from].Add(1); total%batchMessages == 0 {
			ctx.RemoteTell(ctx.RemoteSender(), wrapperspb.Int64(total))
		}
	default:
		ctx.Unhandled()
	}
}
