package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"feedpub/store/storetest"
)

const (
	token = "chaos-secret"
	// patience is how long the programs may take to catch up after the last fault, on a busy machine.
	patience = 90 * time.Second
)

// built is the path of the program, built with the tag chaos.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "feedpub-chaos")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "feedpub")
	out, err := exec.Command("go", "build", "-tags", "chaos", "-o", path, "feedpub/cmd/feedpub").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build feedpub: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	// By default, only as many tests run in parallel as there are processors, but schedules mostly wait.
	if err := flag.Set("test.parallel", fmt.Sprint(*parallel)); err != nil {
		panic(err)
	}
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// topology is the kind of store that holds the posts.
type topology string

const (
	folder   topology = "folder"
	everysec topology = "redis, everysec"
	always   topology = "redis, always"
	sentinel topology = "sentinels"
	cluster  topology = "cluster"
)

// rig holds the programs of one schedule and their state.
type rig struct {
	t        *testing.T
	topology topology
	dir      string
	program  string
	random   *rand.Rand
	diskSize string            // size of each node's file system, as a mount option
	redis    *storetest.Server // for topologies with one server
	group    *storetest.Group  // for topologies with several servers
	nodes    []*node
	ledger   *ledger
	tally    *tally
}

// node is a server that builds and serves.
type node struct {
	rig            *rig
	name           string
	dir            string // its data folder
	clock          string // file with the offset of its clock
	redis          *proxy // nil unless the topology has one Redis server
	url            string // URL of Redis; "" for a folder
	readers, admin string // addresses
	mounted        bool   // its data folder is on its own file system

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

func newRig(t *testing.T, topology topology, seed uint64, nodes int, total *tally) *rig {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, topology: topology, dir: t.TempDir(), program: program, random: rand.New(rand.NewPCG(seed, 1)),
		diskSize: "8m", ledger: newLedger(), tally: total,
	}
	switch topology {
	case folder:
		nodes = 1
	case everysec, always:
		_, fsync, _ := strings.Cut(string(topology), ", ")
		r.redis = storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", fsync)
	case sentinel:
		// Without these settings, a master that restarts before all Sentinels know its successor may confirm writes that
		// are lost; see deploy/docs/faults.md.
		r.group = storetest.StartSentinels(t, 2*time.Second, "--min-replicas-to-write", "2", "--min-replicas-max-lag", "10")
	case cluster:
		r.group = storetest.StartCluster(t, 2*time.Second)
	}
	r.write("tokens", "writer [write,rebuild]: "+token+"\n")
	r.write("feedpub.yml", r.config())
	r.write("fresh.yml", strings.Replace(r.config(), "durability: replicas", "durability: local", 1))
	for i := range nodes {
		r.nodes = append(r.nodes, r.newNode(fmt.Sprintf("node%d", i)))
	}
	return r
}

