package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/render"
	"feedpub/store"
	"feedpub/store/storetest"
)

// machines is a Redis server and several processes that share nothing else.
type machines struct {
	t       *testing.T
	redis   *storetest.Server
	site    *store.Site
	program string // the program that the method run starts
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	m := &machines{t: t, program: "feedpub", redis: storetest.StartRedis(t)}
	client, err := store.Open(store.Options{URL: m.redis.URL(), DialTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	m.site = client.Site("main")
	return m
}

// machine is a server or builder in a process of its own.
type machine struct {
	t              *testing.T
	cmd            *exec.Cmd
	readers, admin string // URLs
	log            *lockedBuffer
	ended          chan struct{}
}

// lockedBuffer is a buffer that can be read while a process writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts a program ("feedpub" or "feedpub-newer") with a data folder of its own, and waits until its admin
// address responds. It is killed when the test ends.
func (m *machines) start(program string, args ...string) *machine {
	m.t.Helper()
	port := func() string {
		m.t.Helper()
		p, err := storetest.FreePort()
		if err != nil {
			m.t.Fatal(err)
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(p))
	}
	p := &machine{t: m.t, log: &lockedBuffer{}, ended: make(chan struct{})}
	readers, admin := port(), port()
	p.readers, p.admin = "http://"+readers, "http://"+admin
	args = append(args, "--redis", m.redis.URL(), "--data", m.t.TempDir(), "--admin-listen", admin)
	if args[0] == "serve" {
		args = append(args, "--listen", readers)
	}
	p.cmd = exec.Command(program, args...)
	// The base URL must be the same on all machines.
	p.cmd.Env = append(os.Environ(), "FEEDPUB_SITE_BASE_URL=https://feeds.example", "FEEDPUB_SITE_LANGUAGE=de")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // returns an error if the process is killed
		close(p.ended)
	}()
	m.t.Cleanup(p.kill)
	p.until("the admin address responds", func() bool {
		status, _ := p.get(p.admin + "/livez")
		return status == http.StatusOK
	})
	return p
}

// kill kills the process.
func (p *machine) kill() {
	_ = p.cmd.Process.Kill() // returns an error if the process has ended
	<-p.ended
}

// stop sends SIGTERM and waits for the process.
func (p *machine) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("stop: %v", err)
	}
	<-p.ended
}

// get makes a request and returns the status, and the headers and body as one string.
func (p *machine) get(url string) (int, string) {
	p.t.Helper()
	status, text, err := fetch(p.t.Context(), http.MethodGet, url, nil, nil)
	if err != nil {
		return 0, err.Error()
	}
	return status, text
}

// until waits for a condition. If it stays false, the test fails with the log of the process.
func (p *machine) until(what string, cond func() bool) {
	p.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-ticker.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("condition not met after %v: %s; the log of the process:\n%s", patience, what, p.log)
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the process ended before: %s; its log:\n%s", what, p.log)
		default:
		}
	}
}

// untilServed waits until the main feed contains the texts.
func (p *machine) untilServed(texts ...string) {
	p.t.Helper()
	p.until("readers get "+strings.Join(texts, " and "), func() bool { return p.serves(texts...) })
}

// serves reports whether the main feed contains the texts.
func (p *machine) serves(texts ...string) bool {
	p.t.Helper()
	status, text := p.get(p.readers + "/feed.json")
	for _, want := range texts {
		if status != http.StatusOK || !strings.Contains(text, want) {
			return false
		}
	}
	return true
}

var etag = regexp.MustCompile(`(?m)^Etag: (.*)$`)

// tags returns the entity tags of the main feed's documents, by path.
func (p *machine) tags() map[string]string {
	p.t.Helper()
	tags := map[string]string{}
	for _, path := range []string{"/feed.xml", "/atom.xml", "/feed.json", "/feed.css"} {
		p.until("readers get "+path, func() bool { // feeds are committed one by one, and the pages last
			status, text := p.get(p.readers + path)
			found := etag.FindStringSubmatch(text)
			if status == http.StatusOK && found != nil {
				tags[path] = found[1]
			}
			return tags[path] != ""
		})
	}
	return tags
}

