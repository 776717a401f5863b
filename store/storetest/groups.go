package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// groupTimeout bounds how long the servers of a group may take to agree. On an idle machine they need a second or two.
const groupTimeout = 60 * time.Second

// masterName is the master's name in the configuration of the Sentinels.
const masterName = "feedpub-test"

// Group is a group of Redis servers with failover: a Cluster, or a master and replicas that are monitored by Sentinels.
// The servers use append-only files, so that a server keeps its data if it is killed and restarted.
type Group struct {
	t         testing.TB
	url       string
	servers   []*Server
	sentinels []*Server
}

// groupArgs returns the arguments of a server that has replicas. A replica that reconnects is synchronized immediately,
// without waiting for other replicas.
func groupArgs(more ...string) []string {
	return append([]string{
		"--save", "", "--appendonly", "yes", "--appendfsync", "no",
		"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "16mb",
	}, more...)
}

// StartCluster starts a Redis Cluster of three masters with one replica each, and returns when all six servers agree on
// its state. If a master does not reply for the duration of failover, its replica replaces it.
func StartCluster(t testing.TB, failover time.Duration) *Group {
	t.Helper()
	const masters, slots = 3, 16384
	g := &Group{t: t}
	buses := make([]string, 2*masters)
	for i := range buses {
		g.servers = append(g.servers, startServer(t, func(string) []string {
			port, err := FreePort() // the default is the port plus 10,000, which may be in use
			if err != nil {
				t.Fatal(err)
			}
			buses[i] = fmt.Sprint(port)
			return groupArgs("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
				"--cluster-port", buses[i], "--cluster-node-timeout", fmt.Sprint(failover.Milliseconds()),
				// A replica may replace its master regardless of how long they were disconnected.
				"--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no")
		}))
	}
	first := g.servers[0]
	for i, s := range g.servers {
		s.Do(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1)) // the servers cannot agree on epochs before they meet
		if i < masters {
			s.Do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/masters, (i+1)*slots/masters-1))
		}
		if i > 0 {
			s.Do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %s", first.port, buses[0]))
		}
	}
	known := func(s *Server) bool { return strings.Contains(s.Do("CLUSTER INFO"), "cluster_known_nodes:6") }
	g.await("six connected servers", func() bool { return !slices.ContainsFunc(g.servers, not(known)) })
	for i, s := range g.servers[masters:] {
		s.Do("CLUSTER REPLICATE " + g.servers[i].Do("CLUSTER MYID"))
	}
	g.AwaitWhole()
	addresses := make([]string, len(g.servers))
	for i, s := range g.servers {
		addresses[i] = s.Addr()
	}
	g.url = "redis+cluster://" + strings.Join(addresses, ",")
	return g
}

// StartSentinels starts a master, two replicas and three Sentinels, and returns when all of them have found each other.
// If the master does not reply for the duration of failover, a replica replaces it. Args are added to the command lines
// of the master and the replicas.
func StartSentinels(t testing.TB, failover time.Duration, args ...string) *Group {
	t.Helper()
	g := &Group{t: t}
	for i := range 3 {
		g.servers = append(g.servers, startServer(t, func(dir string) []string {
			// Sentinels save the role of a server in its configuration file. Without one, a promoted replica that is
			// restarted would be a replica of its old master again, and the two could replicate each other.
			role := ""
			if i > 0 {
				role = fmt.Sprintf("replicaof 127.0.0.1 %d\n", g.servers[0].port)
			}
			return append([]string{writeConf(t, dir, role)}, groupArgs(args...)...)
		}))
	}
	g.AwaitWhole()
	var addresses []string
	for range 3 {
		s := startServer(t, func(dir string) []string {
			text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 2\nsentinel down-after-milliseconds %[1]s %[3]d\n"+
				"sentinel failover-timeout %[1]s %[4]d\nsentinel parallel-syncs %[1]s 2\n",
				masterName, g.servers[0].port, failover.Milliseconds(), 4*failover.Milliseconds())
			return []string{writeConf(t, dir, text), "--sentinel"}
		})
		g.sentinels = append(g.sentinels, s)
		addresses = append(addresses, s.Addr())
	}
	agreed := func(s *Server) bool {
		info := s.Do("INFO sentinel")
		return strings.Contains(info, "status=ok") && strings.Contains(info, "slaves=2,sentinels=3")
	}
	g.await("three connected Sentinels", func() bool { return !slices.ContainsFunc(g.sentinels, not(agreed)) })
	g.url = "redis+sentinel://" + strings.Join(addresses, ",") + "/" + masterName
	return g
}

// URL returns the group's URL for store.Options.
func (g *Group) URL() string { return g.url }

// Servers returns the servers that store data. The servers that were started as masters come first.
func (g *Group) Servers() []*Server { return slices.Clone(g.servers) }

// Sentinels returns the Sentinels. There are none in a Cluster.
func (g *Group) Sentinels() []*Server { return slices.Clone(g.sentinels) }

// Master returns the current master of a site. If there is none, it waits for one.
func (g *Group) Master(site feed.SiteID) *Server {
	g.t.Helper()
	var found *Server
	g.await("a master of site "+string(site), func() bool {
		for _, s := range g.servers {
			// A replica in a Cluster replies MOVED, and any other replica replies READONLY.
			reply, err := s.command(fmt.Sprintf("DEL feedpub:{%s}:absent", site))
			if err == nil && !strings.HasPrefix(reply, "-") {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

// AwaitWhole waits until every server is a working master or a replica that has caught up with its master.
func (g *Group) AwaitWhole() {
	g.t.Helper()
	whole := func(s *Server) bool {
		role, err := s.command("INFO replication")
		if err != nil || strings.Contains(role, "role:slave") && !strings.Contains(role, "master_link_status:up") ||
			strings.Contains(role, "role:master") && !strings.Contains(role, "state=online") {
			return false
		}
		state, err := s.command("CLUSTER INFO")
		return err == nil && (strings.HasPrefix(state, "-ERR This instance has cluster support disabled") ||
			strings.Contains(state, "cluster_state:ok"))
	}
	g.await("masters with their replicas", func() bool { return !slices.ContainsFunc(g.servers, not(whole)) })
}

// await polls a condition until it is true, and fails the test after groupTimeout.
func (g *Group) await(what string, done func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(groupTimeout); !done(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, s := range slices.Concat(g.servers, g.sentinels) {
				info, err := s.command("INFO replication")
				g.t.Logf("server %s: %s (%v)\n%s", s.Addr(), info, err, s.log())
			}
			g.t.Fatalf("there are no %s after %v", what, groupTimeout)
		}
	}
}

func not(f func(*Server) bool) func(*Server) bool { return func(s *Server) bool { return !f(s) } }
