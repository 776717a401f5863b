package chaos

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"feedpub/feed/crash"
)

var (
	schedules = flag.Int("schedules", 10, "run this `number` of schedules")
	first     = flag.Uint64("first", 1, "the `seed` of the first schedule")
	groups    = flag.Bool("groups", false, "use Sentinels and Clusters too, which take longer to start")
	kills     = flag.Int("kills", 1, "kill this `number` of times at each point of TestCrashPoints")
	only      = flag.String("topology", "", "use only this `topology`, such as sentinels")
	parallel  = flag.Int("at-once", 4, "run this `number` of schedules at the same time")
)

// topologyOf returns the topology that a schedule uses.
func topologyOf(seed uint64) topology {
	if *only != "" {
		return topology(*only)
	}
	if *groups {
		switch seed % 10 {
		case 4:
			return sentinel
		case 9:
			return cluster
		}
	}
	return []topology{everysec, folder, always, folder}[seed%4]
}

// TestChaos runs schedules of random faults. The same seed always produces the same faults, but not the same timing.
func TestChaos(t *testing.T) {
	total := &tally{counts: map[string]int{}}
	start := time.Now()
	slots := make(chan struct{}, *parallel)
	t.Run("schedules", func(t *testing.T) {
		for i := range *schedules {
			seed := *first + uint64(i)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				r := newRig(t, topologyOf(seed), seed, 2, total)
				defer r.logs()
				r.run()
			})
		}
	})
	t.Logf("%d schedules in %v: %v", *schedules, time.Since(start).Round(time.Second), total.all())
}

// run runs the schedule and checks the promises.
func (r *rig) run() {
	r.tally.count(string(r.topology))
	for _, n := range r.nodes {
		n.start()
	}
	var bodies sync.Map
	ctx, stop := context.WithCancel(context.Background())
	var work, writer sync.WaitGroup
	defer work.Wait()
	defer writer.Wait()
	defer stop() // stops the readers even if a fault ends the test
	for _, n := range r.nodes {
		work.Go(func() { r.read(ctx, n, &bodies) })
	}
	writing, stopWriting := context.WithCancel(ctx)
	faults := newFaults(r) // created before the writer starts, which also uses r.random
	writer.Go(func() {
		for count := 0; writing.Err() == nil; count++ {
			r.put(writing, r.next(count))
			<-time.After(25 * time.Millisecond)
		}
	})
	faults.inject()
	stopWriting()
	writer.Wait()
	faults.heal()
	r.check()
}

// faults injects faults.
type faults struct {
	*rig
	ints []int // random numbers drawn in advance, so that the faults do not depend on the speed of the writer
}

func newFaults(r *rig) *faults {
	f := &faults{rig: r}
	for range 64 {
		f.ints = append(f.ints, r.random.IntN(1<<30))
	}
	return f
}

func (f *faults) n(limit int) int {
	n := f.ints[0] % limit
	f.ints = f.ints[1:]
	return n
}

// wait waits for a random part of a duration.
func (f *faults) wait(d time.Duration) { <-time.After(time.Duration(f.n(int(d)))) }

// inject injects a few faults, one after the other.
func (f *faults) inject() {
	f.wait(time.Second)
	for range 3 + f.n(3) {
		f.fault(f.nodes[f.n(len(f.nodes))])
		f.wait(600 * time.Millisecond)
	}
}

// fault injects one fault.
func (f *faults) fault(n *node) {
	kinds := []func(*node){f.kill, f.kill, f.suspend, f.setClock, f.fill, f.vanish, f.restart}
	switch {
	case f.redis != nil:
		kinds = append(kinds, f.disturb, f.disturb, f.disturb, f.killRedis, f.suspendRedis)
	case f.group != nil:
		kinds = append(kinds, f.killMaster, f.killMaster)
	}
	kinds[f.n(len(kinds))](n)
}

func (f *faults) kill(n *node) {
	f.tally.count("program killed")
	n.kill()
	f.wait(time.Second)
	n.start()
}

func (f *faults) restart(n *node) {
	f.tally.count("program stopped")
	n.end(syscall.SIGTERM)
	n.start()
}

func (f *faults) suspend(n *node) {
	f.tally.count("program suspended")
	n.signal(syscall.SIGSTOP)
	f.wait(4 * time.Second) // up to twice the duration of a lease
	n.signal(syscall.SIGCONT)
}

