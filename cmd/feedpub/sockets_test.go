package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// poller polls a server at intervals, using a new connection each time, and records what readers would see.
type poller struct {
	url string

	mu            sync.Mutex
	polls, loaded int // numbers of polls, and of requests by other readers
	failed        []string
	slowest       time.Duration
}

// run polls until ctx is done. Meanwhile, other readers send one request after another, on connections that stay open.
func (p *poller) run(ctx context.Context, interval time.Duration) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var polls sync.WaitGroup
	defer polls.Wait()
	for range *readers {
		polls.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				p.poll(client, &p.loaded)
			}
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
		polls.Go(func() { p.poll(client, &p.polls) })
	}
}

// poll sends a request, and counts it.
func (p *poller) poll(client *http.Client, count *int) {
	begun := time.Now()
	res, err := client.Get(p.url)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", res.StatusCode) //nolint:err113 // a test
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	*count++
	p.slowest = max(p.slowest, time.Since(begun))
	if err != nil {
		p.failed = append(p.failed, err.Error())
	}
}

// lines collects what a process logs.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// await waits until text has been logged n times.
func (l *lines) await(t *testing.T, text string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		logged := l.b.String()
		l.mu.Unlock()
		if strings.Count(logged, text) >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q was not logged %d times within a minute:\n%s", text, n, logged)
		}
	}
}

// served waits until a server responds with a feed.
func served(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if res, err := http.Get(url); err == nil { //nolint:noctx // a test
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not served within a minute", url)
		}
	}
}

// folderOfPosts returns a folder that contains a posts folder.
func folderOfPosts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "posts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "posts", "a.json"), []byte(`{"id": "a", "content_text": "A."}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	restarts = flag.Int("restarts", 5, "`number` of restarts and reloads")
	readers  = flag.Int("readers", 0, "`number` of readers that send one request after another during restarts and reloads")
)

// TestReloadUnderPolls checks that no connection is refused while a server that is polled every 10 ms reloads a changed
// configuration on SIGHUP.
func TestReloadUnderPolls(t *testing.T) {
	t.Parallel()
	dir, address, admin := folderOfPosts(t), freeAddress(t), freeAddress(t)
	configure := func(title string) {
		text := "dir: posts\nsite: {title: " + title + ", base_url: 'https://feeds.example.org'}\n"
		if err := os.WriteFile(filepath.Join(dir, "feedpub.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("Before")
	cmd := process(t, dir, "serve", "--config", "feedpub.yml", "--listen", address, "--admin-listen", admin)
	var log lines
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := poller{url: "http://" + address + "/feed.xml"}
	served(t, p.url)
	polled(t, &p, func() {
		for i := range *restarts {
			configure(fmt.Sprintf("After %d", i))
			if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			log.await(t, "msg=reload by=SIGHUP outcome=reloaded", i+1)
		}
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after %d reloads, SIGTERM ended the process with %v", *restarts, err)
	}
}

// TestRestartInPlace checks that no connection is refused when a server polled every 10 ms restarts on SIGUSR2.
func TestRestartInPlace(t *testing.T) {
	address, admin := freeAddress(t), freeAddress(t)
	cmd := process(t, folderOfPosts(t), "serve", "--listen", address, "--admin-listen", admin)
	var log lines
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + address + "/feed.xml"
	served(t, url)
	p := poller{url: url}
	polled(t, &p, func() {
		for i := range *restarts {
			if err := cmd.Process.Signal(syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
			log.await(t, "feeds loaded from disk", i+2)
		}
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after %d restarts, SIGTERM ended the process with %v", *restarts, err)
	}
}

// TestSocketActivation plays the part of systemd: it passes sockets to a server, and keeps them open while the server
// restarts.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	dir := folderOfPosts(t)
	files := make([]*os.File, 2)
	var address string
	for i := range files {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if files[i], err = l.(*net.TCPListener).File(); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			address = l.Addr().String()
		}
	}
	start := func() *exec.Cmd {
		program := process(t, dir)
		// Systemd sets LISTEN_PID between fork and exec; only the process itself knows its id.
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" serve`, program.Path)
		cmd.Dir, cmd.ExtraFiles = dir, files
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=admin:readers")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	cmd := start()
	p := poller{url: "http://" + address + "/feed.xml"}
	served(t, p.url)
	polled(t, &p, func() {
		for range *restarts {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			cmd = start()
			served(t, p.url)
		}
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// polled polls a server every 10 ms while f runs, and reports the results.
func polled(t *testing.T, p *poller, f func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var done sync.WaitGroup
	done.Go(func() { p.run(ctx, 10*time.Millisecond) })
	f()
	stop()
	done.Wait()
	report(t, p)
}

// report fails the test if a poll failed.
func report(t *testing.T, p *poller) {
	t.Helper()
	t.Logf("%d polls at intervals and %d of other readers during %d restarts or reloads: %d failed; the slowest took %v",
		p.polls, p.loaded, *restarts, len(p.failed), p.slowest.Round(time.Millisecond))
	if len(p.failed) > 0 {
		t.Errorf("%d of %d polls failed, first: %s", len(p.failed), p.polls+p.loaded, p.failed[0])
	}
	if p.polls < *restarts {
		t.Errorf("only %d polls were sent", p.polls)
	}
}
