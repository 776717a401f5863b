package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/deploy/bench/internal/program"
	"feedpub/feed"
	"feedpub/store"
)

// redisServer is a redis-server without persistence, started by this program.
type redisServer struct {
	dir string
	cmd *exec.Cmd
}

func startRedis(ctx context.Context) (*redisServer, error) {
	dir, err := os.MkdirTemp("", "feedpub-hub-")
	if err != nil {
		return nil, err
	}
	s := &redisServer{dir: dir}
	s.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket(), "--dir", dir, "--save", "",
		"--appendonly", "no")
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server (Debian's package redis-server): %w", err)
	}
	for range 500 {
		if _, err := s.cli(ctx, "ping"); err == nil {
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("redis-server does not answer")
}

func (s *redisServer) socket() string { return filepath.Join(s.dir, "redis.sock") }
func (s *redisServer) url() string    { return "unix://" + s.socket() }

func (s *redisServer) stop() {
	_ = s.cmd.Process.Kill() // kills only this process
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

func (s *redisServer) cli(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-s", s.socket()}, args...)...).Output()
	return string(out), err
}

// memory returns the bytes that Redis uses.
func (s *redisServer) memory(ctx context.Context) (int, error) {
	out, err := s.cli(ctx, "info", "memory")
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(out)
	if m == nil {
		return 0, errors.New("redis-server does not report its memory")
	}
	return strconv.Atoi(m[1])
}

// bench is a site with a hub, and receivers.
type bench struct {
	redis    *redisServer
	client   *store.Client
	site     *store.Site
	receiver *receiver
	program  string
	address  string
	serve    *exec.Cmd
	version  int       // version of the last post
	changed  time.Time // when that version was written
}

func start(ctx context.Context) (b *bench, err error) {
	b = new(bench)
	if b.redis, err = startRedis(ctx); err != nil {
		return nil, err
	}
	b.program = filepath.Join(b.redis.dir, "feedpub")
	if err := program.Build(ctx, b.program); err != nil {
		return nil, err
	}
	if b.client, err = store.Open(store.Options{URL: b.redis.url()}); err != nil {
		return nil, err
	}
	b.site = b.client.Site("main")
	if b.receiver, err = newReceiver(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	if err := b.put(ctx); err != nil {
		return nil, err
	}
	return b, b.startServe(ctx)
}

func (b *bench) stop() {
	_ = b.serve.Process.Kill() // kills only this process
	_ = b.serve.Wait()
	b.receiver.close()
	_ = b.client.Close()
	b.redis.stop()
}

// startServe starts "feedpub serve" and waits until it serves the feed.
func (b *bench) startServe(ctx context.Context) error {
	b.serve = exec.Command(b.program, "serve", "--redis", b.redis.url(), "--data", filepath.Join(b.redis.dir, "data"),
		"--listen", b.address, "--admin-listen", "127.0.0.1:0")
	b.serve.Env = append(os.Environ(), "FEEDPUB_SITE_TITLE=Hub", "FEEDPUB_SITE_HUBS=[/hub]",
		"FEEDPUB_SITE_BASE_URL=http://"+b.address, "FEEDPUB_EGRESS_ALLOW=[127.0.0.0/8]", "FEEDPUB_LOG_LEVEL=warn",
		"FEEDPUB_PUSH_LIMIT=1000000")
	b.serve.Stderr = os.Stderr
	if err := b.serve.Start(); err != nil {
		return err
	}
	for range 3000 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.address+"/feed.xml", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("feedpub serve does not serve the feed")
}

// restart kills the server and starts it again.
func (b *bench) restart(ctx context.Context) error {
	if err := b.serve.Process.Kill(); err != nil {
		return err
	}
	_ = b.serve.Wait()
	return b.startServe(ctx)
}

// put writes the next version of the changing post.
func (b *bench) put(ctx context.Context) error {
	b.version++
	post := feed.RawPost{ID: "post", Raw: fmt.Appendf(nil,
		`{"id":"post","title":"A post","date_published":"2026-01-01T00:00:00Z","content_text":"%s%d. %s"}`,
		marker, b.version, strings.Repeat("A sentence of a post. ", 200))}
	b.changed = time.Now()
	return b.site.Put(ctx, post)
}

// change writes the next version and waits until all subscribers have it.
func (b *bench) change(ctx context.Context) (time.Duration, error) {
	if err := b.put(ctx); err != nil {
		return 0, err
	}
	if err := b.receiver.await(ctx, b.version, b.receiver.subscribe); err != nil {
		return 0, err
	}
	return time.Since(b.changed), nil
}

// peak returns the peak resident memory of the server in MiB.
func (b *bench) peak() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.serve.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	number, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, err := strconv.ParseFloat(string(bytes.TrimSpace(number)), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}

// subscribe subscribes n callbacks and waits until each has received a delivery.
func (b *bench) subscribe(ctx context.Context, n int, path string) error {
	err := parallel(ctx, n, func(ctx context.Context, i int) error {
		form := url.Values{
			"hub.mode": {"subscribe"}, "hub.topic": {"http://" + b.address + "/feed.xml"},
			"hub.callback": {b.receiver.callback(path, i)}, "hub.secret": {fmt.Sprintf("%032d", i)},
		}
		for {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.address+"/hub",
				strings.NewReader(form.Encode()))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			_ = res.Body.Close()
			switch res.StatusCode {
			case http.StatusAccepted:
				return nil
			case http.StatusServiceUnavailable: // too many requests wait for verification
				time.Sleep(100 * time.Millisecond)
			default:
				return fmt.Errorf("subscribe: %s", res.Status)
			}
		}
	})
	if err != nil {
		return err
	}
	if path == "/slow" {
		return b.receiver.awaitPaths(ctx, b.receiver.subscribe+n)
	}
	b.receiver.subscribe = n
	return b.receiver.await(ctx, b.version, n)
}

// parallel calls f for each number from 0 to n-1, at most 32 at a time.
func parallel(ctx context.Context, n int, f func(context.Context, int) error) error {
	const workers = 32
	g, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	next := 0
	for range workers {
		g.Go(func() error {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n {
					return nil
				}
				if err := f(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