func (f *faults) setClock(n *node) {
	f.tally.count("clock set")
	n.setClock([]time.Duration{
		-5 * time.Second, 3 * time.Second, time.Minute, -time.Minute, time.Hour, -30 * 24 * time.Hour,
	}[f.n(6)])
}

// fill makes the node's file system full for a few seconds.
func (f *faults) fill(n *node) {
	if !n.mounted {
		f.kill(n)
		return
	}
	f.tally.count("disk full")
	name := filepath.Join(n.dir, "filler")
	file, err := os.Create(name)
	if err == nil {
		for part := make([]byte, 1<<16); err == nil; {
			_, err = file.Write(part)
		}
		_ = file.Close()
	}
	f.wait(time.Second)
	if f.n(2) == 0 {
		n.kill()
		n.start()
		f.wait(500 * time.Millisecond)
	}
	_ = os.Remove(name)
}

// vanish removes the node's documents from its disk.
func (f *faults) vanish(n *node) {
	f.tally.count("documents on disk removed")
	if err := os.RemoveAll(filepath.Join(n.data(), "documents")); err != nil {
		f.t.Logf("remove: %v", err) // probably because the program wrote a file in the meantime
	}
	if f.n(2) == 0 {
		f.kill(n)
	}
}

func (f *faults) disturb(n *node) {
	d := []disturbance{delayed, dropped, cut, halfOpen, lostReply}[f.n(5)]
	f.tally.count("connections " + string(d))
	n.redis.set(d)
	f.wait(3 * time.Second)
	n.redis.set(none)
}

func (f *faults) killRedis(*node) {
	f.tally.count("redis killed")
	f.redis.Kill()
	f.wait(time.Second)
	f.redis.Restart()
}

func (f *faults) suspendRedis(*node) {
	f.tally.count("redis suspended")
	f.redis.Pause()
	f.wait(2 * time.Second)
	f.redis.Resume()
}

func (f *faults) killMaster(*node) {
	f.tally.count("master killed")
	master := f.group.Master("main")
	master.Kill()
	f.wait(time.Second)
	if f.topology == sentinel {
		// The failover begins after two seconds, so there may be two masters for a while. The new one accepts no writes
		// until the old one is its replica.
		f.tally.count("master restarted during a failover")
		f.wait(4 * time.Second)
	} else {
		f.group.Master("main") // waits for the failover
	}
	master.Restart()
	f.group.AwaitWhole()
}

// heal ends all faults and starts the programs.
func (f *faults) heal() {
	for _, n := range f.nodes {
		if n.redis != nil {
			n.redis.set(none)
		}
		n.setClock(0)
		n.start()
	}
}

// TestCrashPoints kills the program at each crash point, from the write of a post to its delivery, and checks the
// promises after a restart.
func TestCrashPoints(t *testing.T) {
	total := &tally{counts: map[string]int{}}
	slots := make(chan struct{}, *parallel)
	t.Run("points", func(t *testing.T) {
		for _, topology := range []topology{folder, everysec} {
			for i, point := range crash.Points() {
				if topology != folder && (point == crash.PostFile || point == crash.RecordsJournaled || point == crash.RecordsWritten) {
					continue // Redis itself makes posts and records durable
				}
				for k := range *kills {
					t.Run(fmt.Sprintf("%s %s %d", topology, point, k), func(t *testing.T) {
						t.Parallel()
						slots <- struct{}{}
						defer func() { <-slots }()
						r := newRig(t, topology, uint64(1000*i+k), 1, total)
						defer r.logs()
						r.crash(point, k)
					})
				}
			}
		}
	})
	t.Logf("%v", total.all())
}

// crash writes posts until the program dies at the given point, restarts it, and checks the promises.
func (r *rig) crash(point crash.Point, skip int) {
	n := r.nodes[0]
	n.start(fmt.Sprintf("FEEDPUB_CRASH=%s:%d", point, 2+3*skip)) // the program passes the point twice as it starts
	r.await("an answer", func() string {
		if status, text := n.do(http.MethodGet, "/livez", ""); status != http.StatusOK && n.isRunning() {
			return text
		}
		return ""
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		n.mu.Lock()
		ended := n.ended
		n.mu.Unlock()
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for count := 0; ctx.Err() == nil; count++ {
		r.put(ctx, r.next(count))
		<-time.After(50 * time.Millisecond)
	}
	if n.isRunning() {
		r.violation("the program did not reach %s", point)
		return
	}
	r.tally.count(string(r.topology) + " " + string(point))
	n.start()
	r.check()
}
