package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"feedpub/deploy/bench/internal/program"
)

// redisServer is a redis-server without persistence, started by this program.
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
	_ = s.cmd.Process.Kill() // kills only this process
	_ = s.cmd.Wait()
}

// replica is a "feedpub serve" in a separate process, together with the state of one reader.
type replica struct {
	reader
	admin string // address for operators
	cmd   *exec.Cmd
}

func (r *replica) pid() int { return r.cmd.Process.Pid }

// stop terminates the process gracefully.
func (r *replica) stop() {
	_ = r.cmd.Process.Signal(os.Interrupt)
	_ = r.cmd.Wait()
}

func (r *replica) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// startReplica starts "feedpub serve" for the site. The server does not build while this process holds the builder's
// lease.
func (b *bench) startReplica(ctx context.Context) (*replica, error) {
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, err
	}
	return b.startServe(ctx, data)
}

// program returns the path of the feedpub binary, which it builds on the first call.
func (b *bench) program(ctx context.Context) (string, error) {
	if b.binary != "" {
		return b.binary, nil
	}
	path := filepath.Join(b.dir, "feedpub")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, program.Build(ctx, path)
}

// startServe starts "feedpub serve" for the site on a data folder, with additional environment variables.
func (b *bench) startServe(ctx context.Context, data string, variables ...string) (*replica, error) {
	// All builders of a site need the same configuration, but by default base_url depends on the listener's address.
	return b.startProgram(ctx, data, append([]string{"FEEDPUB_SITE_BASE_URL=https://feeds.example",
		"FEEDPUB_SITE_HOME_URL=https://blog.example/", "FEEDPUB_SITE_TITLE=Scale"}, variables...)...)
}

// startProgram starts "feedpub serve" with the posts in Redis on a data folder, with additional environment variables.
func (b *bench) startProgram(ctx context.Context, data string, variables ...string) (*replica, error) {
	return b.start(ctx, 20*time.Second, []string{"--redis", b.server.url(), "--data", data}, variables)
}

// start starts "feedpub serve" with the given flags and additional environment variables, and waits until it accepts
// connections, but no longer than limit.
func (b *bench) start(ctx context.Context, limit time.Duration, flags, variables []string) (*replica, error) {
	program, err := b.program(ctx)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append([]string{"serve", "--listen", address, "--admin-listen", admin}, flags...)...)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &replica{reader: reader{base: "http://" + address, tags: map[string]string{}}, admin: admin, cmd: cmd}
	if err := waitForListener(address, limit); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// waitForListener waits until a server accepts connections at the address.
func waitForListener(address string, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn.Close()
		}
	}
	return errors.New("feedpub serve does not accept connections")
}

// freeAddress returns an unused loopback address.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