func (r *rig) config() string {
	durability := "local"
	if r.group != nil {
		durability = "replicas"
	}
	return fmt.Sprintf(`
durability: %s
site: {id: main, title: Chaos, base_url: "https://feeds.example", limit: 5}
families: {tags: {archives: true}}
admin: {tokens_file: tokens}
`, durability)
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) newNode(name string) *node {
	r.t.Helper()
	n := &node{
		rig: r, name: name, dir: filepath.Join(r.dir, name), clock: filepath.Join(r.dir, name+".clock"),
		readers: freeAddress(r.t), admin: freeAddress(r.t),
	}
	switch {
	case r.redis != nil:
		n.redis = newProxy(r.t, r.redis.Addr())
		n.url = n.redis.url()
	case r.group != nil:
		n.url = r.group.URL()
	}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if r.topology == folder {
		defer func() {
			if err := os.MkdirAll(filepath.Join(n.dir, "posts"), 0o700); err != nil {
				r.t.Fatal(err)
			}
		}()
	}
	// Only root can limit the size of a folder.
	if os.Getuid() == 0 && syscall.Mount("tmpfs", n.dir, "tmpfs", 0, "size="+r.diskSize) == nil {
		n.mounted = true
	}
	r.t.Cleanup(func() {
		n.kill()
		if n.mounted {
			_ = syscall.Unmount(n.dir, syscall.MNT_DETACH)
		}
	})
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// args returns the arguments for a command that reads or writes posts.
func (n *node) args(command ...string) []string {
	config := "feedpub.yml"
	if n.url == "" {
		config = "fresh.yml" // a folder has no replicas
	}
	args := append(slices.Clone(command), "--config", filepath.Join(n.rig.dir, config), "--data", n.data())
	if n.url != "" {
		return append(args, "--redis", n.url)
	}
	return append(args, "--dir", filepath.Join(n.dir, "posts"))
}

func (n *node) data() string { return filepath.Join(n.dir, "data") }

// start starts the program if it is not running.
func (n *node) start(env ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		return
	}
	log, err := os.OpenFile(filepath.Join(n.rig.dir, n.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.rig.t.Errorf("log: %v", err)
		return
	}
	cmd := exec.Command(n.rig.program, append(n.args("serve"), "--listen", n.readers, "--admin-listen", n.admin)...)
	cmd.Env = append(append(os.Environ(), "FEEDPUB_CLOCK="+n.clock), env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		n.rig.t.Errorf("start %s: %v", n.name, err)
		return
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // returns an error if the program was killed
		close(ended)
	}()
	n.cmd, n.ended = cmd, ended
}

// running reports whether the program is running. The caller must hold mu.
func (n *node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

func (n *node) isRunning() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running()
}

// kill kills the program, and waits until it has ended.
func (n *node) kill() { n.end(syscall.SIGKILL) }

// end sends a signal that ends the program.
func (n *node) end(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(s) // returns an error if the program has ended
	select {
	case <-n.ended:
	case <-time.After(20 * time.Second):
		n.rig.t.Errorf("%s has not exited 20 s after signal %v", n.name, s)
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		_ = n.cmd.Process.Signal(s)
	}
}

// setClock sets the offset of the program's clock.
func (n *node) setClock(offset time.Duration) {
	if err := os.WriteFile(n.clock, []byte(offset.String()), 0o600); err != nil {
		n.rig.t.Errorf("clock: %v", err)
	}
}

// client keeps no idle connections, which would outlive the programs.
var client = &http.Client{
	Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
}

// do sends a request to the admin address and returns the status, or 0 if there is no response, and the body.
func (n *node) do(method, path, body string) (int, string) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+n.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	status, _, text := roundTrip(req)
	return status, text
}

// get reads a document.
func (n *node) get(path string) (status int, header http.Header, body string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+n.readers+path, nil)
	if err != nil {
		return 0, nil, err.Error()
	}
	return roundTrip(req)
}

func roundTrip(req *http.Request) (int, http.Header, string) {
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return res.StatusCode, res.Header, string(text)
}

// await polls until done returns "". If it does not within patience, await fails with its last result.
func (r *rig) await(what string, done func() string) bool {
	r.t.Helper()
	last := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if last = done(); last == "" {
			return true
		}
	}
	r.violation("not within %v: %s: %s", patience, what, last)
	return false
}

// violation reports a broken promise, with the logs of the programs.
func (r *rig) violation(format string, args ...any) {
	r.t.Helper()
	r.tally.count("VIOLATIONS")
	r.t.Errorf(format, args...)
}

// logs adds the programs' logs to the test log if the test has failed.
func (r *rig) logs() {
	if !r.t.Failed() {
		return
	}
	for _, n := range r.nodes {
		text, err := os.ReadFile(filepath.Join(r.dir, n.name+".log"))
		if len(text) > 8<<10 {
			text = text[len(text)-8<<10:]
		}
		r.t.Logf("%s (%v):\n%s", n.name, err, text)
	}
}

// tally counts the events of all schedules.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (x *tally) count(what string) { x.add(what, 1) }

func (x *tally) add(what string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counts[what] += n
}

func (x *tally) all() map[string]int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.counts)
}
