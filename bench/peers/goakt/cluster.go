package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/discovery/static"
	"github.com/tochemey/goakt/v3/log"
	"github.com/tochemey/goakt/v3/remote"
)

// clusterNodes is how many processes there are, and portsEach what each of them listens at.
const (
	clusterNodes = 3
	portsEach    = 3
	clusterReady = 30 * time.Second
)

// clusterNode is one node: this process, or a child of it.
type clusterNode struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Reader
}

// clusterSystem is kept from the warm-up to the measurement.
var clusterSystem struct {
	own    actor.ActorSystem
	others []*clusterNode
}

// startClusterSystem starts node `index` of a cluster: three copies of each entry, two of which must be stored.
func startClusterSystem(index int, ports []int) (actor.ActorSystem, error) {
	hosts := make([]string, clusterNodes)
	for node := range hosts {
		hosts[node] = fmt.Sprintf("%s:%d", loopback, ports[node*portsEach])
	}
	own := ports[index*portsEach:]
	config := actor.NewClusterConfig().
		WithDiscovery(static.NewDiscovery(&static.Config{Hosts: hosts})).
		WithDiscoveryPort(own[0]).
		WithPeersPort(own[1]).
		WithMinimumPeersQuorum(clusterNodes).
		WithReplicaCount(3).
		WithWriteQuorum(2).
		WithReadQuorum(1).
		WithBootstrapTimeout(clusterReady).
		WithGrains(&addingGrain{})
	system, err := actor.NewActorSystem(systemName,
		actor.WithLogger(log.DiscardLogger),
		actor.WithActorInitMaxRetries(1),
		actor.WithRemote(remote.NewConfig(loopback, own[2])),
		actor.WithCluster(config))
	if err != nil {
		return nil, err
	}
	return system, system.Start(background)
}

// serveClusterNode is a child: it activates what it is told to, and ends with its standard input.
func serveClusterNode(index int, ports []int) error {
	system, err := startClusterSystem(index, ports)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var order activateOrder
		if err := json.Unmarshal(input.Bytes(), &order); err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(activate(system, order)); err != nil {
			return err
		}
	}
	return input.Err()
}

// startCluster starts this process's node and the others.
func startCluster() error {
	cluster := &clusterSystem
	if cluster.own != nil {
		return nil
	}
	ports := make([]int, clusterNodes*portsEach)
	for index := range ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		ports[index] = port
	}
	for index := 1; index < clusterNodes; index++ {
		node, err := startClusterChild(index, ports)
		if err != nil {
			return err
		}
		cluster.others = append(cluster.others, node)
	}
	system, err := startClusterSystem(0, ports)
	if err != nil {
		return err
	}
	for _, node := range cluster.others {
		if line, err := node.line(); err != nil || line != "ready" {
			return fmt.Errorf("a node did not start: %q", line)
		}
	}
	cluster.own = system
	return whenPeers(system)
}

func startClusterChild(index int, ports []int) (*clusterNode, error) {
	text := make([]string, len(ports))
	for at, port := range ports {
		text[at] = strconv.Itoa(port)
	}
	command := exec.Command(os.Args[0], "--cluster-node", strconv.Itoa(index), "--cluster-ports", strings.Join(text, ","))
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &clusterNode{command, stdin, bufio.NewReader(output)}, command.Start()
}

func (n *clusterNode) line() (string, error) {
	line, err := n.lines.ReadString('\n')
	return strings.TrimSpace(line), err
}

// whenPeers returns when this node sees all the others.
func whenPeers(system actor.ActorSystem) error {
	for startedAt := time.Now(); time.Since(startedAt) < clusterReady; time.Sleep(100 * time.Millisecond) {
		peers, err := system.(interface {
			Peers(ctx context.Context, timeout time.Duration) ([]string, error)
		}).Peers(background, askTimeout)
		if err == nil && len(peers) >= clusterNodes-1 {
			return nil
		}
	}
	return fmt.Errorf("the nodes did not meet within %s", clusterReady)
}
