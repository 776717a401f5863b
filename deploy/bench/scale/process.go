package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// redisServer is a server without persistence that this program has started.
type redisServer struct {
	socket string
	cmd    *exec.Cmd
}

func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	socket := filepath.Join(dir, "redis.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server (Debian's package redis-server): %w", err)
	}
	s := &redisServer{socket: socket, cmd: cmd}
	for range 500 {
		if exec.CommandContext(ctx, "redis-cli", "-s", socket, "ping").Run() == nil {
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("redis-server does not answer")
}

func (s *redisServer) url() string { return "unix://" + s.socket }
func (s *redisServer) pid() int    { return s.cmd.Process.Pid }

func (s *redisServer) stop() {
	_ = s.cmd.Process.Kill() // this process, by its id
	_ = s.cmd.Wait()
}

// startReplica builds feedpub and lets it serve the site's documents in a process of its own. It builds nothing there,
// for this process holds the builder's lease. It returns the URL under which it serves, and what ends it.
func (b *bench) startReplica(ctx context.Context) (url string, stop func(), err error) {
	program := filepath.Join(b.dir, "feedpub")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/feedpub").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("build feedpub, from the top folder of its source: %w\n%s", err, out)
	}
	cmd := exec.Command(program, "serve", "--redis", b.server.url(), "--data", filepath.Join(b.dir, "data"),
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Stderr = io.Discard
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "RSS"); ok {
			url, _ = strings.CutSuffix(strings.TrimSpace(address), "/feed.xml")
		}
		if strings.HasPrefix(lines.Text(), "admin") { // the last line
			return url, stop, nil
		}
	}
	stop()
	return "", nil, errors.New("feedpub serve has ended")
}