// post stores posts with the title "Post ID.".
func (m *machines) post(ids ...string) {
	m.t.Helper()
	for _, id := range ids {
		raw := fmt.Appendf(nil, `{"id": %q, "title": "Post %s.", "content_text": "Text.", `+
			`"date_published": "2025-01-02T03:04:05Z"}`, id, id)
		if err := m.site.Put(m.t.Context(), feed.RawPost{ID: id, Raw: raw}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// run runs the program with args, waits until it exits, and returns its exit code and combined output.
func (m *machines) run(args ...string) (code int, output string) {
	m.t.Helper()
	cmd := exec.Command(m.program, append(args, "--redis", m.redis.URL())...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// builder returns the process that builds.
func (m *machines) builder(processes ...*machine) *machine {
	m.t.Helper()
	owner, left, err := m.site.Holder(m.t.Context(), "build")
	if err != nil || left == 0 {
		m.t.Fatalf("no process builds (%v)", err)
	}
	for _, p := range processes {
		if strings.Contains(owner, ":"+strconv.Itoa(p.cmd.Process.Pid)+":") {
			return p
		}
	}
	m.t.Fatalf("the builder is %s, which is not one of the processes", owner)
	return nil
}

// TestKilledBuilderIsReplaced checks that, after the active one of two builders is killed, the other one commits the
// next post, and a server that never builds serves it.
func TestKilledBuilderIsReplaced(t *testing.T) {
	t.Parallel()
	m := newMachines(t)
	server := m.start("feedpub", "serve", "--build=false")
	one, other := m.start("feedpub", "build"), m.start("feedpub", "build")
	m.post("first")
	server.untilServed("Post first.")
	if tags := server.tags(); len(tags) != 4 {
		t.Errorf("the server that never builds serves %v", tags)
	}
	m.builder(one, other).kill()
	killed := time.Now()
	m.post("second")
	server.untilServed("Post second.")
	t.Logf("time from killing the builder to serving the next commit: %v", time.Since(killed).Round(10*time.Millisecond))
	if code, out := m.run("rebuild"); code != exitDone {
		t.Errorf("rebuild by the running builder: exit code %d, %s", code, out)
	}
}

// TestLostData checks that readers lose no post when Redis loses data and a builder without documents starts.
func TestLostData(t *testing.T) {
	t.Parallel()
	t.Run("rolled back", func(t *testing.T) {
		testLostData(t, func(r *storetest.Server) { r.Do("SAVE") }, func(r *storetest.Server) {
			r.Kill()
			r.Restart()
		})
	})
	t.Run("flushed", func(t *testing.T) {
		testLostData(t, func(*storetest.Server) {}, func(r *storetest.Server) { r.Flush() })
	})
}

// testLostData publishes two posts, of which the server of Redis loses at least the second. It calls keep before the
// second post, and forget after both have been served.
func testLostData(t *testing.T, keep, forget func(*storetest.Server)) {
	m := newMachines(t)
	servers := []*machine{m.start("feedpub", "serve", "--build=false"), m.start("feedpub", "serve", "--build=false")}
	builder := m.start("feedpub", "build")
	m.post("kept")
	for _, s := range servers {
		s.untilServed("Post kept.")
	}
	keep(m.redis)
	m.post("lost")
	for _, s := range servers {
		s.untilServed("Post lost.")
	}
	before := servers[0].tags()
	builder.kill()
	forget(m.redis)
	builder = m.start("feedpub", "build")
	builder.until("the main feed is held", func() bool {
		_, text := builder.get(builder.admin + "/problems")
		return strings.Contains(text, "held") && strings.Contains(text, "lost")
	})
	for _, s := range servers {
		if diff := cmp.Diff(before, s.tags()); diff != "" {
			t.Errorf("documents changed after the store lost data (-before +after):\n%s", diff)
		}
	}
	m.post("kept", "lost", "new")
	for _, s := range servers {
		s.untilServed("Post kept.", "Post lost.", "Post new.")
	}
}

// TestRollingUpgrade checks that while an older and a newer release take turns building, no entity tag changes until
// the site is upgraded, and that the upgrade changes each tag at most once.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	m := newMachines(t)
	m.program = "feedpub-newer"
	older := m.start("feedpub", "serve")
	m.post("a")
	older.untilServed("Post a.")
	before := older.tags()
	newer := m.start("feedpub-newer", "serve")
	newer.untilServed("Post a.")

	unchanged := func(when string, p *machine) {
		t.Helper()
		if diff := cmp.Diff(before, p.tags()); diff != "" {
			t.Errorf("%s: entity tags changed (-before +now):\n%s", when, diff)
		}
	}
	older.stop()
	newer.until("the newer release builds", func() bool {
		code, _ := m.run("rebuild")
		return code == exitDone && m.holds(newer)
	})
	unchanged("built by the newer release", newer)
	older = m.start("feedpub", "serve")
	newer.stop()
	older.until("the older release builds", func() bool { return m.holds(older) })
	if code, out := m.run("rebuild"); code != exitDone {
		t.Errorf("rebuild: exit code %d, %s", code, out)
	}
	older.untilServed("Post a.")
	unchanged("built by the older release again", older)

	newer = m.start("feedpub-newer", "serve")
	newer.untilServed("Post a.")
	newer.until("upgrade fails because of the older release", func() bool {
		code, out := m.run("upgrade")
		return code == exitFailed && strings.Contains(out, "replace these first") && strings.Count(out, "serve, build") == 2
	})
	unchanged("after the failed upgrade", newer)
	older.stop()
	newer.until("the newer release builds", func() bool { return m.holds(newer) })
	code, out := m.run("upgrade", "--check", "--json")
	var found hosting.Upgrade
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitDone || found.To != found.From+1 ||
		found.Done {
		t.Errorf("upgrade --check: exit code %d, %v, %s", code, err, out)
	}
	if code, out := m.run("upgrade"); code != exitDone ||
		!strings.Contains(out, fmt.Sprintf("now have rendering version %d; it was %d", render.Version+1, render.Version)) {
		t.Errorf("upgrade: exit code %d, %s", code, out)
	}
	newer.until("the new rendering version is served", func() bool {
		return newer.tags()["/feed.xml"] != before["/feed.xml"]
	})
	after := newer.tags()
	if before["/feed.xml"] == after["/feed.xml"] || before["/feed.json"] != after["/feed.json"] {
		t.Errorf("entity tags before the upgrade %v, after it %v; want /feed.xml changed and /feed.json unchanged", before,
			after)
	}

	// A server that runs the older release serves documents that it cannot render, but does not build.
	older = m.start("feedpub", "serve")
	older.untilServed("Post a.")
	newer.stop()
	older.until("/readyz reports that it does not build", func() bool {
		_, text := older.get(older.admin + "/readyz")
		return strings.Contains(text, "building") && strings.Contains(text, fmt.Sprintf("rendering version %d", render.Version+1))
	})
	if status, text := older.get(older.admin + "/readyz"); status != http.StatusOK {
		t.Errorf("a server that cannot build is not ready for readers: %s", text)
	}
	if code, _ := m.run("upgrade"); code != exitFailed {
		t.Errorf("upgrade without a builder that can render the version: exit code %d, want %d", code, exitFailed)
	}
	if diff := cmp.Diff(after, older.tags()); diff != "" {
		t.Errorf("entity tags served by the older release (-newer +older):\n%s", diff)
	}
	if m.holds(older) {
		t.Error("the older release builds a site whose rendering version it does not know")
	}
	if code, out := m.run("upgrade", "--force"); code != exitDone {
		t.Errorf("upgrade --force to the older version: exit code %d, %s", code, out)
	}
	older.until("the older release builds", func() bool { return older.tags()["/feed.xml"] == before["/feed.xml"] })
}

// TestDifferentConfigurations checks that builders with different configurations are reported. Both keep running: only
// an operator can tell which configuration is right.
func TestDifferentConfigurations(t *testing.T) {
	t.Parallel()
	m := newMachines(t)
	one := m.start("feedpub", "serve")
	two := m.start("feedpub", "serve", "--config", m.file("title.yml", "site: {title: Another}\n"))
	replica := m.start("feedpub", "serve", "--build=false", "--config", m.file("title.yml", "site: {title: A third}\n"))
	for _, p := range []*machine{one, two} {
		p.until("the difference is listed", func() bool {
			_, text := p.get(p.admin + "/problems")
			return strings.Contains(text, "a different configuration")
		})
	}
	if _, text := replica.get(replica.admin + "/problems"); strings.Contains(text, "a different configuration") {
		t.Errorf("a server that never builds lists a different configuration: %s", text)
	}
	two.stop()
	one.until("the difference is no longer listed", func() bool {
		_, text := one.get(one.admin + "/problems")
		return !strings.Contains(text, "a different configuration")
	})
}

// file writes a file and returns its path.
func (m *machines) file(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// holds reports whether a process holds the builder's lease.
func (m *machines) holds(p *machine) bool {
	m.t.Helper()
	owner, left, err := m.site.Holder(m.t.Context(), "build")
	return err == nil && left > 0 && strings.Contains(owner, ":"+strconv.Itoa(p.cmd.Process.Pid)+":")
}

func TestRoleErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	const noBuild = "redis: redis://127.0.0.1:1\nbuild: false\n"
	if err := os.WriteFile("c.yml", []byte(noBuild), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"build", "--site", "main"}, "build requires --redis"},
		{[]string{"build", "--config", "c.yml"}, "build is false"},
		{[]string{"serve", "--build=false"}, "a folder of posts is built by the server"},
		{[]string{"upgrade", "--site", "main"}, "upgrade is for --redis"},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), tt.args, func(string) string { return "" }, nil, &bytes.Buffer{}, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%v: exit code %d, %q; want %d and %q", tt.args, code, stderr.String(), exitUsage, tt.want)
		}
	}
}
